package harden

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// project is what of a release is tried.
type project struct {
	services map[string]stack.Service
	// deps are what each service is started after.
	deps map[string][]string
	// only are the services that are hardened; the others run for them.
	only map[string]bool
	// skipped are services that are not tried, and why.
	skipped map[string]string
}

// choose returns what of a release is tried: the named services, none means all, with
// what they need.
func choose(r stack.Release, names []string) (project, error) {
	p := project{services: map[string]stack.Service{}, deps: map[string][]string{}, only: map[string]bool{}, skipped: map[string]string{}}
	for _, s := range r.Services {
		if s.Deployed {
			p.services[s.Name] = s
		}
	}
	for _, name := range names {
		if _, is := p.services[name]; !is {
			return p, fmt.Errorf("there is no service %s that is deployed: there are %s", name, strings.Join(slices.Sorted(maps.Keys(p.services)), ", "))
		}
	}
	for name, s := range p.services {
		if len(names) == 0 || slices.Contains(names, name) {
			p.only[name] = true
		}
		if why := apart(s); why != "" {
			p.skipped[name] = why
		}
	}
	for name, s := range p.services {
		p.deps[name] = p.needs(s)
	}
	p.dropUnneeded()
	p.dropSkipped()
	return p, nil
}

// Why services are not tried that others do without.
const (
	isEdge    = "it is the edge, which asks for certificates and takes the server's ports"
	isStopped = "the files want no container of it"
)

// apart is why a service cannot be tried apart from what is deployed; empty: it can.
func apart(s stack.Service) string {
	switch mode := s.NetworkMode; {
	case s.Layer == stack.LayerEdge:
		return isEdge
	case s.Stopped:
		return isStopped
	case s.Privileged:
		return "it is privileged"
	case mode == "host" || strings.HasPrefix(mode, "container:") || s.PidMode == "host" || s.IpcMode == "host":
		return "it shares the server's network or processes"
	case len(s.Devices) > 0:
		return "it uses devices of the server"
	case len(s.VolumesFrom) > 0:
		return "it gets the volumes of others (volumes_from)"
	}
	for _, m := range s.Volumes {
		if probe.IsEngineSocket(m.Source) {
			return "it has the container engine's socket, and would see what is deployed"
		}
	}
	return ""
}

// needs are the services that one is started after: those that it names, and, as a
// deploy has it, the stores and what runs once before what serves.
func (p project) needs(s stack.Service) []string {
	out := slices.Sorted(maps.Keys(s.DependsOn))
	for _, mode := range []string{s.NetworkMode, s.PidMode, s.IpcMode} {
		if name, is := strings.CutPrefix(mode, "service:"); is {
			out = append(out, name)
		}
	}
	app := func(o stack.Service) bool { return o.Layer == stack.LayerApp }
	for name, other := range p.services {
		if app(s) && (other.Layer == stack.LayerData || !s.OneShot && app(other) && other.OneShot) {
			out = append(out, name)
		}
	}
	return slices.DeleteFunc(joined(out, nil), func(name string) bool {
		other, is := p.services[name]
		return !is || name == s.Name || other.Layer == stack.LayerEdge || s.OneShot && app(s) && app(other) && !other.OneShot
	})
}

// dropUnneeded leaves out what no service that is hardened needs.
func (p project) dropUnneeded() {
	needed := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if !needed[name] {
			needed[name] = true
			for _, dep := range p.deps[name] {
				add(dep)
			}
		}
	}
	for name := range p.only {
		add(name)
	}
	for name := range p.services {
		if !needed[name] {
			delete(p.services, name)
		}
	}
}

// dropSkipped leaves out what is not tried, and what names it as something that it
// needs.
func (p project) dropSkipped() {
	for again := true; again; {
		again = false
		for name, s := range p.services {
			if p.skipped[name] != "" {
				delete(p.services, name)
				continue
			}
			for dep := range s.DependsOn {
				if why := p.skipped[dep]; why != "" && why != isEdge && why != isStopped && p.skipped[name] == "" {
					p.skipped[name], again = "it needs "+dep+", which is not tried", true
				}
			}
		}
	}
	for name := range p.services {
		p.deps[name] = slices.DeleteFunc(p.deps[name], func(dep string) bool { return p.skipped[dep] != "" })
	}
}

// skip leaves a service out from now on, with what needs it.
func (p project) skip(name, why string) {
	p.skipped[name] = why
	p.dropSkipped()
}

// levels are the services in the order of what they need: those of one level need
// none of each other.
func (p project) levels() [][]string {
	var out [][]string
	placed := map[string]bool{}
	for len(placed) < len(p.services) {
		var level []string
		for _, name := range p.names() {
			if !placed[name] && !slices.ContainsFunc(p.deps[name], func(dep string) bool { return !placed[dep] }) {
				level = append(level, name)
			}
		}
		if len(level) == 0 { // a circle: all that is left at once
			level = slices.DeleteFunc(p.names(), func(name string) bool { return placed[name] })
		}
		for _, name := range level {
			placed[name] = true
		}
		out = append(out, level)
	}
	return out
}

func (p project) names() []string { return slices.Sorted(maps.Keys(p.services)) }

// hardened are the services that are tried.
func (p project) hardened() []string {
	return slices.DeleteFunc(p.names(), func(name string) bool { return !p.only[name] })
}

// anew returns the services that begin anew with some others, those included: what is
// started after them, and what writes to the same volumes.
func (p project) anew(names []string, volumes map[string][]string) []string {
	in := map[string]bool{}
	for _, name := range names {
		in[name] = true
	}
	for again := true; again; {
		again = false
		for _, name := range p.names() {
			if in[name] {
				continue
			}
			after := slices.ContainsFunc(p.deps[name], func(dep string) bool { return in[dep] })
			shares := slices.ContainsFunc(volumes[name], func(v string) bool {
				for other := range in {
					if slices.Contains(volumes[other], v) {
						return true
					}
				}
				return false
			})
			if after || shares {
				in[name], again = true, true
			}
		}
	}
	return slices.Sorted(maps.Keys(in))
}
