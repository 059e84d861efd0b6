package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// leastEvery is how often the gates may be asked at most: a look is some
// hundred requests.
const leastEvery = time.Minute

// watchOptions are the flags of watch, and what it needs.
type watchOptions struct {
	recorder *recorder
	project  *project
	runFlags

	every   time.Duration // 0: once
	keep    int
	systemd bool
}

func newWatch(s *session, run func(context.Context, *watchOptions) error) *cobra.Command {
	o := &watchOptions{recorder: s.recorder(), project: s.project}
	cmd := &cobra.Command{
		Use: "watch", Args: cobra.NoArgs,
		Short: "Verify, once or on a schedule, and tell people when the verdict changes",
		Long: `watch lets the gates judge what runs, as ` + "`stackctl verify`" + ` does, compares the verdict
and the findings with those of the last time, and sends one notice for each change
(notices in stackctl.yaml). What was last known is in .stackctl/verdicts, one file a
target. Without --every it looks once: for a systemd timer (--print-systemd), cron or
a CI schedule.`,
		Example: "  stackctl watch --target production\n  stackctl watch --every 15m --all-targets\n  stackctl watch --every 15m --print-systemd",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.every != 0 && o.every < leastEvery:
				return usage(cmd, fmt.Errorf("--every %s: at least %s", o.every, leastEvery))
			case o.keep < 1:
				return usage(cmd, fmt.Errorf("--keep %d: at least 1", o.keep))
			case o.systemd && o.every == 0:
				return usage(cmd, errors.New("--print-systemd needs --every: how often is it to look?"))
			}
			return run(cmd.Context(), o)
		},
	}
	o.bindTargets(cmd)
	o.bindEnv(cmd)
	cmd.Flags().DurationVar(&o.every, "every", 0, "look again and again, so long apart; without it, once")
	cmd.Flags().IntVar(&o.keep, "keep", 50, "how many runs of watch stay among the evidence")
	cmd.Flags().BoolVar(&o.systemd, "print-systemd", false, "print a systemd service and timer that run it, and do nothing")
	return cmd
}

func runWatch(ctx context.Context, o *watchOptions) error {
	if o.systemd {
		return o.printUnits()
	}
	for {
		err := o.recorder.record(ctx, "watch", o.runFlags, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) { return d.Verify(ctx) })
		o.forget()
		if o.every == 0 || stack.CauseOf(err) == stack.CauseUsage && err != nil {
			return err
		}
		next := time.NewTimer(o.every)
		select {
		case <-ctx.Done():
			next.Stop()
			return stack.Interrupted(ctx, "watch")
		case <-next.C:
		}
	}
}

// forget removes the evidence of the oldest runs of watch.
func (o *watchOptions) forget() {
	c, err := config.Load(o.project.file)
	if err != nil {
		return
	}
	runs, _ := filepath.Glob(filepath.Join(c.Evidence.Dir, "*-watch-*")) // in the order of their times
	for _, dir := range runs[:max(0, len(runs)-o.keep)] {
		if err := os.RemoveAll(dir); err != nil {
			_, _ = fmt.Fprintf(o.recorder.errs, "stackctl: %v\n", err)
		}
	}
}

// printUnits prints a service and a timer for a host of the operator's choice.
func (o *watchOptions) printUnits() error {
	c, err := config.Load(o.project.file)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return stack.Fault(stack.CauseStep, "find stackctl's own file", err, "")
	}
	args := []string{program, "watch", "--config", c.File}
	if o.all {
		args = append(args, "--all-targets")
	}
	if len(o.project.targets) > 0 {
		args = append(args, "--target", strings.Join(o.project.targets, ","))
	}
	for i, a := range args {
		args[i] = unitWord(a)
	}
	_, err = fmt.Fprintf(o.recorder.out, `# /etc/systemd/system/stackctl-watch.service
[Unit]
Description=stackctl watch of %[1]s
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory=%[2]s
ExecStart=%[3]s
# A gate that failed is no failure of the watch.
SuccessExitStatus=1 3 5
TimeoutStartSec=30min

# /etc/systemd/system/stackctl-watch.timer
[Unit]
Description=stackctl watch of %[1]s

[Timer]
OnBootSec=2min
OnUnitInactiveSec=%[4]ds
RandomizedDelaySec=15s

[Install]
WantedBy=timers.target
`, c.Project, strings.ReplaceAll(c.Root, "%", "%%"), strings.Join(args, " "), int(o.every.Seconds()))
	return err
}

// unitWord quotes an argument as systemd reads it (systemd.service(5)).
func unitWord(word string) string {
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(word)
	if strings.ContainsAny(word, " \t'\\\"") {
		return `"` + word + `"`
	}
	return word
}
