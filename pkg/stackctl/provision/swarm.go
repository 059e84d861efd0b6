package provision

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// historyLimit is how many ended tasks the Swarm keeps of a service.
const historyLimit = 2

// Labels of the Swarm's nodes.
const (
	labelNode   = "dev.stackctl.node"
	labelPrefix = "dev.stackctl."
)

// Swarm is a Swarm as one of its managers sees it.
type Swarm struct {
	Cluster string
	History int64
	// Locked reports whether a manager that restarts waits for a key.
	Locked bool
	Nodes  []SwarmNode
}

// SwarmNode is one node of a Swarm, whether a target names it or not.
type SwarmNode struct {
	ID       string `json:"id"`
	Hostname string `json:"hostname"`
	// Address is the one by which the others reach it.
	Address string            `json:"address"`
	Labels  map[string]string `json:"-"`
	Manager bool              `json:"-"`
	Leader  bool              `json:"-"`
	// Ready reports whether the Swarm hears of it, Reachable whether a manager
	// answers the others.
	Ready, Reachable bool `json:"-"`
	// State and Availability are the Swarm's words: ready, down; active, drain.
	State        string `json:"state"`
	Availability string `json:"availability"`
	Engine       string `json:"engine"`
}

// Name is the node's name in the target that made it part of the Swarm.
func (n SwarmNode) Name() string { return n.Labels[labelNode] }

// Role is the node's part in the Swarm, in a word.
func (n SwarmNode) Role() string {
	switch {
	case n.Leader:
		return "leader"
	case n.Manager:
		return "manager"
	}
	return "worker"
}

// Move is one change to the Swarm, with its cause. It is data.
type Move struct {
	Node  string `json:"node"` // whose move it is, by its name
	What  string `json:"what"`
	Cause string `json:"cause"`
	kind  moveKind
	id    string // of a node of the Swarm
}

type moveKind int

const (
	moveInit moveKind = iota
	moveLeave
	moveRemove
	moveJoin
	movePromote
	moveDemote
	moveLabel
	moveHistory
	moveMark
)

// String is the move as `provision` prints it.
func (m Move) String() string { return fmt.Sprintf("swarm: %s, because %s", m.What, m.Cause) }

// labelsFor are the labels that a node has in the Swarm.
func labelsFor(n stack.Node) map[string]string {
	out := map[string]string{labelNode: n.Name}
	for _, l := range []string{stack.NodeEdge, stack.NodeData, stack.NodeApp} {
		if n.Has(l) {
			out[labelPrefix+l] = "true"
		}
	}
	return out
}

// relabel are a node's labels as they are to be: those of others stay.
func relabel(now map[string]string, n stack.Node) map[string]string {
	out := maps.Clone(now)
	if out == nil {
		out = map[string]string{}
	}
	for _, stale := range []string{stack.NodeEdge, stack.NodeData, stack.NodeApp} {
		delete(out, labelPrefix+stale)
	}
	maps.Copy(out, labelsFor(n))
	return out
}

// planSwarm lists what must be changed for the nodes to be one Swarm, in order.
// seen is nil where there is none yet. It is pure.
func planSwarm(t stack.Target, at func(name string) Standing, seen *Swarm) []Move {
	p := swarmPlan{target: t, at: at, seen: seen}
	if seen == nil {
		first := t.Managers()[0]
		p.add(moveInit, first, "", "begin a Swarm at "+cmp.Or(first.Private, first.Host), "there is none")
	} else {
		p.remove()
	}
	p.join()
	if seen != nil {
		p.roles()
		p.settle()
	}
	return p.moves
}

type swarmPlan struct {
	target stack.Target
	at     func(name string) Standing
	seen   *Swarm
	moves  []Move
}

func (p *swarmPlan) add(kind moveKind, n stack.Node, id, what, cause string) {
	p.moves = append(p.moves, Move{Node: n.Name, What: what, Cause: cause, kind: kind, id: id})
}

// member is the node's entry in the Swarm, by the ID that its own host has.
func (p *swarmPlan) member(n stack.Node) (SwarmNode, bool) {
	s := p.at(n.Name)
	if p.seen == nil || s.Cluster != p.seen.Cluster {
		return SwarmNode{}, false
	}
	i := slices.IndexFunc(p.seen.Nodes, func(o SwarmNode) bool { return o.ID == s.Node })
	if i < 0 {
		return SwarmNode{}, false
	}
	return p.seen.Nodes[i], true
}

// remove takes entries out of the Swarm whose server has left it.
func (p *swarmPlan) remove() {
	for _, n := range p.target.Nodes {
		for _, o := range p.seen.Nodes {
			if o.Name() == n.Name && o.ID != p.at(n.Name).Node {
				p.add(moveRemove, n, o.ID, "take the entry "+short(o.ID)+" out of the Swarm", "its server has left it")
			}
		}
	}
}

// join adds the nodes that are not in the Swarm, managers first.
func (p *swarmPlan) join() {
	managers := p.target.Managers()
	workers := p.target.Nodes[len(managers):]
	for i, n := range slices.Concat(managers, workers) {
		if _, in := p.member(n); in || p.seen == nil && i == 0 {
			continue
		}
		if p.at(n.Name).Cluster != "" {
			p.add(moveLeave, n, "", "leave the Swarm", "its managers do not know this node any more")
		}
		p.add(moveJoin, n, "", "join the Swarm as "+p.role(n)+" at "+n.Private, "it is not in it")
	}
}

func (p *swarmPlan) manages(n stack.Node) bool {
	return slices.ContainsFunc(p.target.Managers(), func(m stack.Node) bool { return m.Name == n.Name })
}

func (p *swarmPlan) role(n stack.Node) string {
	if p.manages(n) {
		return "manager"
	}
	return "worker"
}

// roles promotes, and then demotes: the Swarm never has fewer managers than before.
// The one that leads is left alone, which note says.
func (p *swarmPlan) roles() {
	var down []stack.Node
	for _, n := range p.target.Nodes {
		o, in := p.member(n)
		switch {
		case in && p.manages(n) && !o.Manager:
			p.add(movePromote, n, o.ID, "make it a manager", "it is a worker")
		case in && !p.manages(n) && o.Manager && !o.Leader:
			down = append(down, n)
		}
	}
	for _, n := range down {
		o, _ := p.member(n)
		p.add(moveDemote, n, o.ID, "make it a worker", "it is a manager")
	}
}

// settle sets labels, marks and the Swarm's own settings.
func (p *swarmPlan) settle() {
	for _, n := range p.target.Nodes {
		if _, in := p.member(n); in && p.at(n.Name).Mark == pendingMark {
			p.add(moveMark, n, "", "note on it that this Swarm is stackctl's", "a run before was interrupted")
		}
		if o, in := p.member(n); in && !maps.Equal(o.Labels, relabel(o.Labels, n)) {
			p.add(moveLabel, n, o.ID, "label it "+strings.Join(words(n), ", "), "its labels are "+cmp.Or(strings.Join(ownLabels(o), ", "), "none"))
		}
	}
	if p.seen.History != historyLimit {
		p.add(moveHistory, p.target.Managers()[0], "", fmt.Sprintf("keep %d ended tasks of a service", historyLimit), fmt.Sprintf("it keeps %d", p.seen.History))
	}
}

// words are a node's labels without what they begin with.
func words(n stack.Node) []string { return ownLabels(SwarmNode{Labels: labelsFor(n)}) }

func ownLabels(o SwarmNode) []string {
	var out []string
	for _, l := range []string{stack.NodeEdge, stack.NodeData, stack.NodeApp} {
		if o.Labels[labelPrefix+l] == "true" {
			out = append(out, l)
		}
	}
	if name := o.Name(); name != "" {
		out = append([]string{name}, out...)
	}
	return out
}

// SwarmNotes say what of a cluster is not as the file has it and is left as it is.
func SwarmNotes(t stack.Target, seen *Swarm) []string {
	var notes []string
	if len(t.Nodes) == 2 {
		notes = append(notes, "two nodes have one manager: the cluster does not survive its loss; three nodes survive the loss of any one")
	}
	if seen == nil {
		return notes
	}
	for _, o := range seen.Nodes {
		n, named := find(t, o.Name())
		switch {
		case !named:
			notes = append(notes, fmt.Sprintf("%s is in the Swarm (%s at %s) and not in the file: it stays; `stackctl node remove %s` takes it out", cmp.Or(o.Name(), o.Hostname), short(o.ID), cmp.Or(o.Address, "no address"), cmp.Or(o.Name(), o.ID)))
		case o.Manager && !o.Reachable && !o.Leader:
			notes = append(notes, n.Name+": this manager does not answer the others")
		case !o.Ready:
			notes = append(notes, n.Name+": the Swarm does not hear of it ("+o.State+")")
		}
		if named && o.Leader && !slices.ContainsFunc(t.Managers(), func(m stack.Node) bool { return m.Name == n.Name }) {
			notes = append(notes, n.Name+": it is to be a worker and leads the Swarm: restart its Engine, so that another one leads, and run this again")
		}
		if named && n.Private != "" && o.Address != "" && !sameAddress(n.Private, o.Address) && !o.Leader {
			notes = append(notes, fmt.Sprintf("%s: the others reach it at %s, not at %s: run `docker swarm leave --force` on it, and this again", n.Name, o.Address, n.Private))
		}
	}
	if seen.Locked {
		notes = append(notes, "the Swarm is locked (autolock): a manager that restarts waits for its key")
	}
	return notes
}

// missing are the nodes of a target that its Swarm does not hear of.
func missing(t stack.Target, seen *Swarm) []string {
	var out []string
	for _, n := range t.Nodes {
		heard := seen != nil && slices.ContainsFunc(seen.Nodes, func(o SwarmNode) bool {
			return o.Name() == n.Name && o.Ready && (!o.Manager || o.Leader || o.Reachable)
		})
		if !heard {
			out = append(out, n.Name+": the Swarm does not hear of it")
		}
	}
	return out
}

func find(t stack.Target, name string) (stack.Node, bool) {
	i := slices.IndexFunc(t.Nodes, func(n stack.Node) bool { return n.Name == name })
	if i < 0 {
		return stack.Node{}, false
	}
	return t.Nodes[i], true
}

func sameAddress(a, b string) bool {
	one, err := netip.ParseAddr(a)
	two, err2 := netip.ParseAddr(b)
	return err == nil && err2 == nil && one == two
}

// short is an ID as docker shows it.
func short(id string) string { return id[:min(len(id), 12)] }
