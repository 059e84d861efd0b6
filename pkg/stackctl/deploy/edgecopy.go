package deploy

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// edgeCopy is the service of a release's edge, which another compose project runs
// beside it: the same image, settings and secrets, and no published port.
type edgeCopy struct {
	service map[string]any
	secrets map[string]any
	configs map[string]any
}

// copyOf reads the edge's service from a base and mounts other files in it: swap maps
// the sources of binds.
func copyOf(base []byte, service string, swap map[string]string) (edgeCopy, error) {
	var doc struct {
		Services map[string]map[string]any `yaml:"services"`
		Secrets  map[string]any            `yaml:"secrets"`
		Configs  map[string]any            `yaml:"configs"`
	}
	if err := yaml.Unmarshal(base, &doc); err != nil {
		return edgeCopy{}, err
	}
	s, ok := doc.Services[service]
	if !ok {
		return edgeCopy{}, fmt.Errorf("the compose file has no service %s", service)
	}
	for _, key := range []string{"ports", "expose", "networks", "depends_on", "container_name", "labels", "hostname"} {
		delete(s, key)
	}
	c := edgeCopy{s, doc.Secrets, doc.Configs}
	for _, m := range c.mounts() {
		if to, ok := swap[fmt.Sprint(m["source"])]; ok && m["type"] == "bind" {
			m["source"] = to
		}
	}
	return c, nil
}

// edgeImage is the image of a release's edge as its compose file has it: by what no
// registry is asked about.
func edgeImage(r stack.Release, service string) (string, error) {
	c, err := copyOf(r.Base, service, nil)
	if err != nil {
		return "", err
	}
	image, _ := c.service["image"].(string)
	return image, nil
}

func (c edgeCopy) mounts() []map[string]any {
	var out []map[string]any
	list, _ := c.service["volumes"].([]any)
	for _, one := range list {
		if m, ok := one.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// compose is the copy's compose file.
func (c edgeCopy) compose(service, project string, more map[string]any) ([]byte, error) {
	doc := map[string]any{"name": project, "services": map[string]any{service: c.service}, "secrets": c.secrets, "configs": c.configs}
	for key, value := range more {
		doc[key] = value
	}
	return yaml.Marshal(doc)
}

// trialCompose is a copy that only tries files: it has none of the edge's volumes
// and networks.
func trialCompose(base []byte, service, project string, swap map[string]string) ([]byte, error) {
	c, err := copyOf(base, service, swap)
	if err != nil {
		return nil, err
	}
	delete(c.service, "healthcheck")
	delete(c.service, "deploy")
	c.service["network_mode"], c.service["restart"] = "bridge", "no"
	c.service["volumes"] = slices.DeleteFunc(c.mounts(), func(m map[string]any) bool { return m["type"] != "bind" })
	return c.compose(service, project, nil)
}

// standbyCompose is a copy that serves: it is on the networks of the edge, and reads
// its routes and certificates without writing either.
func standbyCompose(r stack.Release, service, project string, swap map[string]string) ([]byte, error) {
	c, err := copyOf(r.Base, service, swap)
	if err != nil {
		return nil, err
	}
	edge, _ := r.Service(service)
	joined, networks, volumes := map[string]any{}, map[string]any{}, map[string]any{}
	for _, name := range edge.Networks {
		joined[name] = map[string]any{}
		networks[name] = map[string]any{"name": r.NetworkName(name), "external": true}
	}
	joined[stack.IngressProject] = map[string]any{"aliases": []string{stack.StandbyAlias(r.Project)}}
	c.service["networks"] = joined
	for _, m := range c.mounts() {
		m["read_only"] = true
		if source := fmt.Sprint(m["source"]); m["type"] == "volume" {
			volumes[source] = map[string]any{"name": r.VolumeName(source), "external": true}
		}
	}
	return c.compose(service, project, map[string]any{"networks": networks, "volumes": volumes})
}

// edgeSwap maps what a release's edge mounts to what a copy of it does, whose files
// are in a folder. The static file is known by its content on the host: a release
// that was read back from there has no files of its own.
func (x *executor) edgeSwap(ctx context.Context, r stack.Release, static, dynamic string) (map[string]string, error) {
	root := x.d.Target.Path
	mounted, err := node.MountedBy(r.Base, root, x.d.Config.Traefik.Service)
	if err != nil {
		return nil, err
	}
	sums, err := x.server.Hashes(ctx, root, mounted)
	if err != nil {
		return nil, err
	}
	for name, sum := range sums {
		if sum == stack.Sum(r.Edge.Static) {
			return map[string]string{x.d.Target.At(stack.EdgeDynamic): dynamic, path.Join(root, name): static}, nil
		}
	}
	return nil, fmt.Errorf("no file that %s mounts from %s holds its static configuration: %s", x.d.Config.Traefik.Service, root, cmp.Or(strings.Join(mounted, ", "), "it mounts none"))
}
