package release

import (
	"cmp"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

// decide settles what no key of the compose file says: the layer of each
// service, what runs once, what the own edge takes the place of, and the name
// of an image that has none.
func (d *Draft) decide() {
	for name, s := range d.project.Services {
		s.Image = imageName(d.config.Project, s)
		d.project.Services[name] = s
	}
	services := d.subjects()
	if d.config.Traefik.Own {
		d.left = infer.LeftOut(services)
		for name := range d.left {
			delete(d.project.Services, name)
		}
	}
	d.layers = infer.Layers(d.subjects(), d.config.Traefik.Service)
}

// imageName is the image of a service. One that is only built has the name
// that Compose would give it.
func imageName(project string, s types.ServiceConfig) string {
	if s.Image == "" && s.Build != nil {
		return stack.BuiltImage(project, s.Name)
	}
	return s.Image
}

// subjects are the services as decisions are made of them.
func (d Draft) subjects() []infer.Service {
	var out []infer.Service
	merged, written := merged(d.sources), portRanges(d.sources)
	for _, name := range sortedKeys(d.project.Services) {
		one := d.subject(d.project.Services[name])
		one.Merged, one.Caddyfile, one.Ranges = merged[name], d.caddyfile(name), written
		one.Open = openListeners(d.mounted(name, "/mosquitto/config/mosquitto.conf"), one.Ports) //nolint:misspell // the name of a program
		one.Routed = slices.ContainsFunc(d.config.Routes, func(r stack.RouteSpec) bool { return r.Service == name })
		out = append(out, one)
	}
	d.routedByFiles(out)
	return out
}

var (
	fromCaddy = regexp.MustCompile(`(?im)^FROM\s+(?:\S+/)?caddy(?:[:@\s]|$)`)
	copiesIt  = regexp.MustCompile(`(?im)^COPY\s+(?:--\S+\s+)*(\S*Caddyfile)\s+/etc/caddy/(?:Caddyfile)?\s*$`)

	fromTraefik  = regexp.MustCompile(`(?im)^FROM\s+(?:\S+/)?traefik(?:[:@\s]|$)`)
	copiesRoutes = regexp.MustCompile(`(?im)^(?:COPY|ADD)\s+(?:--\S+\s+)*(\S+\.ya?ml)\s+/etc/traefik\S*\s*$`)
)

// caddyfile is the text of the Caddyfile that a service has, by a mount or in the
// image that is built of Caddy's; empty: it has none.
func (d Draft) caddyfile(service string) string {
	s := d.project.Services[service]
	if text := d.mounted(service, "/etc/caddy/Caddyfile"); text != "" || s.Build == nil || s.Build.Context == "" || remote(s.Build.Context) {
		return text
	}
	files := d.brought(s, fromCaddy, copiesIt)
	if len(files) == 0 {
		return ""
	}
	text, err := readBounded(files[0])
	if err != nil {
		return ""
	}
	return string(text)
}

// builtTraefik are the files of routes that a service of an image of Traefik is built
// with.
func (d Draft) builtTraefik(service string) []string {
	return d.brought(d.project.Services[service], fromTraefik, copiesRoutes)
}

// brought are the files that a service's Dockerfile copies by a line of that form,
// where it begins with such an image.
func (d Draft) brought(s types.ServiceConfig, from, line *regexp.Regexp) []string {
	if s.Build == nil || s.Build.Context == "" || remote(s.Build.Context) {
		return nil
	}
	context := d.path(s.Build.Context)
	dockerfile, err := readBounded(below(context, cmp.Or(s.Build.Dockerfile, "Dockerfile")))
	if err != nil || !from.Match(dockerfile) {
		return nil
	}
	var out []string
	for _, m := range line.FindAllSubmatch(dockerfile, -1) {
		out = append(out, filepath.Join(context, filepath.FromSlash(string(m[1]))))
	}
	return out
}

// mounted is the text of the file that a service has at a place, by a mount of it or
// of its folder; empty: it has none there.
func (d Draft) mounted(service, at string) string {
	for _, use := range d.bindUses() {
		rest, below := strings.CutPrefix(at, strings.TrimSuffix(use.target, "/"))
		if use.service != service || !below || rest != "" && rest[0] != '/' {
			continue
		}
		if raw, err := readBounded(d.path(use.source) + rest); err == nil {
			return string(raw)
		}
	}
	return ""
}

// merged returns, by service, those that are made of it: what merges its anchor
// (<<: *base), or extends it in the same file.
func merged(from []source) map[string][]string {
	out := map[string][]string{}
	for _, s := range from {
		services := s.services()
		of := map[*yaml.Node]string{}
		for name, node := range services {
			of[node] = name
		}
		for _, name := range sortedKeys(services) {
			for _, node := range parents(services[name], services) {
				if parent := of[node]; parent != "" && parent != name {
					out[parent] = append(out[parent], name)
				}
			}
		}
	}
	return out
}

// parents are the nodes that a service's definition takes in.
func parents(service *yaml.Node, services map[string]*yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	if service.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(service.Content); i += 2 {
		key, value := service.Content[i], resolved(service.Content[i+1])
		switch {
		case key.Tag == "!!merge" && value.Kind == yaml.SequenceNode: // <<: [*base, *logged]
			for _, item := range value.Content {
				out = append(out, resolved(item))
			}
		case key.Tag == "!!merge":
			out = append(out, value)
		case key.Value == "extends" && value.Kind == yaml.ScalarNode:
			out = append(out, services[value.Value])
		case key.Value == "extends":
			if _, file := lookupNode(value, "file"); file == nil {
				_, of := lookupNode(value, "service")
				out = append(out, services[strings.Join(scalars(resolved(of), func(string) (string, bool) { return "", false }), "")])
			}
		}
	}
	return out
}

func (d Draft) subject(s types.ServiceConfig) infer.Service {
	subject := infer.Service{Service: d.service(s), Expose: s.Expose}
	x, _ := s.Extensions["x-stackctl"].(map[string]any)
	layer, _ := x["layer"].(string)
	subject.Said = stack.Layer(layer)
	subject.SaidOnce = x["run"] == "once"
	subject.NotRestarted = s.Restart == types.RestartPolicyNo && !d.restartByVariable(s.Name)
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		subject.NotRestarted = s.Deploy.RestartPolicy.Condition == "none"
	}
	if s.Image == imageName(d.config.Project, types.ServiceConfig{Name: s.Name, Build: s.Build}) {
		subject.Image = "" // nobody knows what is in it
	}
	if s.Deploy != nil && len(s.Deploy.Labels) > 0 {
		subject.Labels = maps.Clone(map[string]string(s.Deploy.Labels))
		maps.Copy(subject.Labels, s.Labels)
	}
	return subject
}

// restartByVariable reports whether a variable decides what restarts a service: then
// it is a setting of a machine, and says nothing of what the service is.
func (d Draft) restartByVariable(service string) bool {
	return slices.ContainsFunc(d.sources, func(s source) bool {
		_, restart := lookupNode(s.services()[service], "restart")
		return restart != nil && strings.Contains(resolved(restart).Value, "$")
	})
}
