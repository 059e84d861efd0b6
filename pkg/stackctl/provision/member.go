package provision

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// leastEngine is the oldest Engine that a cluster has: API 1.44. Older ones drop
// security options of a service in silence.
const leastEngine = 25

// Member is what a host is as a node of a cluster.
type Member struct {
	// Edge reports whether visitors reach the node, Manager whether it manages
	// the Swarm.
	Edge, Manager bool
	// Peers are the private addresses of the other nodes.
	Peers []string
}

// InCluster are the settings of one node of a target.
func (s Settings) InCluster(t stack.Target, n stack.Node) Settings {
	m := &Member{Edge: n.Has(stack.NodeEdge), Manager: slices.ContainsFunc(t.Managers(), func(o stack.Node) bool { return o.Name == n.Name })}
	for _, other := range t.Nodes {
		if a, err := netip.ParseAddr(other.Private); err == nil && other.Name != n.Name {
			m.Peers = append(m.Peers, a.String())
		}
	}
	s.Member = m
	if !m.Edge {
		s.Ports = nil
	}
	return s
}

// webPorts are closed on a node that is not an edge, whatever it was before.
var webPorts = []Port{{Number: 80}, {Number: 443}}

// public are the ports that containers of the host may publish.
func (s Settings) public(f Facts) []Port {
	before := opened(f.Files[ufwRules4])
	if s.Member != nil && !s.Member.Edge {
		before = slices.DeleteFunc(before, func(p Port) bool { return slices.Contains(webPorts, p) })
	}
	return union(s.Ports, before)
}

// clusterComment marks the rules of ufw that are a cluster's.
const clusterComment = " comment 'stackctl cluster'"

// rules are what ufw lets in from the other nodes: the Swarm's management on a
// manager, its gossip and its data path (VXLAN) on all.
func (m *Member) rules() []string {
	if m == nil {
		return nil
	}
	var out []string
	for _, peer := range m.Peers {
		ports := []Port{{Number: 7946}, {Number: 7946, UDP: true}, {Number: 4789, UDP: true}}
		if m.Manager {
			ports = append(ports, Port{Number: 2377})
		}
		for _, p := range ports {
			out = append(out, fmt.Sprintf("allow from %s to any port %d proto %s", peer, p.Number, p.protocol()))
		}
	}
	return out
}

// changeRules adds and removes rules of ufw, each an argument of several words.
const changeRules = `set -f
for rule; do
  case $rule in
  delete*) ufw --force $rule ;;
  *) ufw $rule comment 'stackctl cluster' ;;
  esac
done`

// planMember are the causes and words for the rules between the nodes, and the
// rules to change.
func (f Facts) planMember(m *Member) (causes, words []string) {
	if m == nil {
		return nil, nil
	}
	want := m.rules()
	lacks, stale := 0, 0
	for _, rule := range want {
		if !slices.Contains(f.UFW.Added, rule) && !slices.Contains(f.UFW.Added, rule+clusterComment) {
			words, lacks = append(words, rule), lacks+1
		}
	}
	for _, rule := range f.UFW.Added {
		plain, ours := strings.CutSuffix(rule, clusterComment)
		web := !m.Edge && slices.ContainsFunc(webPorts, func(p Port) bool { return rule == "allow "+p.String() })
		if ours && !slices.Contains(want, plain) || web {
			words, stale = append(words, "delete "+plain), stale+1
		}
	}
	if lacks > 0 {
		causes = append(causes, strconv.Itoa(lacks)+" rules for the other nodes are missing")
	}
	if stale > 0 {
		causes = append(causes, strconv.Itoa(stale)+" rules are of no node or no edge any more")
	}
	return causes, words
}

// pingPackages measure the links between the nodes.
func pingPackages(f Facts, s Settings) []string {
	if s.Member == nil || len(s.Member.Peers) == 0 {
		return nil
	}
	return lacking("iputils-ping")(f)
}

// Standing is how a host stands to a Swarm, as its own files say.
type Standing struct {
	// Cluster and Node are the IDs of the Swarm that the host is in, and of the
	// host in it; empty: in none.
	Cluster, Node string
	Manager       bool
	// Mark is the Swarm that stackctl made the host part of; pendingMark while it
	// does. The host may have left it since.
	Mark string
}

const (
	// markFile is where a host keeps its mark: a Swarm without one is somebody
	// else's.
	markFile    = "/var/lib/stackctl/swarm"
	pendingMark = "pending"
)

// read takes the certificate by which a host is a node of a Swarm: its
// subject is who it is (CN), as what (OU), and of which Swarm (O).
func (s *Standing) read(certificate string) {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(c.Subject.Organization) == 0 {
		return
	}
	s.Cluster, s.Node = c.Subject.Organization[0], c.Subject.CommonName
	s.Manager = slices.Contains(c.Subject.OrganizationalUnit, "swarm-manager")
}

// checkEngine refuses a host whose Engine is too old for a cluster, or would be.
func (f Facts) checkEngine(on string) error {
	version, which := f.Engine, "its Engine is"
	if version == "" && !f.DockerCE {
		version, which = f.EngineOffered, "the Engine that it would get is"
		if version == "" && f.System["ID"] == "debian" && f.System["VERSION_ID"] == "12" {
			version = "20.10"
		}
	}
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	if err != nil || n >= leastEngine {
		return nil // what is not known is judged once it is installed
	}
	return stack.Fault(stack.CauseUsage, "provision "+on, fmt.Errorf("%s %s, and a cluster needs %d or newer: older ones drop security options of a service in silence; nothing was changed", which, version, leastEngine),
		"use Debian 13 or Ubuntu 24.04, or add Docker's own repository to the host (docs/cluster.md)")
}

// checkSwarms returns the Swarm that the nodes of a cluster are in, or are to
// join, empty where there is none yet; a node of another Swarm is refused.
func checkSwarms(nodes []stack.Node, at func(name string) Standing) (string, error) {
	count := map[string]int{}
	for _, n := range nodes {
		if s := at(n.Name); s.ours() {
			count[s.Cluster]++
		}
	}
	ours := ""
	for _, n := range nodes { // the first of those with the most nodes
		if s := at(n.Name); s.ours() && (ours == "" || count[s.Cluster] > count[ours]) {
			ours = s.Cluster
		}
	}
	var errs []error
	for _, n := range nodes {
		s := at(n.Name)
		if s.Cluster == "" || s.ours() && s.Cluster == ours {
			continue
		}
		why := "that stackctl did not make"
		if ours != "" {
			why = "and the others of " + ours
		}
		errs = append(errs, stack.Fault(stack.CauseUsage, "provision "+n.Name, fmt.Errorf("it is part of the Swarm %s, %s; nothing was changed", s.Cluster, why),
			"where that Swarm is not needed, run `docker swarm leave --force` on "+n.Name+", which ends its services there; else take another server"))
	}
	return ours, errors.Join(errs...)
}

// ours reports whether stackctl made the Swarm that a host is in.
func (s Standing) ours() bool {
	return s.Cluster != "" && (s.Mark == s.Cluster || s.Mark == pendingMark)
}
