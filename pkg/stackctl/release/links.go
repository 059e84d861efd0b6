package release

import (
	"cmp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// link is a name by which a service reaches another one (links).
type link struct{ service, name string }

func linkOf(written string) link {
	service, name, has := strings.Cut(written, ":")
	if !has {
		name = service
	}
	return link{service, name}
}

// linked refuses links that cannot become names on a network: to a service on
// no network of this one, or by another service's name.
func (d Draft) linked() error {
	taken := map[string]string{}
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		for _, written := range s.Links {
			l := linkOf(written)
			other := d.project.Services[l.service] // the loader has seen that it is there
			problem, fix := "", ""
			switch _, isService := d.project.Services[l.name]; {
			case isService && l.name != l.service, taken[l.name] != "" && taken[l.name] != l.service:
				problem, fix = "links to "+l.service+" by the name "+l.name+", which is another service's", "take a name of its own"
			case len(shared(s, other)) == 0:
				problem, fix = "links to "+l.service+", with which it shares no network", "give both a network"
			}
			if problem != "" {
				return refuse(d.sources, d.places[name], "service "+name+" "+problem, fix, "services", name, "links")
			}
			taken[l.name] = l.service
		}
	}
	return nil
}

// shared are the networks that two services are both on.
func shared(a, b types.ServiceConfig) []string {
	var out []string
	for _, name := range sortedKeys(a.Networks) {
		if _, both := b.Networks[name]; both {
			out = append(out, name)
		}
	}
	return out
}

// names are the names that links of other services give a service, by network.
// Within one release a link stays one; what stays is reached by an alias, since
// a link leads to no other compose project.
func (s *split) names(service types.ServiceConfig, x extension) map[string][]string {
	out := map[string][]string{}
	for _, from := range sortedKeys(s.draft.project.Services) {
		other := s.draft.project.Services[from]
		if s.together(other, x) {
			continue
		}
		for _, written := range other.Links {
			if l := linkOf(written); l.service == service.Name && l.name != l.service {
				for _, network := range shared(other, service) {
					if !contains(out[network], l.name) {
						out[network] = append(out[network], l.name)
					}
				}
			}
		}
	}
	return out
}

// links are those of a service that lead into its own compose project.
func (s *split) links(service types.ServiceConfig, x extension) []string {
	var out []string
	for _, written := range service.Links {
		if other := s.draft.project.Services[linkOf(written).service]; s.together(other, x) && s.draft.deployed(other) {
			out = append(out, written)
		}
	}
	return out
}

// together reports whether a service is in the same compose project as one of a
// layer.
func (s *split) together(other types.ServiceConfig, x extension) bool {
	return (s.draft.extension(other).layer == stack.LayerApp) == (x.layer == stack.LayerApp)
}

// siblings lead each name of an app service, within one release, to that
// release's alias. On their networks two releases are side by side, and a plain
// name means both: a name that a container has for itself comes before it.
func (s *split) siblings(service types.ServiceConfig, id string) []string {
	if id == "" {
		return nil
	}
	taken := map[string]bool{}
	for _, written := range service.Links {
		taken[linkOf(written).name] = true
	}
	var out []string
	for _, name := range sortedKeys(s.draft.project.Services) {
		other := s.draft.project.Services[name]
		if s.draft.extension(other).layer != stack.LayerApp || !s.draft.deployed(other) {
			continue
		}
		at := cmp.Or(s.draft.lastingUpstream(other), stack.Upstream(name, id))
		for _, network := range shared(service, other) {
			names := []string{name}
			if n := other.Networks[network]; n != nil {
				names = append(names, n.Aliases...)
			}
			for _, called := range names {
				if !taken[called] {
					taken[called] = true
					out = append(out, at+":"+called)
				}
			}
		}
	}
	return out
}
