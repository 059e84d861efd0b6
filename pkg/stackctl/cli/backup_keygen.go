package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/config"
)

// backupKeygenOptions are what backup keygen needs.
type backupKeygenOptions struct {
	out     io.Writer
	project *project

	args []string // the file; none: backup.identity
}

func newBackupKeygen(s *session, run func(context.Context, *backupKeygenOptions) error) *cobra.Command {
	o := &backupKeygenOptions{out: s.printer.out, project: s.project}
	return &cobra.Command{
		Use: "keygen [FILE]", Args: cobra.MaximumNArgs(1), Short: "Make the key that backups are encrypted to (default FILE: backup.identity)",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.args = args
			return run(cmd.Context(), o)
		},
	}
}

func runBackupKeygen(_ context.Context, o *backupKeygenOptions) error {
	var file string
	if len(o.args) == 1 {
		file = o.args[0]
	} else {
		c, err := config.Load(o.project.file)
		if err != nil {
			return err
		}
		file = c.Backup.Identity
	}
	public, err := backup.KeyGen(file, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "made %s: keep a copy of it away from this machine, no backup can be read without it\npublic key, for backup.recipients: %s\n", file, public)
	return nil
}
