package probe

import (
	"cmp"
	"fmt"
	"path"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// FrozenService is a service as the release starts it: the compose file that
// the host has, as far as running containers are compared with it.
type FrozenService struct {
	Command     []string           `yaml:"command"`
	Entrypoint  []string           `yaml:"entrypoint"`
	Environment map[string]*string `yaml:"environment"`
	Volumes     []struct {
		Target string `yaml:"target"`
	} `yaml:"volumes"`
	Secrets []frozenFile `yaml:"secrets"`
	Configs []frozenFile `yaml:"configs"`
	Devices []any        `yaml:"devices"`
	Health  *struct {
		Test    []string `yaml:"test"`
		Disable bool     `yaml:"disable"`
	} `yaml:"healthcheck"`
}

type frozenFile struct {
	Source string `yaml:"source"`
	Target string `yaml:"target"`
}

// Frozen returns the services of a release as its compose files start them.
func Frozen(r stack.Release) (map[string]FrozenService, error) {
	out := map[string]FrozenService{}
	for _, file := range [][]byte{r.Base, r.App} {
		var doc struct {
			Services map[string]FrozenService `yaml:"services"`
		}
		if err := yaml.Unmarshal(file, &doc); err != nil {
			return nil, fmt.Errorf("read the compose file of release %s: %w", r.ID, err)
		}
		for name, svc := range doc.Services {
			out[name] = svc
		}
	}
	return out, nil
}

// Targets are the places in the container where the service has something
// mounted.
func (f FrozenService) Targets() map[string]bool {
	out := map[string]bool{}
	for _, v := range f.Volumes {
		out[path.Clean(v.Target)] = true
	}
	for dir, list := range map[string][]frozenFile{"/run/secrets": f.Secrets, "/": f.Configs} {
		for _, file := range list {
			at := cmp.Or(file.Target, file.Source)
			if !path.IsAbs(at) {
				at = path.Join(dir, at)
			}
			out[path.Clean(at)] = true
		}
	}
	return out
}

// Variables are the values that the service sets itself.
func (f FrozenService) Variables() map[string]string {
	out := map[string]string{}
	for k, v := range f.Environment {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}
