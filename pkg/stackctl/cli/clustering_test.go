package cli

import (
	"bytes"
	"sync"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestTargetsThatShareAServerAreKnown(t *testing.T) {
	one := func(host string, port int) stack.Target { return stack.Target{Host: host, Port: port} }
	cluster := stack.Target{Host: "a", Port: 22, Nodes: []stack.Node{{Host: "a"}, {Host: "b", Port: 2022}}}
	for _, c := range []struct {
		with stack.Target
		want bool
	}{{one("a", 22), true}, {one("b", 2022), true}, {one("b", 22), false}, {one("c", 22), false}, {cluster, true}} {
		if sharesHost(cluster, c.with) != c.want || sharesHost(c.with, cluster) != c.want {
			t.Errorf("%s %d: not %v", c.with.Host, c.with.Port, c.want)
		}
	}
}

func TestLinesOfANodeNameIt(t *testing.T) {
	for _, c := range []struct {
		several    bool
		node, want string
	}{
		{false, "node1", "[node1] one\n[node1]   two\n"},
		{false, "", "one\n  two\n"},
		{true, "node1", "[prod/node1] one\n[prod/node1]   two\n"},
		{true, "", "[prod] one\n[prod]   two\n"},
	} {
		var out bytes.Buffer
		p := &clustering{printer: printerTo(&out, "text"), target: stack.Target{Name: "prod"}, turn: new(sync.Mutex), several: c.several}
		p.say(c.node, "one\n  two\n")
		if out.String() != c.want {
			t.Errorf("%q, want %q", out.String(), c.want)
		}
	}
}
