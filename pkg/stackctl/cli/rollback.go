package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

// rollbackOptions are the flags of rollback, and what it needs.
type rollbackOptions struct {
	recorder *recorder
	project  *project
	runFlags

	release  string // empty: the one before the live one
	allTests bool
	lockWait time.Duration
}

func newRollback(s *session, run func(context.Context, *rollbackOptions) error) *cobra.Command {
	o := &rollbackOptions{recorder: s.recorder(), project: s.project}
	cmd := &cobra.Command{
		Use: "rollback [RELEASE]", Args: cobra.MaximumNArgs(1),
		Short: "Lead back to the release before, or to a named one",
		Long: `rollback takes the same way as a deploy, with a release that the host kept:
its images, compose file, configuration and edge together. The gates judge it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if o.release = args[0]; o.release == "" {
					return usage(cmd, errors.New("the release's name is empty: leave it out for the one before the live one"))
				}
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: o.completeReleases,
	}
	o.bindTargets(cmd)
	bindAllTests(cmd, &o.allTests)
	bindLockWait(cmd, &o.lockWait, "deploy")
	return cmd
}

func runRollback(ctx context.Context, o *rollbackOptions) error {
	return o.recorder.record(ctx, "rollback", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.All, d.LockWait = o.allTests, o.lockWait
		return d.Rollback(ctx, o.release)
	})
}

// completionLimit bounds how long a shell waits for names from a server.
const completionLimit = 4 * time.Second

// completeReleases completes the releases that a rollback can lead to. It asks
// the server; what cannot be had in time is not completed.
func (o *rollbackOptions) completeReleases(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	_, t, err := o.project.one(o.runFlags)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionLimit)
	defer cancel()
	server, err := swarm.Reach(ctx, t)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = server.Close() }()
	list, live, _ := operate.Releases(ctx, server, t)
	var ids []string
	for _, r := range list {
		if r.State == stack.ReleaseGood && r.ID != live {
			ids = append(ids, r.ID+"\twent live "+moment(r.Switched))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
