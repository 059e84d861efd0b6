package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// maintenanceOffOptions are the flags of maintenance off, and what it needs.
type maintenanceOffOptions struct {
	recorder *recorder
	runFlags

	lockWait time.Duration
}

func newMaintenanceOff(s *session, run func(context.Context, *maintenanceOffOptions) error) *cobra.Command {
	o := &maintenanceOffOptions{recorder: s.recorder()}
	cmd := &cobra.Command{
		Use: "off", Args: cobra.NoArgs,
		Short:   "Lead visitors to the site again",
		Example: "  stackctl maintenance off",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	bindLockWait(cmd, &o.lockWait, "run")
	o.bindTargets(cmd)
	return cmd
}

func runMaintenanceOff(ctx context.Context, o *maintenanceOffOptions) error {
	return o.recorder.record(ctx, "maintenance", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = o.lockWait
		return d.Maintenance(ctx, deploy.Maintaining{})
	})
}
