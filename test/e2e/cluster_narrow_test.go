//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// TestAClustersNetworksFitANarrowLink deploys where a node takes packets of 1400 bytes
// at most, and again when it takes still smaller ones.
func TestAClustersNetworksFitANarrowLink(t *testing.T) {
	walksLong(t)
	c := shopCluster(t, 2)
	narrow := func(size string) {
		t.Helper()
		if out, err := c.ssh("node2").Run(t.Context(), "ip", "link", "set", "eth0", "mtu", size); err != nil || out.Exit != 0 {
			t.Fatalf("%v %s", err, out.Stderr)
		}
	}
	narrow("1400")
	c.must(0, "provision")
	c.must(0, "deploy")
	for _, n := range c.Nodes {
		expectBody(t, c.at(n), "https://"+domain+"/", "hello, theme , entries no books")
		links, err := c.ssh(n.Name).Run(t.Context(), "sh", "-c", `for p in $(pidof shop); do nsenter -t "$p" -n ip -o link; done`)
		if err != nil || links.Exit != 0 || !strings.Contains(string(links.Stdout), "mtu 1350") || strings.Contains(string(links.Stdout), "mtu 1450") {
			t.Errorf("%s: packets in the pages' container are not of 1350 bytes: %v %s%s", n.Name, err, links.Stdout, links.Stderr)
		}
	}
	c.write(".env", "GREETING=held\n")
	narrow("1300")
	r := c.must(4, "deploy")
	for _, want := range []string{"packets from node1 to node2 arrive whole up to 1300 bytes, and the project's networks were made for 1400", "nothing was changed"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("it does not say %q:\n%s", want, r.out)
		}
	}
	expectBody(t, c.at(c.Nodes[0]), "https://"+domain+"/", "hello, theme , entries no books")
	narrow("1400")
	c.must(0, "deploy")
	expectBody(t, c.at(c.Nodes[1]), "https://"+domain+"/", "held, theme , entries no books")
}
