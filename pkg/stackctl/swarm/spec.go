package swarm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// Labels of what stackctl makes in a Swarm.
const (
	// LabelNode is a node's label with its name in the settings.
	LabelNode = "dev.stackctl.node"
	// labelSlot counts the containers of a service, labelSpec is the sum of what a
	// service was made from.
	labelSlot = "dev.stackctl.slot"
	labelSpec = "dev.stackctl.spec"
)

// blueprint is what turns a service of a compose file into Swarm services.
type blueprint struct {
	project *types.Project
	// private is the network of this release alone, on which its services have their
	// plain names; empty: the plain names are for everybody.
	private string
	// secrets are the Swarm's, by the path of their file on a node.
	secrets map[string]secret
	nodes   []stack.Node
}

type secret struct{ id, name string }

// serviceName is the name of a slot in the Swarm. Its container is reached by what
// ReplicaContainer calls it, but for the ingress of a node and a copy of an edge, whose
// names would be too long, or another one with each order of the nodes.
func serviceName(project string, s stack.Slot) string {
	if owner, spare := stack.StandbyOf(project); spare {
		return stack.StandbyAlias(owner) + "-" + strconv.Itoa(s.N)
	}
	if project == stack.IngressProject {
		return project + "-" + stack.Sum([]byte(s.Nodes[0]))[:12]
	}
	return stack.ReplicaContainer(project, s.Service, s.N)
}

// spec is the Swarm service of a slot.
func (b blueprint) spec(s types.ServiceConfig, slot stack.Slot) (swarm.ServiceSpec, error) {
	if lacks := release.Uncarried(s); len(lacks) > 0 {
		return swarm.ServiceSpec{}, fmt.Errorf("service %s has what a cluster cannot carry: %s", s.Name, strings.Join(lacks, "; "))
	}
	labels := map[string]string{}
	maps.Copy(labels, s.Labels)
	maps.Copy(labels, s.CustomLabels)
	labels[stack.ComposeNumber] = strconv.Itoa(slot.N)
	c, err := b.container(s, labels)
	if err != nil {
		return swarm.ServiceSpec{}, fmt.Errorf("service %s: %w", s.Name, err)
	}
	one := uint64(1)
	out := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: serviceName(b.project.Name, slot), Labels: maps.Clone(labels)},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: c,
			Resources:     resources(s),
			RestartPolicy: restarts(s),
			Networks:      b.networks(s, slot),
		},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}},
		EndpointSpec: &swarm.EndpointSpec{Mode: swarm.ResolutionModeDNSRR, Ports: ports(s)},
	}
	if engine.OneShot(b.project, s) {
		out.Mode = swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{MaxConcurrent: &one, TotalCompletions: &one}}
		out.TaskTemplate.RestartPolicy.Condition = swarm.RestartPolicyConditionNone
		out.EndpointSpec = nil
	}
	if s.Logging != nil && s.Logging.Driver != "" {
		out.TaskTemplate.LogDriver = &swarm.Driver{Name: s.Logging.Driver, Options: s.Logging.Options}
	}
	out.Labels[labelSlot] = strconv.Itoa(slot.N)
	place := &swarm.Placement{Constraints: b.constraints(slot)}
	if len(slot.Nodes) == 1 { // one that may run on several nodes stays when one of them is away
		out.TaskTemplate.Placement = place
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return out, err
	}
	out.TaskTemplate.Placement = place
	sum := sha256.Sum256(raw)
	out.Labels[labelSpec] = hex.EncodeToString(sum[:8])
	return out, nil
}

// constraints keep a slot on its nodes.
func (b blueprint) constraints(slot stack.Slot) []string {
	if len(slot.Nodes) == 1 {
		return []string{"node.labels." + LabelNode + "==" + slot.Nodes[0]}
	}
	var out []string
	for _, n := range b.nodes {
		if !slices.Contains(slot.Nodes, n.Name) {
			out = append(out, "node.labels."+LabelNode+"!="+n.Name)
		}
	}
	return out
}

func resources(s types.ServiceConfig) *swarm.ResourceRequirements {
	limits := swarm.Limit{MemoryBytes: int64(s.MemLimit), Pids: s.PidsLimit, NanoCPUs: int64(float64(s.CPUS) * 1e9)}
	reserved := swarm.Resources{MemoryBytes: int64(s.MemReservation)}
	if s.Deploy != nil {
		if l := s.Deploy.Resources.Limits; l != nil {
			limits.MemoryBytes = cmp.Or(int64(l.MemoryBytes), limits.MemoryBytes)
			limits.Pids = cmp.Or(l.Pids, limits.Pids)
			limits.NanoCPUs = cmp.Or(int64(float64(l.NanoCPUs.Value())*1e9), limits.NanoCPUs)
		}
		if r := s.Deploy.Resources.Reservations; r != nil {
			reserved.MemoryBytes = cmp.Or(int64(r.MemoryBytes), reserved.MemoryBytes)
			reserved.NanoCPUs = int64(float64(r.NanoCPUs.Value()) * 1e9)
		}
	}
	if limits.Pids < 0 {
		limits.Pids = 0 // Compose's "no limit"
	}
	return &swarm.ResourceRequirements{Limits: &limits, Reservations: &reserved}
}

// restartDelay spares a node whose service ends at once, and is short beside a visitor's patience.
const restartDelay = time.Second

// restarts is the policy of a service. One that says nothing of it is started again, as
// the Swarm does by itself: else the loss of a node would end what ran there for good.
func restarts(s types.ServiceConfig) *swarm.RestartPolicy {
	delay := restartDelay
	out := &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay}
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil { // as Compose has it, it goes before restart
		p := s.Deploy.RestartPolicy
		out.Condition, out.MaxAttempts = cmp.Or(swarm.RestartPolicyCondition(p.Condition), out.Condition), p.MaxAttempts
		return out
	}
	kind, count, _ := strings.Cut(s.Restart, ":")
	switch kind {
	case types.RestartPolicyNo:
		out.Condition = swarm.RestartPolicyConditionNone
	case types.RestartPolicyOnFailure:
		out.Condition = swarm.RestartPolicyConditionOnFailure
		if n, err := strconv.ParseUint(count, 10, 32); err == nil && n > 0 {
			out.MaxAttempts = &n
		}
	}
	return out
}

func ports(s types.ServiceConfig) []swarm.PortConfig {
	var out []swarm.PortConfig
	for _, p := range s.Ports {
		n, err := strconv.ParseUint(p.Published, 10, 16)
		if err != nil {
			continue // refused before
		}
		out = append(out, swarm.PortConfig{Protocol: network.IPProtocol(cmp.Or(p.Protocol, "tcp")), TargetPort: p.Target, PublishedPort: uint32(n), PublishMode: swarm.PortConfigPublishModeHost})
	}
	return out
}

// networks are those of a service, with the names that it has on each: the plain one
// where that is unambiguous, that of its slot, and its aliases.
func (b blueprint) networks(s types.ServiceConfig, slot stack.Slot) []swarm.NetworkAttachmentConfig {
	var out []swarm.NetworkAttachmentConfig
	for _, key := range sortedKeys(s.Networks) {
		if b.project.Networks[key].Name == stack.IngressProject {
			out = append(out, joinIngress(s.Networks[key], slot))
			continue
		}
		aliases := []string{serviceName(b.project.Name, slot)}
		if b.private == "" {
			aliases = append(aliases, s.Name)
		}
		if n := s.Networks[key]; n != nil {
			aliases = append(aliases, n.Aliases...)
		}
		out = append(out, swarm.NetworkAttachmentConfig{Target: b.project.Networks[key].Name, Aliases: aliases})
	}
	if b.private != "" && len(s.Networks) > 0 {
		out = append(out, swarm.NetworkAttachmentConfig{Target: b.private, Aliases: []string{s.Name}})
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
