package cli

import (
	"context"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// planOptions are the flags of plan, and what it needs.
type planOptions struct {
	recorder *recorder
	runFlags

	adopt bool
}

func newPlan(s *session, run func(context.Context, *planOptions) error) *cobra.Command {
	o := &planOptions{recorder: s.recorder()}
	cmd := &cobra.Command{
		Use: "plan", Args: cobra.NoArgs,
		Short:   "Tell the steps that a deploy would take, each with its cause; change nothing",
		Example: "  stackctl plan\n  stackctl plan --target staging,production\n  stackctl plan --adopt",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.bindTargets(cmd)
	o.bindEnv(cmd)
	bindAdopt(cmd, &o.adopt)
	return cmd
}

func runPlan(ctx context.Context, o *planOptions) error {
	return o.recorder.record(ctx, "plan", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.Adopt = o.adopt
		return d.Plan(ctx)
	})
}
