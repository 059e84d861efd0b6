package deploy

import (
	"slices"
	"strings"

	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/stack"
)

// images brings each image to the host, or to the nodes of a cluster that may run it.
func (p *planner) images() {
	for _, i := range p.r.Images {
		nodes, lacks := p.lacking(i)
		step := stack.Step{Kind: stack.StepPullImage, Subject: i.Reference, Services: i.Services, Nodes: nodes}
		who := "the host"
		switch {
		case len(nodes) == 1:
			who = nodes[0]
		case len(nodes) > 1:
			who = "each of " + strings.Join(nodes, ", ")
		}
		switch {
		case !lacks:
			continue
		case i.Archive != "":
			step.Kind, step.Cause = stack.StepShipImage, who+" lacks "+stack.ShortID(i.ID)
		case i.Build != nil:
			step.Kind, step.Cause = stack.StepBuildImage, who+" has no image of these inputs: "+buildOf(*i.Build)
		default:
			step.Cause = who + " lacks it and no archive holds it"
		}
		p.add(step)
	}
}

// lacking reports whether an image is lacking where it is needed, and in a cluster on
// which nodes.
func (p *planner) lacking(i stack.Image) (nodes []string, lacks bool) {
	if len(p.want.Slots) == 0 {
		return nil, !p.has("", i)
	}
	for _, n := range p.runners(i) {
		if !p.has(n, i) {
			nodes = append(nodes, n)
		}
	}
	return nodes, len(nodes) > 0
}

// runners are the nodes of a cluster that answer and may run an image, sorted: also those
// that take a container over when its node is lost, or its data when that is moved. What
// lasts is tried and restored beside the records, on whichever node they are.
func (p *planner) runners(i stack.Image) []string {
	var out []string
	for _, s := range p.want.Slots {
		if slices.Contains(i.Services, s.Service) {
			out = append(out, s.Nodes...)
		}
	}
	for _, s := range p.r.Services {
		if s.Layer != stack.LayerApp && slices.Contains(i.Services, s.Name) {
			out = append(out, p.seen.Host.Node)
		}
		if s.Layer == stack.LayerData && slices.Contains(i.Services, s.Name) {
			out = append(out, p.want.DataNodes...)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(n string) bool { return slices.Contains(p.seen.Host.Away, n) })
}

// has reports whether the host, or a node of a cluster, has an image: by ID where an
// archive holds it, else by name.
func (p *planner) has(node string, i stack.Image) bool {
	return slices.ContainsFunc(p.seen.Images, func(h stack.HostImage) bool {
		if node != "" && !slices.Contains(h.Nodes, node) {
			return false
		}
		if i.Archive != "" {
			return h.ID == i.ID
		}
		known := func(name string) bool { return image.Canonical(name) == image.Canonical(i.Reference) }
		return h.ID == image.Canonical(i.Reference) || slices.ContainsFunc(h.Tags, known) || slices.ContainsFunc(h.Digests, known)
	})
}
