//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// smallDisks puts what each node keeps onto a small disk of its own, one after the other,
// so that the Swarm keeps its majority.
func (c *cluster) smallDisks() {
	c.t.Helper()
	for _, n := range c.Nodes {
		c.inNode(n.Name, fmt.Sprintf(`set -e
systemctl stop docker.socket docker
used=$(du -smc /var/lib/docker /srv/stack | tail -n1 | cut -f1)
mkdir -p /small && mount -t tmpfs -o size=$((used + %d))m tmpfs /small
for d in /var/lib/docker /srv/stack; do
  mkdir -p /small$d && cp -a $d/. /small$d && mount --bind /small$d $d
done
systemctl start docker`, room))
		c.ready()
	}
	c.well()
}

// inNode runs a script as a node's root.
func (c *cluster) inNode(node, script string) string {
	c.t.Helper()
	return onHost(c.t, "docker", "exec", c.box(node), "sh", "-c", script)
}

// well waits until all that serves is healthy.
func (c *cluster) well() {
	c.t.Helper()
	until(c.t, 3*time.Minute, "all is healthy", func() bool {
		var s struct{ Health struct{ State string } }
		r := c.stackctl("status", "--output", "json")
		return r.exit == 0 && json.Unmarshal([]byte(r.out), &s) == nil && s.Health.State == "good"
	})
}

// serve waits until the edges do.
func (c *cluster) serve() {
	c.t.Helper()
	for _, n := range c.Nodes[:2] {
		until(c.t, 10*time.Second, n.Name+" serves", func() bool {
			status, _ := fetch(c.at(n), http.MethodGet, quickPage)
			return status == http.StatusOK
		})
	}
}

// TestAClusterSurvivesAFullDisk lets the disk of the data node, of an edge node and of
// one that has neither get full, before a deploy and in it: the old release serves on
// every edge, the node is named with what to do, the next deploy converges, and no row is lost.
func TestAClusterSurvivesAFullDisk(t *testing.T) {
	walksLong(t)
	c := shopCluster(t, 3)
	c.must(0, "provision")
	c.must(0, "deploy")
	c.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
	c.smallDisks()
	before := "hello"
	for _, node := range []string{"node1", "node2", "node3"} {
		t.Run(node, func(t *testing.T) {
			c.t = t
			greeting := "after " + node
			c.write(".env", "GREETING="+greeting+"\n")
			refused := func(when string, exits []int, exit int, said string) {
				t.Helper()
				if !slices.Contains(exits, exit) || !strings.Contains(said, "the disk of "+node+" is full") || !strings.Contains(said, "free space") {
					t.Errorf("%s: exit code %d\n%s", when, exit, said)
				}
				c.serve()
				if node != "node1" {
					expectBody(t, c.at(c.Nodes[0]), "https://"+domain+"/", before+", theme , entries no books")
				}
			}
			c.inNode(node, fill)
			if said := c.must(0, "status").out; !strings.Contains(said, node+" is nearly full") {
				t.Errorf("status does not name it\n%s", said)
			}
			r := c.stackctl("deploy")
			refused("before", []int{4}, r.exit, r.out+r.err)
			c.inNode(node, "rm /small/filler")
			c.well()
			exit, said := c.struck("start", func(*exec.Cmd) { c.inNode(node, fill) })
			refused("in the start", []int{1, 4}, exit, said)
			c.inNode(node, "rm /small/filler")
			c.ready()
			c.holds("after the full disk")
			c.must(0, "deploy")
			for _, n := range c.Nodes[:2] {
				expectBody(t, c.at(n), "https://"+domain+"/", greeting+", theme , entries no books")
			}
			before = greeting
		})
	}
	c.t = t
}
