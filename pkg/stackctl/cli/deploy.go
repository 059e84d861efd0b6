package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// deployOptions are the flags of deploy, and what it needs.
type deployOptions struct {
	recorder *recorder
	runFlags

	allTests bool
	lockWait time.Duration
	adopt    bool
}

func newDeploy(s *session, run func(context.Context, *deployOptions) error) *cobra.Command {
	o := &deployOptions{recorder: s.recorder()}
	cmd := &cobra.Command{
		Use: "deploy", Aliases: []string{"update"}, Args: cobra.NoArgs,
		Short: "Deploy, judge, and roll back if the judgement is bad",
		Long: `deploy freezes a release from the project's files, judges what can be judged
without a server, ships what the host lacks, migrates, starts the new release
beside the old one, judges it, switches the edge without losing a request,
judges from outside, drains the old release, and commits or rolls back.

Gates and evidence always run; --all-tests adds the slow and the mutating ones.

Several targets are deployed to side by side, each with its own gates, verdict
and evidence; one that fails neither stops nor hurts the others. The exit code is
the worst one: 130, 4, 1, 5, 3, 6, 2, 0, in this order.`,
		Example: "  stackctl deploy --all-tests\n  stackctl deploy --target production --lock-wait 10m\n  stackctl deploy --target berlin,oslo\n  stackctl deploy --all-targets --parallel 2 --fail-fast",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.bindTargets(cmd)
	o.bindEnv(cmd)
	bindAllTests(cmd, &o.allTests)
	bindLockWait(cmd, &o.lockWait, "deploy")
	bindAdopt(cmd, &o.adopt)
	return cmd
}

func runDeploy(ctx context.Context, o *deployOptions) error {
	return o.recorder.record(ctx, "deploy", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.All, d.LockWait, d.Adopt = o.allTests, o.lockWait, o.adopt
		return d.Deploy(ctx)
	})
}
