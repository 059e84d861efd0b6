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
