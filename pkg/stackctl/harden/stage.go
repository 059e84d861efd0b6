package harden

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// stage is the compose project of the trials, made of a release: its services in one
// project, with networks and volumes of their own, no port published, and everything
// marked as throwaway.
type stage struct {
	name string
	// services are their definitions, by name.
	services map[string]map[string]any
	secrets  map[string]any
	// networks are the release's, with whether each is internal.
	networks map[string]bool
	// volumes are those that each service writes to or reads, by key.
	volumes map[string][]string
	// project is whose rehearsal it is, root where its files are on the server.
	project, root string
}

// newStage returns the stage of a release's services, whose files are below root.
func newStage(r stack.Release, p project, root string) (stage, error) {
	s := stage{
		name: stack.RehearsalProject(r.Project), project: r.Project, root: root,
		services: map[string]map[string]any{}, secrets: map[string]any{}, networks: map[string]bool{}, volumes: map[string][]string{},
	}
	for _, raw := range [][]byte{r.Base, r.App} {
		var doc struct {
			Services map[string]map[string]any `yaml:"services"`
			Secrets  map[string]any            `yaml:"secrets"`
			Networks map[string]struct {
				Internal bool `yaml:"internal"`
			} `yaml:"networks"`
		}
		if err := yaml.Unmarshal(raw, &doc); err != nil {
			return s, fmt.Errorf("read the release's compose file: %w", err)
		}
		for name, definition := range doc.Services {
			if _, tried := p.services[name]; tried {
				s.services[name] = s.alone(name, definition)
			}
		}
		for name, secret := range doc.Secrets {
			s.secrets[name] = secret
		}
		for name, n := range doc.Networks {
			s.networks[name] = s.networks[name] || n.Internal
		}
	}
	return s, nil
}

// outward are keys of a service by which it would meet what is deployed, or others
// of the host.
var outward = []string{"ports", "container_name", "external_links", "profiles", "labels", "logging", "scale", "cgroup_parent", "mac_address", "depends_on"}

// alone returns a service's definition without what leads out of the stage.
func (s stage) alone(name string, from map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range from {
		if !slices.Contains(outward, key) {
			out[key] = value
		}
	}
	labels, _ := from["labels"].(map[string]any)
	out["labels"] = map[string]any{stack.LabelThrowaway: s.project, stack.LabelLayer: labels[stack.LabelLayer]}
	if networks, has := from["networks"].(map[string]any); has {
		out["networks"] = aliases(networks)
	}
	if d, has := from["deploy"].(map[string]any); has {
		delete(out, "deploy")
		if resources, has := d["resources"].(map[string]any); has && len(resources) > 0 {
			out["deploy"] = map[string]any{"resources": resources}
		}
		if policy, has := d["restart_policy"].(map[string]any); has && policy["condition"] == "on-failure" {
			out["restart"] = "on-failure"
		}
	}
	mounts, _ := from["volumes"].([]any)
	var volumes []any
	for i, m := range mounts {
		mount, is := m.(map[string]any)
		if !is {
			continue
		}
		mount = s.inside(name, i, mount)
		if key, _ := mount["source"].(string); mount["type"] == "volume" && key != "" {
			s.volumes[name] = append(s.volumes[name], key)
		}
		volumes = append(volumes, mount)
	}
	if len(volumes) > 0 {
		out["volumes"] = volumes
	}
	return out
}

// aliases keeps the names that a service has on its networks, and no address.
func aliases(networks map[string]any) map[string]any {
	out := map[string]any{}
	for key, n := range networks {
		one := map[string]any{}
		if of, is := n.(map[string]any); is {
			if list, has := of["aliases"].([]any); has {
				one["aliases"] = list
			}
		}
		out[key] = one
	}
	return out
}

// inside returns a mount that reads and writes nothing that is deployed: of the
// server's own folders a service only reads, and what it would write to is a volume
// of the stage.
func (s stage) inside(service string, i int, m map[string]any) map[string]any {
	source, _ := m["source"].(string)
	target, _ := m["target"].(string)
	switch {
	case m["type"] == "volume":
		delete(m, "volume") // subpaths lie in volumes that have something
		return m
	case m["type"] != "bind" || strings.HasPrefix(path.Clean(source), s.root+"/"):
		return m
	}
	if m["read_only"] != true && !systems(source) && path.Ext(target) == "" {
		return map[string]any{"type": "volume", "source": service + "-" + strconv.Itoa(i), "target": target}
	}
	m["read_only"] = true
	return m
}

// systems reports whether a path is the server's own, and no project's.
func systems(source string) bool {
	for _, dir := range []string{"/etc", "/usr", "/proc", "/sys", "/dev", "/run", "/var/run", "/lib", "/boot"} {
		if source == dir || strings.HasPrefix(source, dir+"/") {
			return true
		}
	}
	return false
}

// limitsOf are the limits that a definition has under deploy. Where there are any,
// Compose wants all of them there.
func limitsOf(definition map[string]any) map[string]any {
	deploy, _ := definition["deploy"].(map[string]any)
	resources, _ := deploy["resources"].(map[string]any)
	limits, _ := resources["limits"].(map[string]any)
	return limits
}

// file returns the compose file of the stage: each service with its setting. Those that are
// calm end where their program does, so that a start that fails is seen at once.
func (s stage) file(p project, settings map[string]Setting, calm map[string]bool) ([]byte, error) {
	services, volumes, networks := map[string]any{}, map[string]any{}, map[string]any{}
	label := map[string]any{stack.LabelThrowaway: s.project}
	for _, name := range p.names() {
		definition := apply(s.services[name], settings[name])
		definition["depends_on"] = s.waits(p, name)
		definition["links"] = s.links(p, name)
		if calm[name] {
			definition["restart"] = "no"
		}
		services[name] = definition
		for _, key := range s.volumes[name] {
			volumes[key] = map[string]any{"name": s.name + "_" + key, "labels": label}
		}
	}
	for name, internal := range s.networks {
		networks[name] = map[string]any{"name": s.name + "_" + name, "internal": internal, "labels": label}
	}
	return yaml.Marshal(map[string]any{"name": s.name, "services": services, "volumes": volumes, "networks": networks, "secrets": s.secrets})
}

// links are the further names by which a service reaches others of the stage.
func (s stage) links(p project, name string) []any {
	list, _ := s.services[name]["links"].([]any)
	return slices.DeleteFunc(slices.Clone(list), func(link any) bool {
		other, _, _ := strings.Cut(fmt.Sprint(link), ":")
		_, is := p.services[other]
		return !is
	})
}

// waits are what a service is started after, in Compose's words.
func (s stage) waits(p project, name string) map[string]any {
	out := map[string]any{}
	for _, dep := range p.deps[name] {
		condition := "service_healthy"
		switch given := p.services[name].DependsOn[dep]; {
		case p.services[dep].OneShot:
			condition = "service_completed_successfully"
		case given == "service_started":
			condition = given
		}
		out[dep] = map[string]any{"condition": condition, "required": true}
	}
	return out
}

// apply returns a definition with a setting on top, as Compose merges an override.
func apply(from map[string]any, s Setting) map[string]any {
	out := map[string]any{}
	for key, value := range from {
		out[key] = value
	}
	add := func(key string, values ...string) {
		list, _ := out[key].([]any)
		list = slices.Clone(list)
		for _, value := range values {
			list = append(list, value)
		}
		if len(list) > 0 {
			out[key] = list
		}
	}
	if s.ReadOnly {
		out["read_only"] = true
		for _, dir := range s.Tmpfs {
			add("tmpfs", tmpfs(dir))
		}
	}
	if s.DropAll {
		add("cap_drop", "ALL")
		add("cap_add", s.CapAdd...)
	}
	if s.NoNewPrivileges {
		add("security_opt", noNewPrivileges)
	}
	if s.User != "" {
		out["user"] = s.User
	}
	limit(out, s)
	return out
}

// limit sets the limits of a setting where Compose wants them.
func limit(out map[string]any, s Setting) {
	if s.Memory == 0 && s.Tasks == 0 {
		return
	}
	if len(limitsOf(out)) == 0 {
		if s.Memory > 0 {
			out["mem_limit"] = strconv.FormatInt(s.Memory, 10)
		}
		if s.Tasks > 0 {
			out["pids_limit"] = s.Tasks
		}
		return
	}
	limits := map[string]any{}
	for key, value := range limitsOf(out) {
		limits[key] = value
	}
	if s.Memory > 0 {
		limits["memory"] = strconv.FormatInt(s.Memory, 10)
	}
	if s.Tasks > 0 {
		limits["pids"] = s.Tasks
	}
	out["deploy"] = map[string]any{"resources": map[string]any{"limits": limits}}
}

const noNewPrivileges = "no-new-privileges:true"

// tmpfs is a folder in memory that every user of a container may write to.
func tmpfs(dir string) string { return dir + ":mode=1777,size=64m" }
