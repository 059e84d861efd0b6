package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
)

// reached is a target that a verb is connected to.
type reached struct {
	config stack.Config
	target stack.Target
	server node.Server
}

// onTarget connects to the target, runs a verb on it and disconnects.
func (o *options) onTarget(run func(ctx context.Context, r reached, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, t, err := o.load()
		if err != nil {
			return err
		}
		if err := o.readSecrets(cmd.Context(), &c); err != nil {
			return err
		}
		o.learn(c, t)
		server, err := node.Connect(cmd.Context(), t)
		if err != nil {
			return err
		}
		return errors.Join(run(cmd.Context(), reached{c, t, server}, args), server.Close())
	}
}

// current lists the containers of services that serve now; none means all.
func (r reached) current(ctx context.Context, services []string) ([]stack.Container, error) {
	return operate.Current(ctx, r.server, r.config, r.target, services)
}

func newReleases(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "releases", Args: cobra.NoArgs,
		Short: "List the releases that the host keeps",
		Long: `releases lists what the host keeps, the newest first: the live one, good ones
that ` + "`stackctl rollback`" + ` can lead back to, and failed ones with their reason.`,
		Example: "  stackctl releases\n  stackctl releases --target production --output json",
		RunE: o.onTarget(func(ctx context.Context, r reached, _ []string) error {
			list, live, err := operate.Releases(ctx, r.server, r.target)
			if err != nil {
				return err
			}
			if o.output == "json" {
				return o.json(listed(list, live))
			}
			return o.printReleases(list, live)
		}),
	}
}

// listedRelease is a release that the host keeps, for machines.
type listedRelease struct {
	stack.ReleaseRecord
	Live bool `json:"live"`
}

func listed(list []stack.ReleaseRecord, live string) []listedRelease {
	out := make([]listedRelease, 0, len(list)) // never null in JSON
	for _, r := range list {
		out = append(out, listedRelease{r, r.ID == live})
	}
	return out
}

func (o *options) printReleases(list []stack.ReleaseRecord, live string) error {
	if len(list) == 0 {
		fmt.Fprintln(o.out, "no release is kept yet")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RELEASE\tSTATE\tWENT LIVE\tCOMMIT\tBY\tREASON")
	for _, r := range list {
		since := "-"
		if !r.Switched.IsZero() {
			since = moment(r.Switched)
		}
		state := string(r.State)
		if r.ID == live {
			state = "live"
		}
		reason := strings.Join(strings.Fields(o.clean(r.Reason)), " ") // its first line may be no more than who says it
		fmt.Fprintf(w, "%s\t%s\t%s\t%.12s\t%s\t%s\n", r.ID, state, since, or(o.clean(r.Commit), "-"), or(o.clean(r.By), "-"), shorten(reason, 160))
	}
	return w.Flush()
}

func shorten(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
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
		RunE: o.onTarget(func(ctx context.Context, r reached, _ []string) error {
			if run != "" {
				return o.clearLock(ctx, r, run)
			}
			info, err := node.Holder(ctx, r.server, r.target)
			switch {
			case err != nil:
				return err
			case o.output == "json":
				return o.json(info)
			case info == nil:
				fmt.Fprintln(o.out, "nobody holds the lock")
			default:
				o.printHolder(*info, time.Now())
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&run, "clear", "", "take the lock from this `run`")
	return cmd
}

// printHolder tells who holds the lock, and what to do about it.
func (o *options) printHolder(info stack.LockInfo, now time.Time) {
	fmt.Fprintf(o.out, "%s holds the lock since %s (run %s, last heard of %s ago)\n",
		o.clean(info.Owner), moment(info.Since), or(o.clean(info.Run), "unknown"), operate.Age(now.Sub(info.Beat)))
	fmt.Fprintln(o.out, "wait for it: `stackctl deploy --lock-wait 10m`")
	if info.Run != "" {
		fmt.Fprintf(o.out, "or, where it hangs and nobody can end it: `stackctl lock --clear %s`\n", o.clean(info.Run))
	}
}

// clearLock takes the lock from a run.
func (o *options) clearLock(ctx context.Context, r reached, run string) error {
	info, err := node.ClearLock(ctx, r.server, r.target, run)
	switch {
	case err != nil:
		return err
	case o.output == "json":
		return o.json(info)
	case info == nil:
		fmt.Fprintln(o.out, "nobody holds the lock")
	default:
		fmt.Fprintf(o.out, "the lock was taken from %s (run %s)\n", o.clean(info.Owner), o.clean(info.Run))
	}
	return nil
}
