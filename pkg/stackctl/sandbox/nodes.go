package sandbox

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// Node is one droplet of a sandbox that has several.
type Node struct {
	// Name is its name as a node of the target.
	Name string `json:"name"`
	// Address is its own address, also the one by which the others reach it.
	Address  netip.Addr `json:"address"`
	Address6 netip.Addr `json:"address6,omitzero"`
	// Container is its container.
	Container string `json:"container"`
	// Labels are what the node is for.
	Labels []string `json:"labels"`
}

// MaxNodes is how many droplets a sandbox can have.
const MaxNodes = acmeHost - furtherHost + 1

// nodesLabel tells of a droplet how many its sandbox has; it is not there where
// that is a single server.
const nodesLabel = "dev.stackctl.sandbox.nodes"

// droplet is one droplet of a sandbox, single or not.
type droplet struct {
	Node
	host     byte // the last byte of its address
	part     string
	archive  string
	system   string
	hostname string
	public   bool // its web ports are published on loopback
}

// droplets are those that the sandbox has.
func (b *builder) droplets(s State) []droplet {
	first := droplet{
		Node: Node{Name: "the droplet", Address: s.Address, Address6: s.Address6, Container: s.Container},
		host: dropletHost, archive: "droplet.tar", system: "Debian 12", hostname: b.Name, public: !b.Private,
	}
	if b.Nodes == 0 {
		return []droplet{first}
	}
	var all []droplet
	for i := range b.Nodes {
		d := first
		d.archive, d.system, d.Name, d.Labels = "droplet13.tar", "Debian 13", "node"+strconv.Itoa(i+1), labelsOf(i)
		if i > 0 {
			d.part, d.host, d.public = strconv.Itoa(i+1), furtherHost+byte(i)-1, false
			d.hostname, d.Container = b.Name+"-"+d.part, b.named(d.part)
			d.Address = at(s.Subnet, d.host)
			if s.Address6.IsValid() {
				d.Address6 = lastByte(s.Address6, d.host)
			}
		}
		all = append(all, d)
	}
	return all
}

// labelsOf are what a node is for: the data is on the first, visitors reach the
// first two.
func labelsOf(i int) []string {
	switch i {
	case 0:
		return []string{stack.NodeEdge, stack.NodeData, stack.NodeApp}
	case 1:
		return []string{stack.NodeEdge, stack.NodeApp}
	}
	return []string{stack.NodeApp}
}

// volume names a volume of a droplet's.
func (d droplet) volume(b *builder, name string) string {
	if d.part != "" {
		name = d.part + "-" + name
	}
	return b.named(name)
}

// edges are the addresses that the site's names resolve to.
func (b *builder) edges(s State) []netip.Addr {
	var out []netip.Addr
	for _, d := range b.droplets(s) {
		if b.Nodes == 0 || slices.Contains(d.Labels, stack.NodeEdge) {
			out = append(out, d.Address)
		}
	}
	return out
}

// settleNodes makes the number of droplets that of what is there, and refuses
// another one.
func (b *builder) settleNodes(ctx context.Context) error {
	if b.Nodes < 0 || b.Nodes > MaxNodes {
		return stack.Usage("sandbox up", 0, fmt.Sprintf("%d nodes", b.Nodes), fmt.Sprintf("a sandbox has 1 to %d", MaxNodes))
	}
	seen, err := b.api.ContainerInspect(ctx, b.named(""), client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fault("look for the droplet", err, "")
	}
	there, _ := strconv.Atoi(seen.Container.Config.Labels[nodesLabel]) // none: a single server
	if b.Nodes == 0 {
		b.Nodes = there
	}
	if b.Nodes == there {
		return nil
	}
	what := "a single server"
	if there > 0 {
		what = strconv.Itoa(there) + " nodes"
	}
	return stack.Fault(stack.CauseUsage, fmt.Sprintf("start a sandbox of %d nodes", b.Nodes), fmt.Errorf("the one in %s is %s", b.Dir, what),
		"remove it with `stackctl sandbox down`, with all that is on it, and start it again; or leave out --nodes to keep it")
}

// Node returns a droplet by the name of its node, of a sandbox that has several.
func (s State) Node(name string) (Node, error) {
	var names []string
	for _, n := range s.Nodes {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return Node{}, stack.Usage("sandbox", 0, fmt.Sprintf("it has no node %q", name), "its nodes are "+strings.Join(names, ", "))
}

// On is the sandbox with another of its nodes as the droplet that SSH logs in to.
func (s State) On(n Node) State {
	s.Address, s.Address6, s.Container = n.Address, n.Address6, n.Container
	return s
}

// lastByte is an address with another last byte.
func lastByte(a netip.Addr, b byte) netip.Addr {
	raw := a.AsSlice()
	raw[len(raw)-1] = b
	out, _ := netip.AddrFromSlice(raw) // the length is right
	return out
}
