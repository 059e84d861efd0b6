package exposure

import (
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// enginePlaces are where the engine listens and keeps its state: who mounts
// them rules every container and with that the host.
var enginePlaces = []string{"/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/var/lib/docker"}

// strangers judges the running containers that no compose file of the release
// declares: what they can do to the site's ports and networks. What the site
// declares itself is judged by gate G9.
func strangers(s gate.Subject, containers []stack.Container) []stack.Finding {
	var out []stack.Finding
	networks, volumes := siteNetworks(s), siteVolumes(s)
	for _, c := range containers {
		if !c.Active() {
			continue
		}
		if _, declared := s.Release.Service(c.Service); declared && ours(s, c) {
			continue
		}
		tell := func(rule stack.Rule, problem, expected, observed, fix string) {
			out = append(out, stack.Finding{Subject: "container " + c.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed,
				Fix: fix + ", or accept it by an exception in stackctl.yaml"})
		}
		if shared := sharedWith(s, c, containers); shared != "" && !ours(s, c) {
			tell(strangersRule, "a stranger's container shares the network of "+shared, "a network of its own", "network_mode "+c.NetworkMode, "remove the container or give it a network of its own")
		}
		if c.Privileged {
			tell(strangersRule, "a stranger's container is privileged: it can open any port of the host", "no privileged container", "privileged", "remove the container or its privileges")
		}
		for _, m := range c.Mounts {
			switch {
			case slices.ContainsFunc(enginePlaces, func(place string) bool { return holds(m, place) }):
				tell(strangersRule, "a stranger's container rules the engine: it can open any port of the host", "no mount of the engine's socket or files", m, "remove the container or the mount")
			case s.Target.Path != "" && (holds(m, s.Target.Path) || holds(s.Target.Path, m)), slices.ContainsFunc(volumes, func(v string) bool { return strings.Contains(m+"/", "/volumes/"+v+"/") }):
				tell(strangersRule, "a stranger's container has the site's files or data", "mounts of its own", m, "remove the container or the mount")
			}
		}
		for _, n := range networkNames(c) {
			if slices.Contains(networks, n) {
				tell(strangersRule, "a stranger's container is on a network of the site", "containers of the compose files only", n, "disconnect it: docker network disconnect "+n+" "+c.Name)
			}
		}
	}
	return out
}

// sharedWith names whose network namespace a container takes part in: the
// host's or one of the site's containers'; "": nobody's that matters.
func sharedWith(s gate.Subject, c stack.Container, all []stack.Container) string {
	if c.NetworkMode == "host" {
		return "the host"
	}
	id, joined := strings.CutPrefix(c.NetworkMode, "container:")
	if !joined || id == "" {
		return ""
	}
	for _, other := range all {
		if (other.ID == id || other.Name == id) && ours(s, other) {
			return "container " + other.Name
		}
	}
	return ""
}

// holds reports whether a place of the host is another one or lies above it.
func holds(above, place string) bool {
	above = path.Clean(above)
	if rest, old := strings.CutPrefix(above, "/var/run"); old && (rest == "" || rest[0] == '/') {
		above = "/run" + rest // a link since 2011 (Filesystem Hierarchy Standard 3.0)
	}
	return above == "/" || above == place || strings.HasPrefix(place, above+"/")
}

// siteNetworks are the networks that are the site's alone, as the engine names
// them. External ones may be shared.
func siteNetworks(s gate.Subject) []string {
	var out []string
	for _, n := range s.Release.Networks {
		if !n.External {
			out = append(out, n.RealName(s.Release.Project))
		}
	}
	return out
}

// siteVolumes are the site's volumes, as the engine names them.
func siteVolumes(s gate.Subject) []string {
	var out []string
	for _, svc := range s.Release.Services {
		for _, m := range svc.Volumes {
			if m.Type == "volume" && m.Source != "" {
				out = append(out, s.Release.VolumeName(m.Source))
			}
		}
	}
	return out
}

func networkNames(c stack.Container) []string {
	var out []string
	for n := range c.Addresses {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}
