package deploy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// world is a model of a host, and of what a person asks of it.
type world struct {
	t        *testing.T
	rand     *rand.Rand
	host     map[string]*stack.Container // by name
	records  map[string]stack.ReleaseRecord
	releases map[string]stack.Release
	live     string
	clock    int64
	story    []string // what happened so far
	broken   string   // the first thing that must not be
}

// places are the volumes of the made-up projects.
var places = []string{"alpha", "beta", "gamma"}

// invent makes up a release out of the one before: services come, go, change
// their layer, their volumes, their names and their definitions.
func (w *world) invent() stack.Release {
	w.clock++
	r := stack.Release{ID: fmt.Sprintf("%012x", w.clock), Project: "shop"}
	for _, name := range []string{"web", "api", "worker", "db", "store", "init", "edge"} {
		if w.rand.IntN(4) == 0 {
			continue
		}
		s := stack.Service{Name: name, Layer: stack.LayerApp, Deployed: w.rand.IntN(8) > 0, Definition: fmt.Sprint(name, w.rand.IntN(3))}
		switch {
		case name == "edge":
			s.Layer = stack.LayerEdge
		case name == "init" || w.rand.IntN(8) == 0:
			s.OneShot = true
			if w.rand.IntN(3) == 0 {
				s.Layer = stack.LayerData
			}
		case (name == "db" || name == "store") && w.rand.IntN(3) > 0:
			s.Layer = stack.LayerData
		}
		for _, place := range places {
			if name != "edge" && w.rand.IntN(4) == 0 {
				s.Volumes = append(s.Volumes, stack.Mount{Type: "volume", Source: place, ReadOnly: w.rand.IntN(3) == 0})
			}
		}
		if w.rand.IntN(8) == 0 {
			s.ContainerName = "the-" + name
		}
		if w.rand.IntN(8) == 0 && name != "edge" {
			s.Ports = []stack.Port{{Published: []string{"8080", "9090"}[w.rand.IntN(2)]}}
		}
		s.Strategy = stack.StrategyOverlap
		if shared := w.rand.IntN(4) == 0; recreates(r, stack.Service{Volumes: s.Volumes, ContainerName: s.ContainerName, Ports: s.Ports, Layer: s.Layer}) && (!shared || s.ContainerName != "" || len(s.Ports) > 0) {
			s.Strategy, s.StrategyCause = stack.StrategyRecreate, "it writes"
		}
		s.DependsOn = map[string]string{}
		for _, other := range r.Services {
			if w.rand.IntN(4) == 0 && other.Deployed && !other.OneShot && (other.Layer == stack.LayerApp) == (s.Layer == stack.LayerApp) {
				s.DependsOn[other.Name] = "service_started"
			}
		}
		r.Services = append(r.Services, s)
		if s.Layer == stack.LayerApp && !s.OneShot && w.rand.IntN(2) == 0 {
			r.Edge.Routes = append(r.Edge.Routes, stack.Route{Name: name, Service: name})
		}
	}
	if w.twoOnOnePort(r) {
		return w.invent() // it could run nowhere
	}
	w.releases[r.ID] = r
	return r
}

func (w *world) twoOnOnePort(r stack.Release) bool {
	used := map[string]bool{}
	for _, s := range r.Services {
		for _, p := range s.Ports {
			if used[p.Published] {
				return true
			}
			used[p.Published] = true
		}
	}
	return false
}

// observed is the host as a run sees it.
func (w *world) observed() stack.Observed {
	seen := stack.Observed{Live: w.live, Files: map[string]string{}, Networks: nil}
	for _, name := range slices.Sorted(maps.Keys(w.host)) {
		seen.Containers = append(seen.Containers, *w.host[name])
	}
	for _, id := range slices.Sorted(maps.Keys(w.records)) {
		seen.Releases = append(seen.Releases, w.records[id])
	}
	if w.live != "" {
		seen.Files[stack.DynamicPath("routes.yml")] = stack.Sum([]byte(w.live))
		for _, route := range w.releases[w.live].Edge.Routes {
			seen.Routed = append(seen.Routed, route.Service)
		}
	}
	return apart(seen, "shop")
}

// start runs a container, and finds what must not be beside it.
func (w *world) start(r stack.Release, s stack.Service) {
	c := &stack.Container{Project: r.Project, Service: s.Name, Layer: s.Layer, State: "running", Health: "healthy", Writes: r.Writes(s), Ports: s.Ports,
		Labels: map[string]string{stack.LabelProject: r.Project, stack.LabelDefinition: s.Definition, stack.LabelOnce: fmt.Sprint(s.OneShot)}}
	if s.Layer == stack.LayerApp {
		c.Project, c.Release = r.AppProject(), r.ID
	}
	c.Name = c.Project + "-" + s.Name
	if s.ContainerName != "" {
		c.Name = s.ContainerName
	}
	w.clock++
	c.ID = fmt.Sprint(w.clock)
	before := w.named(c.Project, s.Name)
	if other := w.host[c.Name]; other != nil && other != before {
		w.fault("%s starts as %s, which is the name of one of %s", s.Name, c.Name, other.Project)
	}
	if before != nil {
		delete(w.host, before.Name)
	}
	w.judge(r, s, c, before != nil && before.Active())
	w.host[c.Name] = c
}

// judge compares a container that begins to run with all that run.
func (w *world) judge(r stack.Release, s stack.Service, c *stack.Container, inPlace bool) {
	for _, o := range w.host {
		if o == c || !o.Active() || inPlace {
			continue
		}
		if stack.ByCompose(*o, "shop") { // its layer is that of the release
			known := *o
			known.Service, known.Layer = o.Labels[stack.ComposeService], stack.LayerApp
			if t, ok := r.Service(known.Service); ok {
				known.Layer = t.Layer
			}
			o = &known
		}
		if together(r, *o) {
			continue // so the project wants it
		}
		if c.Release == "" && s.Definition == "" && stack.ByCompose(*o, "shop") {
			continue // they ran together under docker compose
		}
		for _, p := range c.Ports {
			if slices.ContainsFunc(o.Ports, func(q stack.Port) bool { return q.Published == p.Published }) {
				w.fault("%s of %s starts on port %s, which %s of %s has", s.Name, r.ID, p.Published, o.Service, o.Project)
			}
		}
		for _, place := range c.Writes {
			if slices.Contains(o.Writes, place) && !w.shared(r, s, *o) {
				w.fault("%s of %s starts and writes to %s, to which %s of %s writes", s.Name, r.ID, place, o.Service, o.Project)
			}
		}
	}
}

// together reports whether a release has a container beside it by its own definition.
func together(r stack.Release, o stack.Container) bool {
	s, ok := r.Service(o.Service)
	return ok && s.Deployed && (o.Release == r.ID || o.Project == r.Project && s.Layer != stack.LayerApp)
}

// shared reports whether one of two writers may have others.
func (w *world) shared(r stack.Release, s stack.Service, o stack.Container) bool {
	t, ok := r.Service(o.Service)
	return s.Layer == stack.LayerApp && s.Strategy == stack.StrategyOverlap || ok && t.Layer == o.Layer && t.Strategy == stack.StrategyOverlap
}

func (w *world) named(project, service string) *stack.Container {
	for _, c := range w.host {
		if c.Project == project && c.Service == service {
			return c
		}
	}
	return nil
}

func (w *world) fault(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// up makes services run, with what they depend on.
func (w *world) up(r stack.Release, names []string) {
	for _, name := range names {
		s, ok := r.Service(name)
		if !ok {
			continue
		}
		w.up(r, sorted(s.DependsOn))
		project := r.Project
		if s.Layer == stack.LayerApp {
			project = r.AppProject()
		}
		c := w.named(project, name)
		if c != nil && c.Active() && c.Labels[stack.LabelDefinition] == s.Definition {
			continue
		}
		if c != nil && c.Labels[stack.LabelDefinition] == s.Definition && s.OneShot && c.State == "exited" {
			continue
		}
		w.start(r, s)
		if s.OneShot {
			w.named(project, name).State = "exited"
		}
	}
}

// apply does what the executor and the engine do at a step.
func (w *world) apply(step stack.Step, own, old stack.Release) {
	w.story = append(w.story, step.String())
	project := own.Project
	if step.Release != "" {
		project = stack.AppProject(own.Project, step.Release)
	}
	chosen := func(c *stack.Container) bool {
		return c.Project == project && (len(step.Services) == 0 || slices.Contains(step.Services, c.Service))
	}
	r := own
	if step.Release != "" && step.Release != own.ID {
		r = old
	}
	switch step.Kind {
	case stack.StepData, stack.StepEdge:
		w.up(r, step.Services)
	case stack.StepMigrate:
		s, _ := own.Service(step.Services[0])
		w.start(own, s) // what it depends on is not started
		w.remove(func(c *stack.Container) bool { return c.Project == own.AppProject() && c.Service == s.Name })
	case stack.StepStart:
		if r.ID == own.ID || slices.ContainsFunc(step.Services, func(n string) bool { return w.named(project, n) == nil }) {
			w.up(r, step.Services)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(w.host)) {
			if c := w.host[name]; c.Project == project && !c.OneShot() && !c.Active() {
				s, _ := r.Service(c.Service)
				c.State = "running"
				w.judge(r, s, c, false)
			}
		}
	case stack.StepStop, stack.StepDrain, stack.StepWait:
		for _, c := range w.host {
			if chosen(c) && c.Active() {
				if c.OneShot() && step.Kind != stack.StepWait {
					w.fault("%s is ended midway", c.Service)
				}
				c.State = "exited"
			}
		}
	case stack.StepAdopt:
		w.setAside(step.Services)
	case stack.StepReinstate:
		w.reinstate()
	case stack.StepDiscard:
		w.discard(own)
	case stack.StepRemove, stack.StepPrune:
		w.remove(chosen)
		if step.Kind == stack.StepPrune {
			delete(w.records, step.Release)
		}
	case stack.StepSwitch:
		w.live = step.Release
	case stack.StepCommit:
		w.record(own.ID, stack.ReleaseGood)
	case stack.StepFail:
		w.record(own.ID, stack.ReleaseFailed)
	}
}

func (w *world) remove(which func(*stack.Container) bool) {
	for name, c := range w.host {
		if which(c) {
			if !stack.Owns(*c, "shop") {
				w.fault("%s of %s is removed", c.Service, c.Project)
			}
			delete(w.host, name)
		}
	}
}

func (w *world) record(id string, state stack.ReleaseState) {
	w.clock++
	w.records[id] = stack.ReleaseRecord{ID: id, State: state, Switched: time.Unix(w.clock, 0)}
}

// run takes one way to a release: to its end, to a step that fails and is
// undone, or to one at which the run is killed.
func (w *world) run(r stack.Release, back bool) {
	before := w.observed()
	plan := Plan(Wanted{Release: r, Keep: 2, Back: back, Pointed: []stack.File{{Path: "routes.yml", Content: []byte(r.ID)}}}, before)
	w.story = append(w.story, fmt.Sprintf("--- release %s, %s is live, back %t", r.ID, w.live, back))
	end := w.rand.IntN(2 * len(plan.Steps))
	killed := w.rand.IntN(3) == 0
	w.record(r.ID, stack.ReleaseStarted)
	var applied []stack.Step
	for i, step := range plan.Steps {
		applied = append(applied, step)
		if i == end && killed {
			if step.Kind == stack.StepMigrate { // it goes on by itself
				s, _ := r.Service(step.Services[0])
				w.story = append(w.story, "... "+step.String())
				w.start(r, s)
			}
			w.story = append(w.story, "--- killed")
			return
		}
		w.apply(step, r, w.releases[w.live])
		if i == end && step.Kind != stack.StepCommit && step.Kind != stack.StepPrune && !slices.ContainsFunc(applied, func(s stack.Step) bool { return s.Kind == stack.StepCommit }) {
			w.undo(r, before, applied)
			return
		}
	}
}

func (w *world) undo(r stack.Release, before stack.Observed, applied []stack.Step) {
	cause := stack.Fault(stack.CauseGate, "judge", nil, "")
	id, idle := Destination(before, r, applied, cause)
	w.story = append(w.story, fmt.Sprintf("--- undo, to %s, idle %t", id, idle))
	if id == r.ID {
		return
	}
	old := w.releases[id]
	old.ID, old.Project = id, "shop"
	u := Undone{Applied: applied, Release: r, Old: old, Idle: idle, Before: before, Now: w.observed(), Cause: "it fails"}
	if id != "" {
		u.Edge = []stack.File{{Path: "routes.yml", Content: []byte(id)}}
	}
	for _, step := range Undo(u).Steps {
		w.apply(step, r, old)
	}
	for service := range (&undoer{Undone: u}).inState(before, "running") {
		if c := w.named(stack.AppProject("shop", id), service); id != "" && !idle && (c == nil || !c.Active()) {
			w.fault("%s of release %s was not brought back", service, id)
		}
	}
	if w.live != id {
		w.fault("the edge leads to %q, not to %q", w.live, id)
	}
}

// described are the last release and what is on the host.
func (w *world) described(r stack.Release) string {
	var out []string
	for _, s := range r.Services {
		out = append(out, fmt.Sprintf("%s: %s, deployed %t, once %t, %s, writes %v, name %q, ports %v, after %v", s.Name, s.Layer, s.Deployed, s.OneShot, s.Strategy, r.Writes(s), s.ContainerName, s.Ports, sorted(s.DependsOn)))
	}
	for _, name := range slices.Sorted(maps.Keys(w.host)) {
		c := w.host[name]
		out = append(out, fmt.Sprintf("%s %s/%s %s, writes %v, ports %v", name, c.Project, c.Service, c.State, c.Writes, c.Ports))
	}
	return strings.Join(out, "\n")
}

// TestNeverDoTwoReleasesWriteToOnePlace walks made-up projects through deploys
// that go well, fail at any step or are killed there, and through rollbacks.
func TestNeverDoTwoReleasesWriteToOnePlace(t *testing.T) {
	for seed := range uint64(400) {
		w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 1)), host: map[string]*stack.Container{}, records: map[string]stack.ReleaseRecord{}, releases: map[string]stack.Release{}}
		for _, name := range []string{"shop-eu", "shop-trial", "blog"} {
			w.host[name+"-web"] = &stack.Container{ID: name, Name: name + "-web", Project: name, Service: "web", Layer: stack.LayerApp, State: "running", Writes: []string{name + "_alpha"},
				Labels: map[string]string{stack.LabelProject: name, stack.LabelDefinition: "x"}}
		}
		for range 8 {
			last, err := Earlier(w.observed(), "")
			r, back := w.releases[last.ID], err == nil && w.rand.IntN(4) == 0
			if !back {
				r = w.invent()
			}
			w.run(r, back)
			for _, name := range []string{"shop-eu", "shop-trial", "blog"} {
				if c := w.host[name+"-web"]; c == nil || c.ID != name || c.State != "running" {
					w.fault("project %s was touched", name)
				}
			}
			if w.broken != "" {
				t.Fatalf("seed %d: %s\n%s\n%s", seed, w.broken, strings.Join(w.story, "\n"), w.described(r))
			}
		}
	}
}
