package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

// statusOptions are the flags of status, and what it needs.
type statusOptions struct {
	*printer
	project *project
	runFlags

	data bool
}

func newStatus(s *session, run func(context.Context, *statusOptions) error) *cobra.Command {
	o := &statusOptions{printer: s.printer, project: s.project, runFlags: runFlags{parallel: sideBySide}}
	cmd := &cobra.Command{
		Use: "status", Args: cobra.NoArgs,
		Short: "Tell what runs, since when and how well",
		Long: `status tells which release is live and since when, how its containers are, how
full the disk is and what of it belongs to the project, how long the served
certificates last (read from outside, from the edge's own address), who holds
the lock and when the last backup was made. It changes nothing.

With --data it lists what the project keeps on the target instead: each database,
volume and folder with its size and last backup, also what is not backed up.`,
		Example: "  stackctl status\n  stackctl status --data\n  stackctl status --all-targets\n  stackctl status --target production --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.data && (len(o.project.targets) > 1 || o.all) {
				return usage(cmd, errors.New("--data is of one target"))
			}
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.data, "data", false, "list what the project keeps, with size and last backup")
	o.bindAll(cmd)
	return cmd
}

func runStatus(ctx context.Context, o *statusOptions) error {
	if o.data {
		return o.showData(ctx)
	}
	c, targets, err := o.project.chosen(o.runFlags)
	if err != nil {
		return err
	}
	o.learn(c, targets...)
	all := make([]targetStatus, len(targets))
	at := map[string]int{}
	for i, t := range targets {
		at[t.Name] = i
	}
	o.each(targets, func(t stack.Target) outcome {
		x := &all[at[t.Name]]
		x.Status, x.err = readStatus(ctx, c, t)
		if x.Target = t.Name; x.err != nil {
			x.Error = o.safe(x.err.Error())
			x.Host, x.Domain = t.Where(), t.Domain
		}
		return outcome{target: t.Name}
	})
	return o.show(all)
}

// targetStatus is the status of one target of several, or why there is none.
type targetStatus struct {
	operate.Status
	Error string `json:"error,omitempty"`
	err   error
}

func readStatus(ctx context.Context, c stack.Config, t stack.Target) (operate.Status, error) {
	server, err := swarm.Reach(ctx, t)
	if err != nil {
		return operate.Status{}, err
	}
	status, err := operate.ReadStatus(ctx, server, c, t, time.Now())
	return status, errors.Join(err, server.Close())
}

// show shows one status as it is, several as a list.
func (o *statusOptions) show(all []targetStatus) error {
	var failures []error
	for _, x := range all {
		if x.err != nil {
			failures = append(failures, x.err)
		}
	}
	worst := Worst(failures)
	switch {
	case len(all) == 1 && worst != nil:
		return worst
	case o.output == "json" && len(all) == 1:
		return o.json(all[0].Status)
	case o.output == "json":
		if err := o.json(all); err != nil {
			return err
		}
	default:
		for i, x := range all {
			if i > 0 {
				fmt.Fprintln(o.out)
			}
			if x.err != nil {
				fmt.Fprintf(o.out, "%-12s %s (%s)\n%-12s %s\n", "target", x.Target, x.Host, "error", x.Error)
				continue
			}
			o.print(x.Status)
		}
	}
	if worst != nil {
		return &shown{worst}
	}
	return nil
}
