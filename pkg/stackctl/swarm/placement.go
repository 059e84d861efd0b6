package swarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// Placement returns where each container of a resolved compose file is to run, and an
// error for what of it no Swarm service can have.
func (c *Cluster) Placement(ctx context.Context, project string, compose []byte) ([]stack.Slot, error) {
	p, err := engine.Project(ctx, project, compose)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for _, name := range p.ServiceNames() {
		for _, lack := range release.Uncarried(p.Services[name]) {
			lacks = append(lacks, "service "+name+": "+lack)
		}
	}
	if len(lacks) > 0 {
		return nil, stack.Fault(stack.CauseUsage, "place "+project+" on the nodes of "+c.target.Domain, errors.New(strings.Join(lacks, "; ")+"; nothing was changed"),
			"write the service without it, or deploy to a target without nodes")
	}
	slots, err := c.place(ctx, p)
	if err != nil {
		return nil, stack.Fault(stack.CauseUsage, "place "+project+" on the nodes of "+c.target.Domain, fmt.Errorf("%w; nothing was changed", err), "")
	}
	return slots, nil
}

// place assigns a project's services to the nodes that take some.
func (c *Cluster) place(ctx context.Context, p *types.Project) ([]stack.Slot, error) {
	at, err := c.volumes(ctx)
	if err != nil {
		return nil, err
	}
	services, err := c.services(ctx, "")
	if err != nil {
		return nil, err
	}
	for volume, on := range at { // what is on a node that is left counts no more
		at[volume] = without(on, []string{c.leaving})
	}
	demands := Demands(p)
	held, err := heldAt(demands, at, c.pins(services, at))
	if err != nil {
		return nil, err
	}
	return Place(demands, c.target.Nodes, c.closed(), held)
}

// heldAt is the node of each volume that services mount: the one where the Swarm has it
// mounted, or else the one that has it. An edge has its volumes on each of its nodes.
func heldAt(demands []Demand, at map[string][]string, pins map[string]string) (map[string]string, error) {
	held := map[string]string{}
	for _, d := range demands {
		if d.Layer == stack.LayerEdge {
			continue
		}
		for _, v := range d.Volumes {
			switch on := at[v]; {
			case pins[v] != "":
				held[v] = pins[v]
			case len(on) == 1:
				held[v] = on[0]
			case len(on) > 1:
				return nil, fmt.Errorf("volume %s of service %s is on %s: which one holds the data is not known; look at each, keep a copy, and remove the other by hand", v, d.Service, strings.Join(on, " and "))
			}
		}
	}
	return held, nil
}

// pins are the nodes on which the Swarm's services mount each volume, where the volume
// is there or nobody sees whether it is, because the node is away. They go before what
// other nodes have of that name: a copy that was left behind.
func (c *Cluster) pins(services []swarm.Service, at map[string][]string) map[string]string {
	pins := map[string]string{}
	for _, s := range services {
		node := pinOf(s)
		if node == "" || node == c.leaving || s.Spec.Labels[stack.LabelLayer] == string(stack.LayerEdge) || s.Spec.TaskTemplate.ContainerSpec == nil {
			continue
		}
		for _, m := range s.Spec.TaskTemplate.ContainerSpec.Mounts {
			if m.Type == mount.TypeVolume && m.Source != "" && (c.member(node) == nil || slices.Contains(at[m.Source], node)) {
				pins[m.Source] = node
			}
		}
	}
	return pins
}

// pinOf is the one node that a service may run on, empty where there are several; for
// one whose move was cut off it is the node that has its data still.
func pinOf(s swarm.Service) string {
	if from := s.Spec.Labels[labelFrom]; from != "" {
		return from
	}
	p := s.Spec.TaskTemplate.Placement
	if p == nil || len(p.Constraints) != 1 {
		return ""
	}
	node, one := strings.CutPrefix(p.Constraints[0], "node.labels."+LabelNode+"==")
	if !one {
		return ""
	}
	return node
}

// Demands are what the placement of a project's services depends on, by name.
func Demands(p *types.Project) []Demand {
	var out []Demand
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		d := Demand{Service: name, Layer: layerOf(p, s), Replicas: s.GetScale(), Publishes: len(s.Ports) > 0}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume && v.Source != "" {
				d.Volumes = append(d.Volumes, volumeName(p, v.Source))
			}
		}
		out = append(out, d)
	}
	return out
}

func volumeName(p *types.Project, key string) string {
	if v, ok := p.Volumes[key]; ok && v.Name != "" {
		return v.Name
	}
	return key
}

// waves are a project's services in the order in which they may start.
func waves(p *types.Project) [][]string {
	var out [][]string
	done := map[string]bool{}
	for len(done) < len(p.Services) {
		var wave []string
		for _, name := range p.ServiceNames() {
			ready := !done[name]
			for on := range p.Services[name].DependsOn {
				if _, here := p.Services[on]; here && !done[on] {
					ready = false
				}
			}
			if ready {
				wave = append(wave, name)
			}
		}
		if len(wave) == 0 { // a circle, which Compose has refused
			return append(out, slices.DeleteFunc(p.ServiceNames(), func(n string) bool { return done[n] }))
		}
		for _, name := range wave {
			done[name] = true
		}
		out = append(out, wave)
	}
	return out
}
