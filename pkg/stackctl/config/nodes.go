package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// nodeName is one label of a host name (RFC 1123, section 2.1).
var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// maxNodes bounds the servers of one target.
const maxNodes = 50

var nodeLabels = []string{stack.NodeEdge, stack.NodeData, stack.NodeApp}

// resolveNodes makes the first node's host and port the target's. A target that
// names another host keeps it, for check to refuse.
func resolveNodes(t *stack.Target) {
	if len(t.Nodes) == 0 {
		return
	}
	t.Nodes = slices.Clone(t.Nodes)
	for i := range t.Nodes {
		setDefault(&t.Nodes[i].Port, t.Port)
	}
	setDefault(&t.Host, t.Nodes[0].Host)
	t.Port = t.Nodes[0].Port
}

// checkNodes judges the servers of a target that has several. The place is that
// of the key below the target.
func checkNodes(t stack.Target) (problem, fix string, place []string) {
	if len(t.Nodes) == 0 {
		return "", "", nil
	}
	switch {
	case len(t.Nodes) > maxNodes:
		return fmt.Sprintf("%d nodes are too many", len(t.Nodes)), fmt.Sprintf("name at most %d", maxNodes), []string{"nodes"}
	case t.Host != t.Nodes[0].Host:
		return fmt.Sprintf("host is %s, and the first node's %s", t.Host, t.Nodes[0].Host), "leave out the target's host: it is the first node's", []string{"host"}
	}
	for i, n := range t.Nodes {
		if problem, fix, key := checkNode(n, t.Nodes[:i], len(t.Nodes) > 1); problem != "" {
			return problem, fix, []string{"nodes", strconv.Itoa(i), key}
		}
	}
	for _, label := range []string{stack.NodeEdge, stack.NodeApp} { // data may be elsewhere
		if len(t.Labelled(label)) == 0 {
			return "no node is labelled " + label, "add " + label + " to the labels of one; a node without labels has all", []string{"nodes"}
		}
	}
	return "", "", nil
}

// checkNode judges one node by itself and beside those before it.
func checkNode(n stack.Node, before []stack.Node, several bool) (problem, fix, key string) {
	private, err := netip.ParseAddr(n.Private)
	taken := func(same func(stack.Node) bool) bool { return slices.ContainsFunc(before, same) }
	switch {
	case !nodeName.MatchString(n.Name):
		return fmt.Sprintf("node name %q is no host name of one label", n.Name), "use up to 63 lower-case letters, digits and hyphens, as in node1", "name"
	case taken(func(b stack.Node) bool { return b.Name == n.Name }):
		return fmt.Sprintf("two nodes are called %s", n.Name), "give each a name of its own", "name"
	case n.Host == "":
		return fmt.Sprintf("node %s has no host", n.Name), "give the server's address", "host"
	case strings.ContainsAny(n.Host, shellSigns) || strings.HasPrefix(n.Host, "-"):
		return fmt.Sprintf("node %s: host %q is no name or address", n.Name, n.Host), "leave out user, port, scheme and brackets, as in 203.0.113.7 or 2001:db8::7", "host"
	case taken(func(b stack.Node) bool { return strings.EqualFold(b.Host, n.Host) }):
		return fmt.Sprintf("two nodes have the host %s", n.Host), "name each server once", "host"
	case n.Port < 0 || n.Port > 65535:
		return fmt.Sprintf("node %s: port %d is no port", n.Name, n.Port), "", "port"
	case n.Private == "" && !several:
	case n.Private == "":
		return fmt.Sprintf("node %s has no private address", n.Name), "give the address by which the other nodes reach it, such as 10.0.0.2", "private"
	case err != nil || private.Zone() != "" || private.IsUnspecified() || private.IsLoopback() || private.IsMulticast():
		return fmt.Sprintf("node %s: private %q is no address by which others reach it", n.Name, n.Private), "give the address of its private network, such as 10.0.0.2", "private"
	case taken(func(b stack.Node) bool {
		other, err := netip.ParseAddr(b.Private)
		return err == nil && other == private
	}):
		return fmt.Sprintf("two nodes have the private address %s", n.Private), "each has one of its own", "private"
	}
	for i, label := range n.Labels {
		if !slices.Contains(nodeLabels, label) || slices.Contains(n.Labels[:i], label) {
			return fmt.Sprintf("node %s: label %q is none of %s, or stands twice", n.Name, label, strings.Join(nodeLabels, ", ")), "", "labels"
		}
	}
	return "", "", ""
}

// reached is a target with what ssh's settings say of its server, or of each node.
func reached(t stack.Target) (stack.Target, error) {
	if err := resolveLogin(&t); err != nil {
		return t, err
	}
	nodes, err := Nodes(t)
	t.Nodes = slices.Clone(t.Nodes)
	for i := range nodes {
		t.Nodes[i].Reached = &nodes[i]
	}
	return t, err
}

// Nodes are the servers of a target that Target returned, each as a target of its
// own in the order of the file: what the file leaves open of a node's login comes
// from ssh's own settings for that node's host. User and admin are the target's.
func Nodes(t stack.Target) ([]stack.Target, error) {
	out := make([]stack.Target, 0, len(t.Nodes))
	for _, n := range t.Nodes {
		one := t.On(n)
		if n.Reached != nil {
			out = append(out, one)
			continue
		}
		one.Port, one.Alias, one.Login, one.AdminLogin = n.Port, "", stack.Login{}, stack.Login{}
		if err := resolveLogin(&one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}
