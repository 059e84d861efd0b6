package cli

import (
	"context"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// checkOptions are the flags of check, and what it needs.
type checkOptions struct {
	recorder *recorder
	runFlags

	allTests bool // accepted as verify does; it changes nothing here
	gates    []string
}

func newCheck(s *session, run func(context.Context, *checkOptions) error) *cobra.Command {
	o := &checkOptions{recorder: s.recorder()}
	cmd := &cobra.Command{
		Use: "check", Args: cobra.NoArgs,
		Short: "Judge everything that can be judged without a server",
		RunE:  func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	bindAllTests(cmd, &o.allTests)
	bindGates(cmd, s.project, &o.gates)
	o.bindTargets(cmd)
	o.bindEnv(cmd)
	return cmd
}

func runCheck(ctx context.Context, o *checkOptions) error {
	return o.recorder.record(ctx, "check", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.Gates = o.gates
		return d.Check(ctx)
	})
}
