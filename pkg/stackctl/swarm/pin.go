package swarm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/stack"
)

// A node pulls the image of each container that its Swarm starts there, unless the image is
// given as an ID: a name brings whatever a registry has under it by then, and an ID that
// only another image store knows brings nothing.

// nowhere is the registry of what no node is to pull; RFC 2606 reserves its name.
const nowhere = "images.invalid/stackctl"

// labelImage is the image of a service as its compose file has it.
const labelImage = "dev.stackctl.image"

// held is an image as a node's engine has it.
type held struct {
	node, id string
	layers   []string
}

// pin sets the image of a service to what the nodes that may run it call it so that none
// pulls it: the ID of all their engines, or a name that it gets on each where
// their image stores have different ones.
func (c *Cluster) pin(ctx context.Context, spec *swarm.ServiceSpec, nodes []string) error {
	image := spec.TaskTemplate.ContainerSpec.Image
	found := make([]held, len(c.members))
	err := c.on(ctx, nodes, func(ctx context.Context, i int, m *member) (err error) {
		found[i].node = m.Name
		found[i].id, found[i].layers, err = m.engine.Held(ctx, image)
		return err
	})
	if err != nil {
		return err
	}
	name, tagged, err := pinned(image, found)
	spec.TaskTemplate.ContainerSpec.Image, spec.Labels[labelImage] = name, image
	if err != nil || !tagged {
		return err
	}
	return c.each(ctx, func(ctx context.Context, i int, m *member) error {
		if found[i].id == "" {
			return nil
		}
		return m.engine.Tag(ctx, found[i].id, name)
	})
}

// pinned returns the name for what nodes have of an image, and whether each of them has to be
// told of it. Nodes without the image are passed over.
func pinned(image string, found []held) (name string, tagged bool, err error) {
	var some []held
	for _, h := range found {
		if h.id != "" {
			some = append(some, h)
		}
	}
	if len(some) == 0 {
		return "", false, fmt.Errorf("no node has image %s; deploy again", image)
	}
	first := some[0]
	for _, h := range some[1:] {
		tagged = tagged || h.id != first.id
		if h.id != first.id && !slices.Equal(h.layers, first.layers) {
			return "", false, fmt.Errorf("image %s is another one on %s than on %s; pull it there by hand (`docker pull %s`), or name it by its digest", image, h.node, first.node, image)
		}
	}
	if !tagged {
		return first.id, false, nil
	}
	return nowhere + ":" + stack.Sum([]byte(strings.Join(first.layers, "\n"))), true, nil
}
