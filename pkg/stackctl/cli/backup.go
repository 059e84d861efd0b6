package cli

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// backupOptions are the flags of backup, and what it needs.
type backupOptions struct {
	recorder *recorder
	runFlags

	places   []string // none: all
	to       string   // empty: backup.dir
	lockWait time.Duration
}

func newBackup(s *session, run func(context.Context, *backupOptions) error) *cobra.Command {
	o := &backupOptions{recorder: s.recorder()}
	cmd := &cobra.Command{
		Use: "backup", Args: cobra.NoArgs,
		Short: "Back up databases and files, encrypted, on the host and here",
		Long: `backup dumps what the project keeps (databases, volumes, folders; stackctl backup
places names them), encrypts each dump with age while it comes, writes it to the
host and to this machine, and checks both copies. The numbers and hashes of what
is in it are recorded with the dump, so that a rehearsal (stackctl restore BACKUP
--drill) can prove what it holds.

A deploy takes one of the databases by itself before a migration that is pending.`,
		Example: "  stackctl backup\n  stackctl backup --place uploads\n  stackctl backup --to /media/usb\n  stackctl backup list\n  stackctl backup keygen ~/backup.key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.to != "" {
				abs, err := filepath.Abs(o.to)
				if err != nil {
					return usage(cmd, err)
				}
				o.to = abs
			}
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringSliceVar(&o.places, "place", nil, "back up this `place` alone (may be repeated)")
	cmd.Flags().StringVar(&o.to, "to", "", "the `folder` for the copy here (default: backup.dir)")
	bindLockWait(cmd, &o.lockWait, "run")
	o.bindTargets(cmd)
	cmd.AddCommand(newBackupList(s, runBackupList), newBackupPlaces(s, runBackupPlaces), newBackupKeygen(s, runBackupKeygen))
	return cmd
}

func runBackup(ctx context.Context, o *backupOptions) error {
	return o.recorder.record(ctx, "backup", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = o.lockWait
		return d.Backup(ctx, o.to, o.places)
	})
}
