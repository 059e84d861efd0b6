package cli

import (
	"context"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// verifyOptions are the flags of verify, and what it needs.
type verifyOptions struct {
	recorder *recorder
	runFlags

	allTests bool
	gates    []string
}

func newVerify(s *session, run func(context.Context, *verifyOptions) error) *cobra.Command {
	o := &verifyOptions{recorder: s.recorder()}
	cmd := &cobra.Command{
		Use: "verify", Aliases: []string{"test"}, Args: cobra.NoArgs,
		Short:   "Let the gates judge what runs now",
		Example: "  stackctl verify --all-tests\n  stackctl verify --gate G5",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	bindAllTests(cmd, &o.allTests)
	bindGates(cmd, s.project, &o.gates)
	o.bindTargets(cmd)
	o.bindEnv(cmd)
	return cmd
}

func runVerify(ctx context.Context, o *verifyOptions) error {
	return o.recorder.record(ctx, "verify", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.All, d.Gates = o.allTests || len(o.gates) > 0, o.gates
		return d.Verify(ctx)
	})
}
