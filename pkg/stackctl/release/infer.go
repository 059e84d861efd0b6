package release

import (
	"maps"

	"github.com/compose-spec/compose-go/v2/types"

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
	for _, name := range sortedKeys(d.project.Services) {
		out = append(out, d.subject(d.project.Services[name]))
	}
	return out
}

func (d Draft) subject(s types.ServiceConfig) infer.Service {
	subject := infer.Service{Service: d.service(s), Expose: s.Expose}
	x, _ := s.Extensions["x-stackctl"].(map[string]any)
	layer, _ := x["layer"].(string)
	subject.Said = stack.Layer(layer)
	subject.SaidOnce = x["run"] == "once"
	subject.NotRestarted = s.Restart == types.RestartPolicyNo
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
