package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// restoreOptions are the flags of restore, and what it needs.
type restoreOptions struct {
	recorder *recorder
	in       io.Reader
	project  *project

	restoring deploy.Restoring
	yes       bool
	lockWait  time.Duration
}

func newRestore(s *session, run func(context.Context, *restoreOptions) error) *cobra.Command {
	o := &restoreOptions{recorder: s.recorder(), in: s.in, project: s.project}
	w := &o.restoring
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
			if len(o.project.targets) > 1 {
				return usage(cmd, errors.New("it acts on one target, "+strings.Join(o.project.targets, ", ")+" were given"))
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: o.completeBackups,
	}
	cmd.Flags().BoolVar(&w.Drill, "drill", false, "rehearse: restore beside what is live, compare, drop it again")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "replace what is live without asking")
	cmd.Flags().BoolVar(&w.AnySchema, "any-schema", false, "restore although the live release cannot work with the backup's schema")
	bindLockWait(cmd, &o.lockWait, "run")
	return cmd
}

func runRestore(ctx context.Context, o *restoreOptions) error {
	if !o.restoring.Drill && !o.yes {
		if err := o.confirm(ctx); err != nil {
			return err
		}
	}
	return o.recorder.record(ctx, "restore", runFlags{}, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
		d.LockWait = o.lockWait
		return d.Restore(ctx, o.restoring)
	})
}

// confirm asks on a terminal for the project's name; without one it is
// refused, so that no script replaces data by accident.
func (o *restoreOptions) confirm(ctx context.Context) error {
	c, t, err := o.project.load()
	if err != nil {
		return err
	}
	in, ok := terminalOf(o.in)
	if !ok {
		return usageOf("stackctl restore", errors.New("it replaces what is live: say --yes, or --drill to rehearse"))
	}
	fmt.Fprintf(o.recorder.errs, "This replaces what is live of %s on %s (%s) by backup %s.\nType %s to go on: ", c.Project, t.Name, t.Where(), o.restoring.Backup, c.Project)
	answer := make(chan bool, 1)
	go func() { // a read of a terminal cannot be called off; it ends with the program
		said, err := bufio.NewReader(io.LimitReader(in, 200)).ReadString('\n')
		answer <- err == nil && strings.TrimSpace(said) == c.Project
	}()
	select {
	case <-ctx.Done():
		return stack.Fault(stack.CauseInterrupted, "confirm the restore", context.Cause(ctx), "nothing was changed")
	case confirmed := <-answer:
		if !confirmed {
			return usageOf("stackctl restore", errors.New("not confirmed; nothing was changed"))
		}
	}
	return nil
}

func (o *restoreOptions) completeBackups(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, t, err := o.project.load()
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
