package probe

import (
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// MountsFile reports whether a path in a container shows a file of that name.
func MountsFile(svc stack.Service, at, name string) bool {
	return slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
		if m.Type != "bind" && !strings.HasPrefix(m.Source, "/") {
			return false
		}
		below, isBelow := strings.CutPrefix(at, strings.TrimSuffix(m.Target, "/")+"/")
		return m.Target == at && path.Base(m.Source) == name || isBelow && path.Base(below) == name
	})
}

// NamedMode tells the modes that a compose file may not name: also a network
// that strangers share, be it Docker's own bridge or one named past the file.
func NamedMode(mode string) bool { return mode != "" && mode != "none" }

// IsEngineSocket tells sockets by which a container engine is ruled.
func IsEngineSocket(p string) bool {
	p = strings.ToLower(p)
	for _, name := range []string{"docker.sock", "containerd.sock", "podman.sock", "crio.sock", "dockershim.sock", "buildkitd.sock"} {
		if strings.HasSuffix(p, name) {
			return true
		}
	}
	return false
}

// Routed reports whether a route of the edge leads to the service.
func Routed(s gate.Subject, name string) bool {
	return slices.ContainsFunc(s.Release.Edge.Routes, func(r stack.Route) bool { return r.Service == name })
}

// InMemory reports whether a mount is a volume that the host keeps in memory.
func InMemory(s gate.Subject, m stack.Mount) bool {
	for _, v := range s.Release.Volumes {
		if v.Name == m.Source && m.Type == "volume" && v.Options["type"] == "tmpfs" {
			return true
		}
	}
	return false
}
