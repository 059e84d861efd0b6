package cli

import (
	"context"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// provisionOptions are the flags of provision, and what it needs.
type provisionOptions struct {
	*printer
	project *project
	runFlags

	dryRun bool
}

func newProvision(s *session, run func(context.Context, *provisionOptions) error) *cobra.Command {
	o := &provisionOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "provision", Args: cobra.NoArgs,
		Short: "Make a bare Debian or Ubuntu server ready for deploys",
		Long: `provision observes the server first and changes only what differs: Docker
Engine, the deploy user, key-only SSH, firewall, swap, unattended security
updates, fail2ban, log limits, folders. A second run says that nothing changed.

The servers of a target that has several are made ready side by side, and one
Docker Swarm of them: nothing is changed before all of them were looked at.`,
		Example: "  stackctl provision --dry-run\n  stackctl provision --target berlin,oslo",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would change and change nothing")
	o.bindTargets(cmd)
	return cmd
}

func runProvision(ctx context.Context, o *provisionOptions) error {
	c, targets, err := o.project.chosen(o.runFlags)
	if err != nil {
		return err
	}
	o.learn(c, targets...)
	if len(targets) == 1 {
		if targets[0].Clustered() {
			p := &clustering{printer: o.printer, config: c, target: targets[0], dry: o.dryRun, turn: new(sync.Mutex), screen: func() display.Display { return o.display(true) }}
			return p.run(ctx)
		}
		p := &provisioning{printer: o.printer, config: c, target: targets[0], dry: o.dryRun, screen: func() display.Display { return o.display(false) }}
		return p.run(ctx)
	}
	for i, t := range targets {
		for _, other := range targets[:i] {
			if sharesHost(t, other) {
				return stack.Fault(stack.CauseUsage, "pick the targets", fmt.Errorf("%s and %s are on the same host", other.Name, t.Name), "provision one of them")
			}
		}
	}
	screen, turn := o.display(true), new(sync.Mutex)
	outcomes := o.each(targets, func(t stack.Target) outcome {
		one := &provisioning{printer: o.printer, config: c, target: t, dry: o.dryRun, turn: turn, screen: func() display.Display { return oneOf{screen, t.Name} }}
		run := one.run
		if t.Clustered() {
			many := &clustering{printer: o.printer, config: c, target: t, dry: o.dryRun, turn: turn, several: true, screen: func() display.Display { return openScreen{screen} }}
			run = many.run
		}
		err := run(ctx)
		return outcome{target: t.Name, err: err, report: stack.Report{Verdict: deploy.Verdict(ctx, err)}}
	})
	o.incomplete(screen.Close())
	return o.conclude(ctx, outcomes)
}

// oneOf is the part of a shared screen that one target has.
type oneOf struct {
	display.Display
	target string
}

func (s oneOf) Emit(e stack.Event) { tagged(s.Display, s.target)(e) }

// Close leaves the screen to the other targets.
func (oneOf) Close() error { return nil }

// openScreen is a shared screen for a target that names its nodes by itself.
type openScreen struct{ display.Display }

// Close leaves the screen to the other targets.
func (openScreen) Close() error { return nil }

// conclude prints how each of several targets ended, and returns the worst
// error.
func (o *provisionOptions) conclude(ctx context.Context, outcomes []outcome) error {
	sum := overall{Kind: "overall", Verb: "provision"}
	var failures []error
	ready := 0
	for _, x := range outcomes {
		one := overallTarget{Target: x.target, Verdict: "ready", ExitCode: ExitCode(ctx, x.err)}
		switch {
		case x.report.Verdict == "":
			one.Verdict = "not begun" // another one failed, and --fail-fast
		case x.err == nil:
			ready++
		default:
			failures = append(failures, x.err)
			one.Verdict, one.Reason = "failed", o.safe(x.err.Error())
			if o.output == "text" {
				fmt.Fprintf(o.errs, "[%s] %s\n", x.target, redact.Printable(one.Reason))
			}
		}
		sum.Targets = append(sum.Targets, one)
	}
	worst := Worst(failures)
	sum.ExitCode = ExitCode(ctx, worst)
	if o.output == "json" {
		o.incomplete(o.jsonLine(sum))
	} else {
		fmt.Fprintf(o.out, "provision: %d of %d targets ready, exit code %d\n", ready, len(outcomes), sum.ExitCode)
	}
	if worst != nil {
		return &shown{worst}
	}
	return nil
}
