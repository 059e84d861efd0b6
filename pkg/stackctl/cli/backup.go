package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
)

func newBackup(o *options) *cobra.Command {
	var to string
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "backup", Args: cobra.NoArgs,
		Short: "Back up the database, encrypted, on the host and here",
		Long: `backup dumps the database of backup.service, encrypts the dump with age while it
comes, writes it to the host and to this machine, and checks both copies. The
numbers and hashes of all tables are recorded in the dump's own snapshot, so
that a rehearsal (stackctl restore BACKUP --drill) can prove what it holds.

A deploy takes one by itself before a migration that is pending.`,
		Example: "  stackctl backup\n  stackctl backup --to /media/usb\n  stackctl backup list\n  stackctl backup keygen ~/backup.key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to != "" {
				abs, err := filepath.Abs(to)
				if err != nil {
					return usage(cmd, err)
				}
				to = abs
			}
			return o.record(cmd.Context(), "backup", func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.LockWait = wait
				return d.Backup(ctx, to)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the `folder` for the copy here (default: backup.dir)")
	cmd.Flags().DurationVar(&wait, "lock-wait", 0, "how long to wait for a lock that another run holds")
	o.bindMany(cmd, true)
	cmd.AddCommand(newBackupList(o), newBackupKeygen(o))
	return cmd
}

func newBackupList(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "List the backups on the host and here",
		RunE: o.onTarget(func(ctx context.Context, r reached, _ []string) error {
			found, err := operate.Backups(ctx, r.server, r.config, r.target)
			if err != nil {
				return err
			}
			if o.output == "json" {
				return o.json(append([]backup.Listed{}, found...))
			}
			return o.printBackups(found)
		}),
	}
}

func newBackupKeygen(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "keygen [FILE]", Args: cobra.MaximumNArgs(1), Short: "Make the key that backups are encrypted to (default FILE: backup.identity)",
		RunE: func(_ *cobra.Command, args []string) error {
			var file string
			if len(args) == 1 {
				file = args[0]
			} else {
				c, err := config.Load(o.config)
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
		},
	}
}

func (o *options) printBackups(found []backup.Listed) error {
	if len(found) == 0 {
		fmt.Fprintln(o.out, "there are no backups; `stackctl backup` takes one")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BACKUP\tTAKEN\tSIZE\tTABLES\tROWS\tRELEASE\tWHERE\tCAUSE")
	var wrong []string
	for _, l := range found {
		where := "here"
		switch {
		case l.Host && l.Local:
			where = "host, here"
		case l.Host:
			where = "host"
		}
		tables, rows := "-", "-"
		if l.Recorded() {
			tables, rows = fmt.Sprint(l.Tables), fmt.Sprint(l.Rows)
		}
		if l.Problem != "" {
			wrong = append(wrong, o.clean(l.Name+": "+l.Problem))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, moment(l.Created), size(l.Bytes), tables, rows, or(o.clean(l.Release), "-"), where, or(o.clean(l.Cause), "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(wrong) > 0 {
		fmt.Fprintf(o.out, "\n%s\n", strings.Join(wrong, "\n"))
	}
	return nil
}

func newRestore(o *options) *cobra.Command {
	var w deploy.Restoring
	var yes bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "restore BACKUP", Args: cobra.ExactArgs(1),
		Short: "Rehearse a backup, or put it in the live database's place",
		Long: `restore decrypts a backup (a name from stackctl backup list, "latest", or a
file's path), restores it into a scratch database beside the live one, and
compares every table with the numbers and hashes that were recorded when the
backup was taken.

With --drill that is all: the scratch database is dropped, and differences are
exit code 1. Without it the present state is backed up first, and the restored
database takes the live one's place by a rename. Gates judge the result; where
they fail, the replaced database comes back. It stays on the server, under
another name, until the next restore.`,
		Example: "  stackctl restore latest --drill\n  stackctl restore shop-20260314T092653Z-0a1b2c --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			w.Backup = args[0]
			if w.Backup == "" {
				return usage(cmd, errors.New("name a backup"))
			}
			if len(o.targets) > 1 {
				return usage(cmd, errors.New("it acts on one target, "+strings.Join(o.targets, ", ")+" were given"))
			}
			if !w.Drill && !yes {
				if err := o.confirmRestore(cmd, w.Backup); err != nil {
					return err
				}
			}
			return o.record(cmd.Context(), "restore", func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.LockWait = wait
				return d.Restore(ctx, w)
			})
		},
		ValidArgsFunction: o.completeBackups,
	}
	cmd.Flags().BoolVar(&w.Drill, "drill", false, "rehearse: restore beside the live database, compare, drop it again")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "replace the live database without asking")
	cmd.Flags().BoolVar(&w.AnySchema, "any-schema", false, "restore although the live release cannot work with the backup's schema")
	cmd.Flags().DurationVar(&wait, "lock-wait", 0, "how long to wait for a lock that another run holds")
	return cmd
}

// confirmRestore asks on a terminal for the project's name; without one it is
// refused, so that no script replaces a database by accident.
func (o *options) confirmRestore(cmd *cobra.Command, which string) error {
	c, t, err := o.load()
	if err != nil {
		return err
	}
	in, ok := o.in.(*os.File)
	if !ok || !term.IsTerminal(in.Fd()) {
		return usage(cmd, errors.New("it replaces the live database: say --yes, or --drill to rehearse"))
	}
	fmt.Fprintf(o.errs, "This replaces the live database of %s on %s (%s) by backup %s.\nType %s to go on: ", c.Project, t.Name, t.Host, which, c.Project)
	answer := make(chan bool, 1)
	go func() { // a read of a terminal cannot be called off; it ends with the program
		said, err := bufio.NewReader(io.LimitReader(in, 200)).ReadString('\n')
		answer <- err == nil && strings.TrimSpace(said) == c.Project
	}()
	select {
	case <-cmd.Context().Done():
		return stack.Fault(stack.CauseInterrupted, "confirm the restore", context.Cause(cmd.Context()), "nothing was changed")
	case confirmed := <-answer:
		if !confirmed {
			return usage(cmd, errors.New("not confirmed; nothing was changed"))
		}
	}
	return nil
}

func (o *options) completeBackups(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, t, err := o.load()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	files, _ := filepath.Glob(filepath.Join(c.Backup.Folder(t.Name), c.Project+"-*.age"))
	names := []string{"latest"}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".age"))
	}
	slices.Reverse(names)
	return names, cobra.ShellCompDirectiveDefault
}
