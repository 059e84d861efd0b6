package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
)

// lockOptions are the flags of lock, and what it needs.
type lockOptions struct {
	*printer
	project *project

	clear string // the run that the lock is taken from; empty: none
}

func newLock(s *session, run func(context.Context, *lockOptions) error) *cobra.Command {
	o := &lockOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "lock", Args: cobra.NoArgs,
		Short: "Tell who holds the project's lock, or take it from a run that cannot be ended",
		Long: `lock tells who holds the project's lock. A lock frees itself when its owner
ends, or is not heard of for half a minute. --clear takes it from the run that
is named: that run stops at once and brings nothing back.`,
		Example: "  stackctl lock\n  stackctl lock --clear 20261122-101500-deploy-5f2c",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.clear, "clear", "", "take the lock from this `run`")
	return cmd
}

func runLock(ctx context.Context, o *lockOptions) error {
	return connect(ctx, o.project, o.redactor, func(c connection) error {
		if o.clear != "" {
			return o.take(ctx, c)
		}
		info, err := node.Holder(ctx, c.server, c.target)
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
	})
}

// printHolder prints who holds the lock, and what to do about it.
func (o *lockOptions) printHolder(info stack.LockInfo, now time.Time) {
	fmt.Fprintf(o.out, "%s holds the lock since %s (run %s, last heard of %s ago)\n",
		o.clean(info.Owner), moment(info.Since), or(o.clean(info.Run), "unknown"), operate.Age(now.Sub(info.Beat)))
	fmt.Fprintln(o.out, "wait for it: `stackctl deploy --lock-wait 10m`")
	if info.Run != "" {
		fmt.Fprintf(o.out, "or, where it hangs and nobody can end it: `stackctl lock --clear %s`\n", o.clean(info.Run))
	}
}

// take takes the lock from the run that is named.
func (o *lockOptions) take(ctx context.Context, c connection) error {
	info, err := node.ClearLock(ctx, c.server, c.target, o.clear)
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
