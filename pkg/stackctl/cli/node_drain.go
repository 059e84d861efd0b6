package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

// A cluster is what data is moved in: deploy asks a server whether it is one.
var _ deploy.Mover = (*swarm.Cluster)(nil)

// nodeDrainOptions are the flags of node drain, and what it and node activate need.
type nodeDrainOptions struct {
	recorder *recorder
	project  *project

	draining deploy.Draining
	lockWait time.Duration
}

func newNodeDrain(s *session, run func(context.Context, *nodeDrainOptions) error) *cobra.Command {
	o := &nodeDrainOptions{recorder: s.recorder(), project: s.project}
	cmd := &cobra.Command{
		Use: "drain NAME", Args: cobra.ExactArgs(1), Short: "Let a node run nothing more; data that it holds moves to another",
		Long: `drain takes a node's containers away on purpose. Data of the project moves first,
to a node labelled data: the site stops, a backup is taken, the store starts there
empty, is filled and compared, and the site starts again. Where any of that fails,
the node has its data as it was. The old volume stays on it, unused.

With --from the data of a node that is lost for good comes from a backup: what was
written since is lost.`,
		Example: "  stackctl node drain node1\n  stackctl node drain node1 --from latest",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.draining.Node = args[0]
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.draining.From, "from", "", "the `backup` that the data of a node that does not answer comes from: latest")
	bindLockWait(cmd, &o.lockWait, "run")
	return cmd
}

func newNodeActivate(s *session, run func(context.Context, *nodeDrainOptions) error) *cobra.Command {
	o := &nodeDrainOptions{recorder: s.recorder(), project: s.project}
	cmd := &cobra.Command{
		Use: "activate NAME", Args: cobra.ExactArgs(1), Short: "Let a node that was drained run containers again",
		Long: `activate takes back what drain did. An edge starts on the node at once, the
services of the app layer with the next release. Data that has moved stays where it is.`,
		Example: "  stackctl node activate node1",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.draining.Node = args[0]
			return run(cmd.Context(), o)
		},
	}
	bindLockWait(cmd, &o.lockWait, "run")
	return cmd
}

func newNodeClear(s *session, run func(context.Context, *nodeDrainOptions) error) *cobra.Command {
	o := &nodeDrainOptions{recorder: s.recorder(), project: s.project}
	cmd := &cobra.Command{
		Use: "clear", Args: cobra.NoArgs, Short: "Remove what runs of the project as on one server, before the first deploy to several",
		Long: `clear is for a server that becomes the first node of a cluster: it takes a backup
and removes the project's containers there, which hold the ports and the data that
the cluster's need, with the server's ingress where no other project is behind it.
Volumes stay, and the next deploy goes on with them. The site is away in between.`,
		Example: "  stackctl node clear && stackctl deploy",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	bindLockWait(cmd, &o.lockWait, "run")
	return cmd
}

func runNodeClear(ctx context.Context, o *nodeDrainOptions) error {
	if _, err := clusterTarget(o.project, "clear the nodes"); err != nil {
		return err
	}
	return o.recorder.record(ctx, "clear", runFlags{}, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = o.lockWait
		return d.Clear(ctx)
	})
}

func runNodeDrain(ctx context.Context, o *nodeDrainOptions) error {
	if _, err := clusterTarget(o.project, "drain the node "+o.draining.Node); err != nil {
		return err
	}
	return o.recorder.record(ctx, "drain", runFlags{}, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = o.lockWait
		return d.Drain(ctx, o.draining)
	})
}

func runNodeActivate(ctx context.Context, o *nodeDrainOptions) error {
	if _, err := clusterTarget(o.project, "activate the node "+o.draining.Node); err != nil {
		return err
	}
	return o.recorder.record(ctx, "activate", runFlags{}, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = o.lockWait
		return d.Activate(ctx, o.draining.Node)
	})
}
