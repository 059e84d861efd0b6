package deploy

import (
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Undone is what an undo is planned from.
type Undone struct {
	// Applied are the steps of the run, in order; the last may have failed half way.
	Applied []stack.Step
	// Release is what the run was to bring.
	Release stack.Release
	// Old is the release to bring back; without an ID nothing served before.
	Old stack.Release
	// Idle reports whether the edge did not lead to Old when the run began.
	Idle bool
	// Edge are the edge's dynamic files that lead to Old.
	Edge []stack.File
	// Before is what was there when the run began, Now what is there at its end.
	Before, Now stack.Observed
	// Blind reports whether Now could not be read: what was applied counts as differing.
	Blind bool
	// Cause is why the run is undone.
	Cause string
}

// Undo returns the steps that bring back what served before a run. It is pure,
// and asks what differs: what nobody changed, nobody changes back. The new
// release goes last, and never while it may still be served.
func Undo(u Undone) stack.Plan {
	p := undoer{Undone: u}
	p.plan = stack.Plan{Release: u.Old.ID, Live: u.Now.Live}
	stopped := p.stopped()
	p.vacate(stopped)
	p.ingress()
	p.base()
	p.endStandby()
	if p.serving(stopped) { // the edge must not lead to what does not run
		p.start(stopped)
		p.edge()
	} else { // what the edge leads to still runs
		p.edge()
		p.start(stopped)
	}
	p.end()
	p.reinstate()
	p.add(stack.Step{Kind: stack.StepFail, Subject: "release " + u.Release.ID, Release: u.Release.ID, Cause: firstLine(u.Cause)})
	return p.plan
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

type undoer struct {
	Undone
	plan stack.Plan
}

func (p *undoer) add(s stack.Step) { p.plan.Steps = append(p.plan.Steps, s) }

// applied reports whether the run began a step of a kind that touches a
// service, or with no service any of that kind.
func (p *undoer) applied(kind stack.Kind, service string) bool {
	return slices.ContainsFunc(p.Applied, func(s stack.Step) bool {
		return s.Kind == kind && (service == "" || slices.Contains(s.Services, service))
	})
}

// base gives services of the edge and the data layer the definition that they
// had with the old release, where they are not well any more.
func (p *undoer) base() {
	for _, layer := range []struct {
		of   stack.Layer
		kind stack.Kind
	}{{stack.LayerData, stack.StepData}, {stack.LayerEdge, stack.StepEdge}} {
		var names, causes []string
		for _, s := range p.Old.Services {
			if s.Layer != layer.of || !s.Deployed || s.OneShot {
				continue
			}
			if cause := p.baseCause(s); cause != "" {
				names, causes = append(names, s.Name), append(causes, s.Name+" "+cause)
			}
		}
		if len(names) > 0 {
			if layer.of == stack.LayerEdge {
				p.relieve(names)
			}
			p.add(stack.Step{Kind: layer.kind, Subject: strings.Join(names, ", "), Services: names, Release: p.Old.ID, Cause: strings.Join(causes, "; ")})
		}
	}
}

// baseCause returns why a service of the base is brought back; empty: it stays.
// A store that is well stays as it is: what it wrote meanwhile may be unreadable
// to the one before.
func (p *undoer) baseCause(s stack.Service) string {
	edged := s.Layer == stack.LayerEdge && (p.Idle || p.applied(stack.StepEdge, s.Name))
	if p.Blind {
		if edged {
			return "may have been replaced"
		}
		return ""
	}
	now := containersOf(p.Now, p.Release.Project, s.Name)
	runs := slices.ContainsFunc(now, func(c stack.Container) bool { return c.State == "running" })
	if edged && runs && slices.ContainsFunc(now, func(c stack.Container) bool { return c.Labels[stack.LabelDefinition] != s.Definition }) {
		return "was replaced"
	}
	before := slices.DeleteFunc(containersOf(p.Before, p.Release.Project, s.Name), func(c stack.Container) bool {
		return c.State != "running" || c.Health == "unhealthy"
	})
	switch {
	case len(before) == 0:
		return "" // there is nothing of it to bring back
	case !runs:
		return "ran when the run began"
	case s.Layer == stack.LayerEdge || !p.applied(stack.StepData, s.Name) || !replaced(before, now):
		return "" // the step may have failed before it
	case !slices.ContainsFunc(now, ready):
		return "was replaced and is not well"
	case !p.keepsData(s.Name):
		return "was replaced and keeps nothing"
	}
	return ""
}

func replaced(before, now []stack.Container) bool {
	return !slices.ContainsFunc(now, func(n stack.Container) bool {
		return slices.ContainsFunc(before, func(b stack.Container) bool { return b.ID == n.ID })
	})
}

// ready reports whether a container runs and its health check, if it has one, passes.
func ready(c stack.Container) bool {
	return c.State == "running" && c.Health != "unhealthy" && c.Health != "starting"
}

// keepsData reports whether a service of the new release has a volume.
func (p *undoer) keepsData(service string) bool {
	s, _ := p.Release.Service(service)
	return slices.ContainsFunc(s.Volumes, func(m stack.Mount) bool { return m.Type == "volume" })
}

// stopped are the app services of the old release that must run again: those
// that ran when this run began and run no more, those that it stopped, and what
// starts with them.
func (p *undoer) stopped() []string {
	ran := p.inState(p.Before, "running", "restarting", "paused")
	if p.Idle {
		for _, name := range p.Old.AppServices() {
			ran[name] = true
		}
	}
	now := p.inState(p.Now, "running", "restarting", "paused")
	out := map[string]bool{}
	for name := range ran {
		if !p.Blind && !now[name] || p.ended(name) {
			out[name] = true
		}
	}
	// A run that was killed may have ended others, for a successor that goes now;
	// and what starts one service of a release starts all that are stopped.
	there := p.inState(p.Before, "running", "restarting", "paused", "exited", "created", "dead")
	var idle []string
	again := len(out) > 0
	for _, name := range p.Old.AppServices() {
		if s, _ := p.Release.Service(name); there[name] && !now[name] {
			idle = append(idle, name)
			again = again || recreates(p.Release, s) && p.applied(stack.StepStart, name)
		}
	}
	if again {
		for _, name := range idle {
			out[name] = true
		}
	}
	return sorted(out)
}

// vacate ends what must not run beside what comes back: what this run started
// in its place, of the new release or of the base.
func (p *undoer) vacate(stopped []string) {
	back := slices.Clone(stopped)
	for _, s := range p.Old.Services {
		if s.Layer != stack.LayerApp && s.Deployed && p.baseCause(s) != "" {
			back = append(back, s.Name)
		}
	}
	for i := 0; i < len(back); i++ { // and what they start after
		s, _ := p.Old.Service(back[i])
		for _, name := range relied(s) {
			if !slices.Contains(back, name) {
				back = append(back, name)
			}
		}
	}
	ends := map[string]map[string]string{}
	if p.Blind && slices.ContainsFunc(back, p.ended) {
		for _, s := range p.Release.Services { // whether they run is not known
			if own := (stack.Container{Release: p.Release.ID, Service: s.Name}); s.Layer == stack.LayerApp && recreates(p.Release, s) {
				note(ends, own, "it must not run beside what comes back")
			}
		}
	}
	for _, name := range back {
		s, ok := p.Old.Service(name)
		for _, c := range p.Now.Containers {
			if !ok || !obsolete(p.Old, c) || !c.Active() && (s.ContainerName == "" || c.Name != s.ContainerName) {
				continue
			}
			cause := clash(p.Old, s, c)
			if mine, is := p.Release.Service(c.Service); cause == "" && is && c.Release == p.Release.ID && c.Service == name && recreates(p.Release, mine) {
				cause = mine.StrategyCause
			}
			if cause != "" {
				note(ends, c, name+" of release "+p.Old.ID+" comes back: "+cause)
			}
		}
	}
	for _, release := range sorted(ends) {
		names := sorted(ends[release])
		subject := strings.Join(names, ", ")
		if release != "" {
			subject = "release " + release + ": " + subject
		}
		p.add(stack.Step{Kind: stack.StepRemove, Subject: subject, Services: names, Release: release, Cause: ends[release][names[0]]})
	}
}

// ended reports whether this run stopped a service of the old release.
func (p *undoer) ended(service string) bool {
	return slices.ContainsFunc(p.Applied, func(s stack.Step) bool {
		return (s.Kind == stack.StepDrain || s.Kind == stack.StepStop || s.Kind == stack.StepRemove) && s.Release == p.Old.ID && (len(s.Services) == 0 || slices.Contains(s.Services, service))
	})
}

// inState are the app services of the old release with a container in one of
// some states.
func (p *undoer) inState(seen stack.Observed, states ...string) map[string]bool {
	out := map[string]bool{}
	for _, c := range seen.Containers {
		if p.Old.ID != "" && stack.Owns(c, p.Release.Project) && c.Release == p.Old.ID && !c.OneShot() && slices.Contains(states, c.State) {
			out[c.Service] = true
		}
	}
	return out
}

// serving reports whether the edge is to lead to one of these services.
func (p *undoer) serving(services []string) bool {
	if p.Idle || len(p.Before.Routed) == 0 {
		return len(services) > 0
	}
	return slices.ContainsFunc(services, func(name string) bool { return slices.Contains(p.Before.Routed, name) })
}

// start starts services of the old release again. A stop that was cut off goes
// on in the engine: what still runs may be about to end, and is ended first.
func (p *undoer) start(services []string) {
	if len(services) == 0 {
		return
	}
	run := p.inState(p.Now, "running")
	var still []string
	for _, name := range services {
		if run[name] || p.Blind {
			still = append(still, name)
		}
	}
	subject := "release " + p.Old.ID + ": "
	if len(still) > 0 {
		p.add(stack.Step{Kind: stack.StepStop, Subject: subject + strings.Join(still, ", "), Services: still, Release: p.Old.ID, Cause: "a stop that was cut off may still go on"})
	}
	p.add(stack.Step{Kind: stack.StepStart, Subject: subject + strings.Join(services, ", "), Services: services, Release: p.Old.ID, Cause: "ran when the run began"})
}

// edge leads the edge back, where its files are not those that lead to the old
// release.
func (p *undoer) edge() {
	cause := p.edgeCause()
	if cause == "" {
		return
	}
	subject := "the edge to release " + p.Old.ID
	if p.Old.ID == "" {
		subject = "the edge to nothing"
	}
	p.add(stack.Step{Kind: stack.StepSwitch, Subject: subject, Release: p.Old.ID, Cause: cause})
}

func (p *undoer) edgeCause() string {
	turned := p.Idle || p.applied(stack.StepSwitch, "")
	switch {
	case !turned:
		return ""
	case p.Blind:
		return "it may have been switched"
	}
	want := map[string]bool{}
	for _, f := range p.Edge {
		name := stack.DynamicPath(f.Path)
		if want[name] = true; p.Now.Files[name] != stack.Sum(f.Content) {
			return f.Path + " differs"
		}
	}
	for _, name := range sorted(p.Now.Files) {
		if strings.HasPrefix(name, stack.EdgeDynamic+"/") && !want[name] {
			return path.Base(name) + " goes away"
		}
	}
	return ""
}

// end removes the new release. Where users may have reached it, it finishes
// their requests first.
func (p *undoer) end() {
	if !p.Idle && !p.applied(stack.StepStart, "") && !p.applied(stack.StepMigrate, "") {
		return // what there is of it was there before
	}
	there, runs := p.Blind, p.Blind
	for _, c := range p.Now.Containers {
		if stack.Owns(c, p.Release.Project) && c.Release == p.Release.ID {
			there, runs = true, runs || c.State == "running"
		}
	}
	if !there {
		return
	}
	subject, cause := "release "+p.Release.ID, "release "+p.Old.ID+" serves"
	if p.Old.ID == "" {
		cause = "nothing served before"
	}
	if runs && (p.Idle || p.applied(stack.StepSwitch, "")) {
		p.add(stack.Step{Kind: stack.StepDrain, Subject: subject, Release: p.Release.ID, Cause: cause})
	}
	p.add(stack.Step{Kind: stack.StepRemove, Subject: subject, Release: p.Release.ID, Cause: cause})
}

// containersOf are the containers of a service in a compose project.
func containersOf(seen stack.Observed, project, service string) []stack.Container {
	var out []stack.Container
	for _, c := range seen.Containers {
		if c.Project == project && c.Service == service {
			out = append(out, c)
		}
	}
	return out
}
