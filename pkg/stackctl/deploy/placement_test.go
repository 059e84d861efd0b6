package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestTwoContainersPublishNoPortOfOneNode(t *testing.T) {
	port := func(n string) []stack.Port { return []stack.Port{{Published: n, Target: 1, Protocol: "tcp"}} }
	r := stack.Release{Services: []stack.Service{
		{Name: "edge", Ports: append(port("80"), port("443")...)}, {Name: "mail", File: "compose.yaml", Line: 7, Ports: port("80")}, {Name: "dns", Ports: []stack.Port{{Published: "80", Protocol: "udp"}}}, {Name: "app"},
	}}
	on := func(service string, n int, nodes ...string) stack.Slot {
		return stack.Slot{Service: service, N: n, Nodes: nodes}
	}
	for name, c := range map[string]struct {
		slots []stack.Slot
		want  string
	}{
		"an edge on each node":      {[]stack.Slot{on("edge", 1, "one"), on("edge", 2, "two")}, ""},
		"another protocol":          {[]stack.Slot{on("edge", 1, "one"), on("dns", 1, "one")}, ""},
		"another node":              {[]stack.Slot{on("edge", 1, "one"), on("mail", 1, "two")}, ""},
		"what publishes none":       {[]stack.Slot{on("edge", 1, "one"), on("app", 1, "one"), on("app", 2, "one")}, ""},
		"the edge's port":           {[]stack.Slot{on("edge", 1, "one"), on("mail", 1, "two", "one")}, "compose.yaml:7: edge-1 and mail-1 would both publish port 80/tcp of one"},
		"two of a kept one's nodes": {[]stack.Slot{on("mail", 1, "two"), on("mail", 2, "two")}, "mail-1 and mail-2 would both publish"},
	} {
		err := checkNodePorts(r, c.slots)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
