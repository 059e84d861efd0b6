package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// provisioning is the provisioning of one target.
type provisioning struct {
	*printer
	config stack.Config
	target stack.Target
	dry    bool
	// turn is held by who prints, where several targets do; nil: there is one.
	turn   *sync.Mutex
	screen func() display.Display
}

// declaredPorts are those that the project's containers publish beside the edge, and
// declare. The error is of a compose file that cannot be read.
func declaredPorts(ctx context.Context, c stack.Config, t stack.Target) ([]provision.Port, error) {
	if !c.Traefik.Own {
		return nil, nil
	}
	draft, err := release.Read(ctx, c, t)
	if err != nil {
		return nil, err
	}
	var out []provision.Port
	for _, s := range draft.Services() {
		for _, p := range s.Ports {
			if n, err := strconv.Atoi(p.Published); err == nil && !p.Local() && c.Gates.Exposure.Declares(p) && !strings.EqualFold(p.Protocol, "sctp") {
				out = append(out, provision.Port{Number: n, UDP: p.UDP()})
			}
		}
	}
	return out, nil
}

func deployUserIsRoot(t stack.Target) error {
	return stack.Fault(stack.CauseUsage, "provision "+t.Name, errors.New("the deploy user is root"), "set `user:` of the target to a user of its own, such as deploy")
}

// portsUnknown begins the note where the compose files cannot be read.
const portsUnknown = "firewall: which ports the project declares is not known, and none is opened for it: "

func (p *provisioning) run(ctx context.Context) error {
	if p.target.User == "root" {
		return deployUserIsRoot(p.target)
	}
	ports, unread := declaredPorts(ctx, p.config, p.target)
	conn, err := host.Dial(ctx, host.OptionsFor(p.target, true))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// The key that let the admin in is the one that will deploy.
	settings := provision.SettingsFor(p.target, conn.PublicKey(), ports...)
	facts, err := provision.Observe(ctx, conn, settings)
	if err != nil {
		return err
	}
	changes := provision.Plan(facts, settings)
	notes := provision.Notes(facts)
	if unread != nil {
		notes = append(notes, portsUnknown+p.safe(unread.Error()))
	}
	if err := p.announce(notes, changes); err != nil {
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

// announce prints what will be changed.
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
