package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/stack"
)

// clustering is the provisioning of one target that has several servers.
type clustering struct {
	*printer
	config stack.Config
	target stack.Target
	dry    bool
	// turn is held by who prints; several reports whether other targets print too.
	turn    *sync.Mutex
	several bool
	screen  func() display.Display
}

// nodesAtOnce is how many servers of a cluster are changed side by side.
const nodesAtOnce = 3

func (p *clustering) run(ctx context.Context) (err error) {
	if p.target.User == "root" {
		return deployUserIsRoot(p.target)
	}
	ports, unread := declaredPorts(ctx, p.config, p.target)
	cluster, done, err := p.dial(ctx, ports)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return err
	}
	if err := cluster.Observe(ctx); err != nil {
		return err
	}
	notes := cluster.Notes()
	if unread != nil {
		notes = append(notes, portsUnknown+p.safe(unread.Error()))
	}
	if err := p.announce(cluster, notes); err != nil || p.dry {
		return err
	}
	began := time.Now()
	changed, err := p.apply(ctx, cluster)
	if err != nil && ctx.Err() != nil {
		return stack.Fault(stack.CauseInterrupted, "provision "+p.target.Name, context.Cause(ctx), "run it again; it goes on from what is there")
	}
	if err != nil {
		return err
	}
	return p.conclude(ctx, cluster, changed, time.Since(began))
}

// dial connects to every node as its admin. The caller calls done in any case.
func (p *clustering) dial(ctx context.Context, ports []provision.Port) (cluster *provision.Cluster, done func() error, err error) {
	cluster = &provision.Cluster{Target: p.target}
	done = func() error {
		errs := []error{cluster.Close()}
		for _, h := range cluster.Hosts {
			if h.Conn != nil {
				errs = append(errs, h.Conn.Close())
			}
		}
		return errors.Join(errs...)
	}
	nodes, err := config.Nodes(p.target)
	if err != nil {
		return cluster, done, err
	}
	for i, n := range p.target.Nodes {
		cluster.Hosts = append(cluster.Hosts, &provision.ClusterHost{Node: n, Target: nodes[i]})
	}
	return cluster, done, cluster.Each(len(cluster.Hosts), func(h *provision.ClusterHost) error {
		conn, err := host.Dial(ctx, host.OptionsFor(h.Target, true))
		if err != nil {
			return fmt.Errorf("%s: %w", h.Node.Name, err)
		}
		// The key that let the admin in is the one that will deploy.
		h.Conn, h.Settings = conn, provision.SettingsFor(h.Target, conn.PublicKey(), ports...).InCluster(p.target, h.Node)
		return nil
	})
}

// changedNode is one node of a cluster in the JSON of provision.
type changedNode struct {
	Name    string             `json:"name"`
	Host    string             `json:"host"`
	Changes []provision.Change `json:"changes"`
}

// announce prints what will be changed, by node.
func (p *clustering) announce(cluster *provision.Cluster, notes []string) error {
	moves := cluster.Moves()
	if p.output == "json" {
		nodes := []changedNode{}
		notes = append([]string{}, notes...) // never null in JSON
		for _, h := range cluster.Hosts {
			nodes = append(nodes, changedNode{h.Node.Name, h.Target.Host, h.Changes()})
			for _, note := range h.Notes() {
				notes = append(notes, h.Node.Name+": "+note)
			}
		}
		return p.word(map[string]any{"target": p.target.Name, "nodes": nodes, "swarm": append([]provision.Move{}, moves...), "notes": notes, "dry_run": p.dry})
	}
	if !p.quiet {
		for _, note := range notes {
			p.say("", "%s\n", note)
		}
	}
	for _, h := range cluster.Hosts {
		if !p.quiet {
			for _, note := range h.Notes() {
				p.say(h.Node.Name, "%s\n", note)
			}
		}
		var list strings.Builder
		n := 0
		for _, c := range h.Changes() {
			fmt.Fprintf(&list, "  %s\n", c)
			n++
		}
		for _, m := range moves {
			if m.Node == h.Node.Name {
				fmt.Fprintf(&list, "  %s\n", m)
				n++
			}
		}
		if n == 0 {
			p.say(h.Node.Name, "%s is ready: nothing changed\n", h.Target.Host)
			continue
		}
		p.say(h.Node.Name, "%s needs %d changes:\n%s", h.Target.Host, n, list.String())
	}
	return nil
}

// apply makes every node ready, and then one Swarm of them. It returns how many
// changes that took.
func (p *clustering) apply(ctx context.Context, cluster *provision.Cluster) (changed int, err error) {
	screen := p.screen()
	defer func() { err = errors.Join(err, screen.Close()) }()
	var mu sync.Mutex
	err = cluster.Each(nodesAtOnce, func(h *provision.ClusterHost) error {
		var changes []provision.Change
		if len(h.Changes()) > 0 {
			var err error
			if changes, err = provision.Ensure(ctx, h.Conn, h.Settings, tagged(screen, p.label(h.Node.Name))); err != nil {
				return fmt.Errorf("%s: %w", h.Node.Name, err)
			}
		}
		mu.Lock()
		changed += len(changes)
		mu.Unlock()
		return provision.CheckSocket(ctx, h.Conn, h.Settings.User, h.Target.Socket)
	})
	if err != nil {
		return changed, err
	}
	moves, err := cluster.MakeSwarm(ctx, func(e stack.Event) { tagged(screen, p.label(e.Target))(e) })
	return changed + len(moves), err
}

// conclude measures the links between the nodes and prints how the cluster is.
func (p *clustering) conclude(ctx context.Context, cluster *provision.Cluster, changed int, took time.Duration) error {
	links, err := cluster.Links(ctx)
	if err != nil {
		return err
	}
	notes, least := append([]string{}, provision.LinkNotes(links)...), provision.SmallestMTU(links)
	id, managers := "", 0
	if s := cluster.Swarm(); s != nil {
		id = s.Cluster
		for _, n := range s.Nodes {
			if n.Manager {
				managers++
			}
		}
	}
	if p.output == "json" {
		return p.word(map[string]any{"kind": "cluster", "target": p.target.Name, "swarm": id, "changes": changed, "mtu": least, "links": append([]provision.Link{}, links...), "notes": notes})
	}
	for _, note := range notes {
		p.say("", "%s\n", note)
	}
	how := "nothing changed"
	if changed > 0 {
		how = fmt.Sprintf("%d changes in %s", changed, took.Round(time.Second))
	}
	size := ""
	if least > 0 {
		size = fmt.Sprintf(", packets of %d bytes arrive whole between all", least)
	}
	p.say("", "the cluster of %d nodes is ready: %s; Swarm %s, managers: %d%s\n", len(cluster.Hosts), how, id, managers, size)
	return nil
}

// label is what stands before the lines of a node, or of the whole cluster.
func (p *clustering) label(node string) string {
	if !p.several {
		return node
	}
	return strings.TrimSuffix(p.target.Name+"/"+node, "/")
}

// say prints lines, each after the name of its node.
func (p *clustering) say(node, format string, args ...any) {
	text, prefix := p.safe(fmt.Sprintf(format, args...)), ""
	if label := p.label(node); label != "" {
		prefix = "[" + label + "] "
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	fmt.Fprint(p.out, prefix+strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix)+"\n")
}

// word prints a value for programs.
func (p *clustering) word(v any) error {
	p.turn.Lock()
	defer p.turn.Unlock()
	if p.several {
		return p.jsonLine(v)
	}
	return p.json(v)
}

// sharesHost reports whether two targets have a server in common.
func sharesHost(a, b stack.Target) bool {
	return slices.ContainsFunc(hostsOf(a), func(h string) bool { return slices.Contains(hostsOf(b), h) })
}

func hostsOf(t stack.Target) []string {
	out := []string{fmt.Sprint(t.Host, " ", cmp.Or(t.Port, 22))}
	for _, n := range t.Nodes {
		out = append(out, fmt.Sprint(n.Host, " ", cmp.Or(n.Port, 22)))
	}
	return out
}
