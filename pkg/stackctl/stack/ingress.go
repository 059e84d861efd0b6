package stack

import (
	"regexp"
	"slices"
)

// The ingress is what several projects of one server share: a container that
// holds ports 80 and 443 and passes each connection on to the edge of the
// project whose host it asks for. It is a compose project of its own, whose
// network has its name.
const (
	IngressProject = "stackctl-ingress"
	IngressService = "ingress"
	// IngressPath is its folder on the server.
	IngressPath = "/srv/" + IngressProject
	// IngressDynamic holds one dynamic file per project; the ingress watches it.
	IngressDynamic = "dynamic"
	// IngressSubnet is its network's, of the range for benchmarks (RFC 2544), which
	// no server's own network has; IngressAddress is the ingress in it, outside of
	// IngressRange, from which the engine gives edges theirs: no edge ever has it.
	// Edges believe this address alone who the client is.
	IngressSubnet  = "198.18.240.0/24"
	IngressGateway = "198.18.240.1"
	IngressAddress = "198.18.240.2"
	IngressRange   = "198.18.240.128/25"
	// IngressClusterSubnet is the network of the ingress of a cluster, which is one for
	// all nodes: of the same range, and large enough for an edge and its copy of each
	// project on each node. There the ingress has no address of its own.
	IngressClusterSubnet = "198.18.224.0/20"
	// IngressAPIPort is where its Traefik answers stackctl.
	IngressAPIPort = 8090
	// LabelIngress holds the version of the ingress that a container was made as.
	LabelIngress = "dev.stackctl.ingress"
)

// IngressAlias is the name by which the ingress reaches a project's edge.
func IngressAlias(project string) string {
	return project + "-edge-" + Sum([]byte(project))[:12]
}

// StandbyAlias is the name by which the ingress reaches the standby of a project's
// edge, which serves while the edge is replaced.
func StandbyAlias(project string) string {
	return project + "-spare-" + Sum([]byte(project))[:12]
}

// RehearsalAlias is the name by which an authority's questions reach the throwaway
// edge that rehearses a project's certificates.
func RehearsalAlias(project string) string {
	return project + "-rehearsal-" + Sum([]byte(project))[:12]
}

// OnNode is the name by which the ingress of a node reaches what it has an alias for:
// on one server, which has no name, that is the alias.
func OnNode(alias, node string) string {
	if node == "" {
		return alias
	}
	name := alias[:max(0, len(alias)-12)] // what comes before its sum
	return name + Sum([]byte(alias + "@" + node))[:12]
}

// StandbyProject is the compose project of that standby. It is longer than the
// name of a project may be (40).
func StandbyProject(project string) string {
	return project + "-standby-" + Sum([]byte(project))[:40]
}

// standby matches a StandbyProject; the first group is the project that it is of.
var standby = regexp.MustCompile(`^(.+)-standby-[0-9a-f]{40}$`)

// StandbyOf returns the project whose edge a compose project is the standby of, and
// reports whether it is one.
func StandbyOf(project string) (owner string, is bool) {
	m := standby.FindStringSubmatch(project)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// throwaway matches the compose projects that a deploy makes for itself and removes.
var throwaway = regexp.MustCompile(`-(trial|standby)-[0-9a-f]{40}$`)

// Throwaway reports whether a compose project is one of TrialProject or StandbyProject.
func Throwaway(project string) bool { return throwaway.MatchString(project) }

// IngressFile is the name of a project's file in IngressDynamic.
func IngressFile(project string) string { return project + ".yml" }

// Shared reports whether the release's edge is behind the server's ingress.
func (r Release) Shared() bool {
	return slices.ContainsFunc(r.Services, func(s Service) bool {
		return s.Layer == LayerEdge && s.Deployed && slices.Contains(s.Networks, IngressProject)
	})
}

// Hosts returns the host names that the edge has routes for, sorted.
func (e EdgeConfig) Hosts() []string {
	var out []string
	for _, route := range e.Routes {
		out = append(out, route.Hosts...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
