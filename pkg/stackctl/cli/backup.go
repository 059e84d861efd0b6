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
	var places []string
	var wait time.Duration
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
			if to != "" {
				abs, err := filepath.Abs(to)
				if err != nil {
					return usage(cmd, err)
				}
				to = abs
			}
			return o.recorder().record(cmd.Context(), "backup", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.LockWait = wait
				return d.Backup(ctx, to, places)
			})
		},
	}
	cmd.Flags().StringSliceVar(&places, "place", nil, "back up this `place` alone (may be repeated)")
	cmd.Flags().StringVar(&to, "to", "", "the `folder` for the copy here (default: backup.dir)")
	cmd.Flags().DurationVar(&wait, "lock-wait", 0, "how long to wait for a lock that another run holds")
	o.many.bindTargets(cmd)
	cmd.AddCommand(newBackupList(o), newBackupPlaces(o), newBackupKeygen(o))
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

func newBackupPlaces(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "places", Args: cobra.NoArgs, Short: "List what the project keeps, how it is backed up, and why",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, t, err := o.load()
			if err != nil {
				return err
			}
			if err := o.readSecrets(cmd.Context(), &c); err != nil {
				return err
			}
			places, err := deploy.Places(cmd.Context(), c, t)
			if err != nil {
				return err
			}
			if o.output == "json" {
				return o.json(append([]backup.Place{}, places...))
			}
			return o.printPlaces(places)
		},
	}
}

func (o *options) printPlaces(places []backup.Place) error {
	if len(places) == 0 {
		fmt.Fprintln(o.out, "the compose files name nothing that keeps data")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PLACE\tAS\tSERVICE\tBECAUSE")
	for _, p := range places {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", o.clean(p.Name), p.Kind, o.clean(p.Service), o.clean(p.Reason))
	}
	return w.Flush()
}

func newBackupKeygen(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "keygen [FILE]", Args: cobra.MaximumNArgs(1), Short: "Make the key that backups are encrypted to (default FILE: backup.identity)",
		RunE: func(_ *cobra.Command, args []string) error {
			var file string
			if len(args) == 1 {
				file = args[0]
			} else {
				c, err := config.Load(o.file)
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
	fmt.Fprintln(w, "BACKUP\tPLACE\tTAKEN\tSIZE\tPARTS\tCOUNT\tRELEASE\tWHERE\tCAUSE")
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
			tables, rows = fmt.Sprintf("%d %s", l.Tables, l.Kind.Parts()), fmt.Sprintf("%d %s", l.Rows, l.Kind.Count())
		}
		if l.Problem != "" {
			wrong = append(wrong, o.clean(l.Name+": "+l.Problem))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, or(o.clean(l.Place), "-"), moment(l.Created), size(l.Bytes), tables, rows, or(o.clean(l.Release), "-"), where, or(o.clean(l.Cause), "-"))
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
		Short: "Rehearse a backup, or put it in the place of what is live",
		Long: `restore decrypts a backup (a name from stackctl backup list, "latest",
"latest:PLACE", or a file's path), restores it into a scratch database or folder
beside the live one, and compares every table or folder with the numbers and
hashes that were recorded when the backup was taken.

With --drill that is all: the scratch is dropped, and differences are exit code 1;
"latest" rehearses the newest backup of each place. Without it the present state
is backed up first, and what was restored takes the live place by a rename; the
services that write to files are stopped for that moment. Gates judge the result;
where they fail, what was replaced comes back. It stays on the server, under
another name, until the next restore.`,
		Example: "  stackctl restore latest --drill\n  stackctl restore latest:uploads --yes\n  stackctl restore shop-20260314T092653Z-0a1b2c --yes",
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
			return o.recorder().record(cmd.Context(), "restore", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.LockWait = wait
				return d.Restore(ctx, w)
			})
		},
		ValidArgsFunction: o.completeBackups,
	}
	cmd.Flags().BoolVar(&w.Drill, "drill", false, "rehearse: restore beside what is live, compare, drop it again")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "replace what is live without asking")
	cmd.Flags().BoolVar(&w.AnySchema, "any-schema", false, "restore although the live release cannot work with the backup's schema")
	cmd.Flags().DurationVar(&wait, "lock-wait", 0, "how long to wait for a lock that another run holds")
	return cmd
}

// confirmRestore asks on a terminal for the project's name; without one it is
// refused, so that no script replaces data by accident.
func (o *options) confirmRestore(cmd *cobra.Command, which string) error {
	c, t, err := o.load()
	if err != nil {
		return err
	}
	in, ok := o.in.(*os.File)
	if !ok || !term.IsTerminal(in.Fd()) {
		return usage(cmd, errors.New("it replaces what is live: say --yes, or --drill to rehearse"))
	}
	fmt.Fprintf(o.errs, "This replaces what is live of %s on %s (%s) by backup %s.\nType %s to go on: ", c.Project, t.Name, t.Host, which, c.Project)
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
