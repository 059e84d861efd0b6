package stack

import "slices"

// Owns reports whether a container is of a project: by its label and the exact
// name, so that the project shop never counts a container of shop-eu. It is the
// one answer to that question.
func Owns(c Container, project string) bool { return OwnsLabels(c.Labels, project) }

// OwnsLabels is Owns for a network, a volume or whatever else has labels.
func OwnsLabels(labels map[string]string, project string) bool {
	return project != "" && labels[LabelProject] == project
}

// Labels of Compose, by which its containers tell what they are
// (docker/compose, pkg/api/labels.go).
const (
	ComposeProject = "com.docker.compose.project"
	ComposeService = "com.docker.compose.service"
	ComposeOneOff  = "com.docker.compose.oneoff"
	ComposeNumber  = "com.docker.compose.container-number"
	ComposeFolder  = "com.docker.compose.project.working_dir"
)

// ByCompose reports whether `docker compose` made a container of a project of that
// name: it is nobody's here until the project is adopted.
func ByCompose(c Container, project string) bool {
	return project != "" && c.Labels[ComposeProject] == project && c.Labels[LabelProject] == ""
}

// LabelSwarm is the label of a container that a Docker Swarm made, with its service's ID.
const LabelSwarm = "com.docker.swarm.service.id"

// Plain reports whether a container is one of a project's services as they run on one
// server: no Swarm made it, and it is no help of a moment.
func (c Container) Plain(project string) bool {
	return Owns(c, project) && c.Labels[LabelSwarm] == "" && c.Labels[LabelLayer] != ""
}

// PlainIngress reports whether a container is the ingress of one server: no Swarm made it.
func (c Container) PlainIngress() bool {
	return c.Labels[LabelIngress] != "" && c.Labels[LabelSwarm] == ""
}

// BehindPlainIngress are the projects, sorted, that the ingress of one server leads to on
// a node.
func BehindPlainIngress(list []Container, node string) []string {
	var out []string
	for _, c := range list {
		project := c.Labels[LabelProject]
		if c.Node == node && slices.Contains(c.Networks, IngressProject) && !c.PlainIngress() && c.Labels[LabelSwarm] == "" && project != "" {
			out = append(out, project)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// OffNetworks returns the networks of its service that a container of the
// release is off: whoever removed one by force left a container that runs, is
// healthy and that nobody reaches there.
func (r Release) OffNetworks(c Container, s Service) []string {
	var off []string
	for _, n := range r.Networks {
		if !n.External && slices.Contains(s.Networks, n.Name) && !slices.Contains(c.Networks, n.RealName(r.Project)) {
			off = append(off, n.Name)
		}
	}
	return off
}
