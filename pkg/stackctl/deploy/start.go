package deploy

import (
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// startCause returns why the release must be started; empty: it runs.
func (p *planner) startCause() string {
	there := 0
	var causes []string
	for _, name := range p.r.AppServices() {
		s, _ := p.r.Service(name)
		cause := p.differs(p.r.AppProject(), s)
		if cause != "is not there" {
			there++
		}
		if cause != "" {
			causes = append(causes, name+" "+cause)
		}
	}
	switch {
	case len(causes) == 0:
		return ""
	case there == 0 && p.seen.Live == "":
		return "nothing is live"
	case there == 0:
		return "release " + p.seen.Live + " is live"
	}
	return strings.Join(causes, "; ")
}

// start starts the release beside the old one, and last what must not run
// beside it.
func (p *planner) start(cause string) {
	early, late := p.early()
	if len(early) > 0 && len(late) > 0 {
		p.startStep(early, ": "+strings.Join(early, ", "), cause)
		p.rivals(late)
		p.startStep(late, ": "+strings.Join(late, ", "), cause)
		return
	}
	p.rivals(late)
	p.startStep(p.r.AppServices(), "", cause)
}

func (p *planner) startStep(services []string, which, cause string) {
	p.add(stack.Step{Kind: stack.StepStart, Subject: "release " + p.r.ID + which, Release: p.r.ID, Services: services, Cause: cause})
}

// early are the app services that can start while the old release is whole:
// they recreate nothing, and need nothing that does.
func (p *planner) early() (early, late []string) {
	waits := map[string]bool{}
	var needs func(name string) bool
	needs = func(name string) bool {
		if known, seen := waits[name]; seen {
			return known
		}
		waits[name] = false // a circle
		s, _ := p.r.Service(name)
		// A store is there already, and is no part of what starts.
		waits[name] = s.Layer == stack.LayerApp && (recreates(p.r, s) || slices.ContainsFunc(relied(s), needs))
		return waits[name]
	}
	for _, name := range p.r.AppServices() {
		if needs(name) {
			late = append(late, name)
		} else {
			early = append(early, name)
		}
	}
	return early, late
}

// relied are the services that a service starts after.
func relied(s stack.Service) []string {
	out := sorted(s.DependsOn)
	for _, mode := range []string{s.NetworkMode, s.PidMode, s.IpcMode} {
		if name, is := strings.CutPrefix(mode, "service:"); is {
			out = append(out, name)
		}
	}
	for _, from := range s.VolumesFrom {
		name, _, _ := strings.Cut(from, ":")
		out = append(out, name)
	}
	return out
}
