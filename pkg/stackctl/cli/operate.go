package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// reached is a target that a verb is connected to.
type reached struct {
	config stack.Config
	target stack.Target
	server deploy.Server
}

// onTarget connects to the target, runs a verb on it and disconnects.
func (o *options) onTarget(run func(ctx context.Context, r reached, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, t, err := o.load()
		if err != nil {
			return err
		}
		o.redactor = redact.New(release.Known(c, t))
		server, err := deploy.Connect(cmd.Context(), t)
		if err != nil {
			return err
		}
		return errors.Join(run(cmd.Context(), reached{c, t, server}, args), server.Close())
	}
}

func (r reached) status(ctx context.Context) (deploy.Status, error) {
	return deploy.ReadStatus(ctx, r.server, r.config, r.target, time.Now())
}

// current lists the containers of services that serve now; none means all.
func (r reached) current(ctx context.Context, services []string) ([]stack.Container, error) {
	return deploy.Current(ctx, r.server, r.config, r.target, services)
}

func newStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "status", Args: cobra.NoArgs,
		Short: "Tell what runs, since when and how well",
		RunE: o.onTarget(func(ctx context.Context, r reached, args []string) error {
			status, err := r.status(ctx)
			if err != nil {
				return err
			}
			if o.output == "json" {
				return o.json(status)
			}
			o.printStatus(status)
			return nil
		}),
	}
}

func (o *options) printStatus(s deploy.Status) {
	fmt.Fprintf(o.out, "target   %s (%s), https://%s/\nrelease  %s\nengine   %s, %s of memory, %s free on disk\n",
		s.Target, s.Host, s.Domain, or(s.Live, "none is live"), s.Engine, size(s.Memory), size(s.Free))
	if s.Lock != nil {
		fmt.Fprintf(o.out, "lock     %s since %s, run %s\n", s.Lock.Owner, s.Lock.Since.Format(time.RFC3339), s.Lock.Run)
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nSERVICE\tLAYER\tRELEASE\tSTATE\tHEALTH\tUP\tRESTARTS\tIMAGE")
	for _, c := range s.Containers {
		up := "-"
		if c.State == "running" {
			up = s.At.Sub(c.Started).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", c.Service, c.Layer, or(c.Release, "-"), c.State, or(c.Health, "-"), up, c.Restarts, shortImage(c.Image))
	}
	_ = w.Flush()
}

// shortImage is an image as people know it: a reference, or the head of an ID.
func shortImage(image string) string {
	if id, ok := strings.CutPrefix(image, "sha256:"); ok && len(id) > 12 {
		return id[:12]
	}
	return image
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

func newReleases(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "releases", Args: cobra.NoArgs,
		Short: "List the releases that the host keeps",
		RunE: o.onTarget(func(ctx context.Context, r reached, args []string) error {
			status, err := r.status(ctx)
			if err != nil {
				return err
			}
			if o.output == "json" {
				return o.json(status.Releases)
			}
			w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
			fmt.Fprintln(w, "RELEASE\tSTATE\tLIVE SINCE\tCOMMIT\tBY\tREASON")
			for _, r := range status.Releases {
				since := "-"
				if !r.Switched.IsZero() {
					since = r.Switched.Format(time.RFC3339)
				}
				state := string(r.State)
				if r.ID == status.Live {
					state = "live"
				}
				reason, _, _ := strings.Cut(r.Reason, "\n")
				fmt.Fprintf(w, "%s\t%s\t%s\t%.12s\t%s\t%s\n", r.ID, state, since, or(r.Commit, "-"), or(r.By, "-"), reason)
			}
			return w.Flush()
		}),
	}
}

func newLock(o *options) *cobra.Command {
	var run string
	cmd := &cobra.Command{
		Use: "lock", Args: cobra.NoArgs,
		Short: "Tell who holds the project's lock, or take it from a run that cannot be ended",
		Long: `lock tells who holds the project's lock. A lock frees itself when its owner
ends, or is not heard of for half a minute. --clear takes it from the run that
is named: that run stops at once and brings nothing back.`,
		Example: "  stackctl lock\n  stackctl lock --clear 20261122-101500-deploy-5f2c",
		RunE: o.onTarget(func(ctx context.Context, r reached, args []string) error {
			if run != "" {
				return o.clearLock(ctx, r, run)
			}
			info, err := deploy.Holder(ctx, r.server, r.target.Path)
			switch {
			case err != nil:
				return err
			case o.output == "json":
				return o.json(info)
			case info == nil:
				fmt.Fprintln(o.out, "nobody holds the lock")
			default:
				fmt.Fprintf(o.out, "%s holds the lock since %s (run %s, last seen %s)\n", info.Owner,
					info.Since.Format(time.RFC3339), info.Run, info.Beat.Format(time.RFC3339))
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&run, "clear", "", "take the lock from this `run`")
	return cmd
}

// clearLock takes the lock from a run.
func (o *options) clearLock(ctx context.Context, r reached, run string) error {
	info, err := deploy.ClearLock(ctx, r.server, r.target.Path, run)
	switch {
	case err != nil:
		return err
	case o.output == "json":
		return o.json(info)
	case info == nil:
		fmt.Fprintln(o.out, "nobody holds the lock")
	default:
		fmt.Fprintf(o.out, "the lock was taken from %s (run %s)\n", info.Owner, info.Run)
	}
	return nil
}

func newLogs(o *options) *cobra.Command {
	var follow bool
	var tail int
	cmd := &cobra.Command{
		Use: "logs [SERVICE...]", Args: cobra.ArbitraryArgs,
		Short: "Show what services of the live release, the edge and the data layer log",
		RunE: o.onTarget(func(ctx context.Context, r reached, args []string) error {
			containers, err := r.current(ctx, args)
			if err != nil {
				return err
			}
			return o.follow(ctx, r.server, containers, tail, follow)
		}),
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as more comes")
	cmd.Flags().IntVarP(&tail, "tail", "n", 100, "how many last `lines` of each service")
	return cmd
}

// follow copies the logs of several containers, each line after its service's name.
func (o *options) follow(ctx context.Context, server deploy.Server, containers []stack.Container, tail int, follow bool) error {
	var lock sync.Mutex
	var all sync.WaitGroup
	errs := make([]error, len(containers))
	for i, c := range containers {
		all.Add(1)
		go func() {
			defer all.Done()
			w := o.redactor.Writer(&prefixed{out: o.out, lock: &lock, prefix: fmt.Sprintf("%-10s | ", c.Service)})
			errs[i] = server.Logs(ctx, c.ID, tail, follow, w, w)
			_ = w.Close()
		}()
	}
	all.Wait()
	for i, err := range errs {
		if err != nil && ctx.Err() == nil {
			return stack.Fault(stack.CauseStep, "read the logs of "+containers[i].Service, err, "")
		}
	}
	return nil
}

func newExec(o *options) *cobra.Command {
	var input bool
	cmd := &cobra.Command{
		Use: "exec SERVICE -- COMMAND...", Args: cobra.MinimumNArgs(2),
		Short:   "Run a command in a container of the live release",
		Example: "  stackctl exec api -- /server version\n  stackctl exec --stdin admin -- /server create-staff --email ada@example.org < password",
		RunE: o.onTarget(func(ctx context.Context, r reached, args []string) error {
			containers, err := r.current(ctx, args[:1])
			if err != nil {
				return err
			}
			return o.exec(ctx, r.server, containers[0], args[1:], input)
		}),
	}
	cmd.Flags().BoolVarP(&input, "stdin", "i", false, "give the command this command's standard input")
	return cmd
}

// exec runs a command in a container; known secrets are masked in what it prints.
func (o *options) exec(ctx context.Context, server deploy.Server, c stack.Container, argv []string, input bool) error {
	var stdin io.Reader
	if input {
		stdin = o.in
	}
	out, errs := o.redactor.Writer(o.out), o.redactor.Writer(o.errs)
	exit, err := server.ExecStream(ctx, c.ID, argv, stdin, out, errs)
	if err = errors.Join(err, out.Close(), errs.Close()); err != nil {
		return err
	}
	if exit != 0 {
		return stack.Fault(stack.CauseStep, "exec in "+c.Service, fmt.Errorf("the command ended with exit code %d", exit), "")
	}
	return nil
}
