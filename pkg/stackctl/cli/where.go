package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

// lookLimit bounds the look at a server that nobody asked for by a verb.
const lookLimit = 5 * time.Second

// where is what one stands before: the answer to stackctl without a verb.
type where struct {
	Project string `json:"project"`
	Target  string `json:"target,omitempty"`
	Login   string `json:"login,omitempty"`
	Domain  string `json:"domain,omitempty"`
	// Live is the live release; empty: there is none, or Problem keeps it unknown.
	Live    string `json:"live,omitempty"`
	Since   string `json:"live_since,omitempty"`
	Problem string `json:"problem,omitempty"`
	Next    string `json:"next"`
}

// whereOptions are what stackctl without a verb needs.
type whereOptions struct {
	*printer
	project *project
}

// bindWhere makes stackctl without a verb show where one stands; without a
// stackctl.yaml it is the help.
func bindWhere(root *cobra.Command, s *session, run func(context.Context, *whereOptions) error) {
	o := &whereOptions{printer: s.printer, project: s.project}
	otherwise := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := os.Stat(o.project.file); len(args) > 0 || errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config") {
			return otherwise(cmd, args)
		}
		return run(cmd.Context(), o)
	}
}

func runWhere(ctx context.Context, o *whereOptions) error {
	w, err := o.look(ctx)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(w)
	}
	return o.print(w)
}

// look finds out where one stands.
func (o *whereOptions) look(ctx context.Context) (where, error) {
	c, err := config.Load(o.project.file)
	if err != nil {
		return where{}, err
	}
	w := where{Project: c.Project}
	_, t, err := o.project.load()
	switch {
	case err != nil && len(o.project.targets) > 0:
		return w, err
	case err != nil:
		w.Problem, w.Next = stack.Explain(err)
		return w, nil
	}
	o.learn(c, t)
	w.Target, w.Domain, w.Login = t.Name, t.Domain, t.User+"@"+t.Host
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	record, err := liveRelease(ctx, t)
	switch {
	case err != nil:
		if w.Problem, w.Next = stack.Explain(err); errors.Is(err, context.DeadlineExceeded) {
			w.Problem, w.Next = fmt.Sprintf("the server did not answer within %s", lookLimit), "stackctl status"
		}
	case record.ID == "":
		w.Next = "stackctl deploy"
	default:
		w.Live, w.Since, w.Next = record.ID, record.Switched.UTC().Format(time.RFC3339), "stackctl status shows what runs, stackctl deploy brings a change"
	}
	return w, nil
}

// liveRelease asks the server which release is live.
func liveRelease(ctx context.Context, t stack.Target) (stack.ReleaseRecord, error) {
	server, err := swarm.Reach(ctx, t)
	if err != nil {
		return stack.ReleaseRecord{}, err
	}
	defer func() { _ = server.Close() }()
	list, live, err := operate.Releases(ctx, server, t)
	if err != nil {
		return stack.ReleaseRecord{}, err
	}
	for _, r := range list {
		if r.ID == live {
			return r, nil
		}
	}
	return stack.ReleaseRecord{ID: live}, nil
}

func (o *whereOptions) print(w where) error {
	var err error
	line := func(name, value string) {
		if value != "" && err == nil {
			_, err = fmt.Fprintf(o.out, "%-8s %s\n", name, redact.Printable(o.safe(value)))
		}
	}
	line("project", w.Project)
	if w.Target != "" {
		line("target", fmt.Sprintf("%s (%s, https://%s)", w.Target, w.Login, w.Domain))
	}
	switch {
	case w.Live != "":
		line("live", w.Live+" since "+w.Since)
	case w.Problem == "":
		line("live", "none")
	}
	line("problem", w.Problem)
	line("next", w.Next)
	line("help", "stackctl --help")
	return err
}
