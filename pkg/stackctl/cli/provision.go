package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

func newProvision(o *options) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "provision", Args: cobra.NoArgs,
		Short: "Make a bare Debian or Ubuntu server ready for deploys",
		Long: `provision observes the server first and changes only what differs: Docker
Engine, the deploy user, key-only SSH, firewall, swap, unattended security
updates, fail2ban, log limits, folders. A second run says that nothing changed.`,
		Example: "  stackctl provision --dry-run\n  stackctl provision --target berlin,oslo",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.provision(cmd.Context(), dry) },
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would change and change nothing")
	o.many.bindTargets(cmd)
	return cmd
}

func (o *options) provision(ctx context.Context, dry bool) error {
	c, targets, err := o.project.chosen(o.many)
	if err != nil {
		return err
	}
	o.learn(c, targets...)
	if len(targets) == 1 {
		p := &provisioning{options: o, target: targets[0], dry: dry, screen: func() display.Display { return o.display(false) }}
		return p.run(ctx)
	}
	for i, t := range targets {
		for _, other := range targets[:i] {
			if t.Host == other.Host && t.Port == other.Port {
				return stack.Fault(stack.CauseUsage, "pick the targets", fmt.Errorf("%s and %s are on the same host", other.Name, t.Name), "provision one of them")
			}
		}
	}
	screen, turn := o.display(true), new(sync.Mutex)
	outcomes := o.many.each(targets, func(t stack.Target) outcome {
		p := &provisioning{options: o, target: t, dry: dry, turn: turn, screen: func() display.Display { return oneOf{screen, t.Name} }}
		err := p.run(ctx)
		return outcome{target: t.Name, err: err, report: stack.Report{Verdict: deploy.Verdict(ctx, err)}}
	})
	o.incomplete(screen.Close())
	return o.concludeProvision(ctx, outcomes)
}

// oneOf is the part of a shared screen that one target has.
type oneOf struct {
	display.Display
	target string
}

func (s oneOf) Emit(e stack.Event) { tagged(s.Display, s.target)(e) }

// Close leaves the screen to the other targets.
func (oneOf) Close() error { return nil }

// concludeProvision tells how each of several targets ended, and gives the
// worst error.
func (o *options) concludeProvision(ctx context.Context, outcomes []outcome) error {
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

// provisioning is the provisioning of one target.
type provisioning struct {
	*options
	target stack.Target
	dry    bool
	// turn is held by who prints, where several targets do; nil: there is one.
	turn   *sync.Mutex
	screen func() display.Display
}

func (p *provisioning) run(ctx context.Context) error {
	if p.target.User == "root" {
		return stack.Fault(stack.CauseUsage, "provision "+p.target.Name, errors.New("the deploy user is root"), "set `user:` of the target to a user of its own, such as deploy")
	}
	conn, err := host.Dial(ctx, host.OptionsFor(p.target, true))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// The key that let the admin in is the one that will deploy.
	settings := provision.SettingsFor(p.target, conn.PublicKey())
	facts, err := provision.Observe(ctx, conn, settings)
	if err != nil {
		return err
	}
	changes := provision.Plan(facts, settings)
	if err := p.announce(provision.Notes(facts), changes); err != nil {
		return err
	}
	if p.dry {
		return nil
	}
	if len(changes) > 0 {
		err = p.apply(ctx, conn, settings)
	}
	if err != nil {
		return err
	}
	return provision.CheckSocket(ctx, conn, settings.User, p.target.Socket)
}

// announce says what will be changed.
func (p *provisioning) announce(notes []string, changes []provision.Change) error {
	if p.output == "json" {
		word := map[string]any{"target": p.target.Name, "host": p.target.Host, "changes": changes, "dry_run": p.dry}
		if p.turn == nil {
			return p.json(word)
		}
		p.turn.Lock()
		defer p.turn.Unlock()
		return p.jsonLine(word)
	}
	if !p.quiet {
		for _, note := range notes {
			p.say("%s\n", note)
		}
	}
	if len(changes) == 0 {
		p.say("%s is ready: nothing changed\n", p.target.Host)
		return nil
	}
	var list strings.Builder
	for _, change := range changes {
		fmt.Fprintf(&list, "  %s\n", change)
	}
	p.say("%s needs %d changes:\n%s", p.target.Host, len(changes), list.String())
	return nil
}

// say prints lines, after the target's name where there are several.
func (p *provisioning) say(format string, args ...any) {
	text := p.safe(fmt.Sprintf(format, args...))
	if p.turn != nil {
		p.turn.Lock()
		defer p.turn.Unlock()
		prefix := "[" + p.target.Name + "] "
		text = prefix + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix) + "\n"
	}
	fmt.Fprint(p.out, text)
}

func (p *provisioning) apply(ctx context.Context, conn *host.Conn, settings provision.Settings) error {
	screen := p.screen()
	began := time.Now()
	changes, err := provision.Ensure(ctx, conn, settings, screen.Emit)
	if closed := screen.Close(); err == nil {
		err = closed
	}
	if err != nil {
		if ctx.Err() != nil {
			return stack.Fault(stack.CauseInterrupted, "provision "+p.target.Host, context.Cause(ctx), "run it again; it goes on from what is there")
		}
		return err
	}
	if p.output == "text" {
		p.say("%s is ready: %d changes in %s\n", p.target.Host, len(changes), time.Since(began).Round(time.Second))
	}
	return nil
}
