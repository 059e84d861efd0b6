package deploy

import (
	"cmp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// clash returns why a service must not run beside a container of the project;
// empty: it may. Both would write to one place, or want one name or port.
func clash(r stack.Release, s stack.Service, c stack.Container) string {
	return cmp.Or(takes(s, c), writes(r, s, c))
}

// takes returns what a service would take from a container: its name or a port.
func takes(s stack.Service, c stack.Container) string {
	if s.ContainerName != "" && c.Name == s.ContainerName {
		return "its container is called " + c.Name
	}
	for _, want := range s.Ports {
		for _, has := range c.Ports {
			if want.Published != "" && want.Published != "0" && want.Published == has.Published && protocol(want) == protocol(has) {
				return "port " + want.Published + " is published"
			}
		}
	}
	return ""
}

// writes returns why two runs of a service, or it and another one, must not
// write at the same time.
func writes(r stack.Release, s stack.Service, c stack.Container) string {
	if s.Layer == stack.LayerApp && !recreates(r, s) {
		return "" // what it writes to may have several writers
	}
	if s.Layer == stack.LayerApp && c.Layer == stack.LayerApp && c.Service == s.Name {
		return cmp.Or(s.StrategyCause, "it must not run twice")
	}
	for _, place := range r.Writes(s) {
		if slices.Contains(c.Writes, place) && !shares(r, c, place) {
			return place + " is writable"
		}
	}
	return ""
}

// recreates reports whether a service must not run beside its successor. A
// release that an older stackctl froze does not tell: its mounts do.
func recreates(r stack.Release, s stack.Service) bool {
	if s.Strategy != "" {
		return s.Strategy == stack.StrategyRecreate
	}
	return len(r.Writes(s)) > 0 || len(s.VolumesFrom) > 0 || s.ContainerName != "" || s.FixedAddress != "" || s.NetworkMode == "host" ||
		len(s.Ports) > 0 && s.Layer != stack.LayerEdge
}

// shares reports whether a container's service writes to a place in the release
// too, and may do so beside others.
func shares(r stack.Release, c stack.Container, place string) bool {
	t, ok := r.Service(c.Service)
	return ok && t.Layer == c.Layer && t.Strategy == stack.StrategyOverlap && slices.Contains(r.Writes(t), place)
}

func protocol(p stack.Port) string {
	if p.Protocol == "" {
		return "tcp"
	}
	return p.Protocol
}

// obsolete reports whether a container is the project's and not the release's:
// another release's, or of a service that its base has no more.
func obsolete(r stack.Release, c stack.Container) bool {
	if !stack.Owns(c, r.Project) {
		return false
	}
	if c.Project != r.Project {
		return c.Release != "" && c.Release != r.ID
	}
	s, ok := r.Service(c.Service)
	return c.Labels[stack.LabelDefinition] != "" && (!ok || !s.Deployed || s.Layer == stack.LayerApp)
}

// rivals ends what must not run beside services that are about to start: never
// are there two at once. What only has a name that is needed is removed, since
// a stopped container keeps its name.
func (p *planner) rivals(services []string) {
	stops, removes := map[string]map[string]string{}, map[string]map[string]string{}
	for _, name := range services {
		s, _ := p.r.Service(name)
		inPlace := p.runs(s) // whoever writes beside it has done so before
		for _, c := range p.seen.Containers {
			cause := ""
			if obsolete(p.r, c) {
				cause = takes(s, c)
			}
			if cause == "" && !inPlace && obsolete(p.r, c) {
				cause = writes(p.r, s, c)
			}
			switch {
			case cause == "":
			case s.ContainerName != "" && c.Name == s.ContainerName:
				note(removes, c, name+" starts: "+cause)
			case c.Active() && !c.OneShot(): // a one-shot was waited for
				note(stops, c, name+" starts: "+cause)
			}
		}
	}
	p.endRivals(stack.StepRemove, removes)
	p.endRivals(stack.StepStop, stops)
	p.clear(services)
}

// note remembers by release and service why a container ends.
func note(ends map[string]map[string]string, c stack.Container, cause string) {
	if ends[c.Release] == nil {
		ends[c.Release] = map[string]string{}
	}
	ends[c.Release][c.Service] = cause
}

func (p *planner) endRivals(kind stack.Kind, ends map[string]map[string]string) {
	for _, release := range sorted(ends) {
		var names, causes []string
		for _, name := range sorted(ends[release]) {
			key := release + " " + name
			if p.ended[key] == "" {
				p.away(release, name, ends[release][name])
			} else if kind == stack.StepStop || p.ended[key] == kind {
				continue
			}
			p.ended[key] = kind
			names, causes = append(names, name), append(causes, ends[release][name])
		}
		if len(names) == 0 {
			continue
		}
		subject := strings.Join(names, ", ")
		if release != "" {
			subject = "release " + release + ": " + subject
		}
		p.add(stack.Step{Kind: kind, Subject: subject, Services: names, Release: release, Cause: strings.Join(slices.Compact(causes), "; ")})
	}
}

// away says in the plan that a service of the live release does not answer for
// a while.
func (p *planner) away(release, service, cause string) {
	if release != "" && release != p.seen.Live {
		return
	}
	until := "its successor runs"
	mine, is := p.r.Service(service)
	switch routed := slices.Contains(p.seen.Routed, service); {
	case routed && (!is || mine.Upstream == ""):
		until = "the edge is switched"
	case routed:
		p.met = append(p.met, service)
	}
	_, why, _ := strings.Cut(cause, ": ")
	p.plan.Notes = append(p.plan.Notes, service+" is stopped before its successor starts ("+why+"): it is away until "+until)
}

// runs reports whether a container of the service runs already.
func (p *planner) runs(s stack.Service) bool {
	project := p.r.Project
	if s.Layer == stack.LayerApp {
		project = p.r.AppProject()
	}
	return slices.ContainsFunc(containersOf(p.seen, project, s.Name), stack.Container.Active)
}
