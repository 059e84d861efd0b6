//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// struck runs a deploy, lets something happen when it begins a step, and returns how it
// ended and what it said.
func (c *cluster) struck(step string, strike func()) (exit int, said string) {
	c.t.Helper()
	cmd := exec.Command(binary, "deploy")
	cmd.Dir, cmd.Env = c.root, append(os.Environ(), "CI=true")
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	give := time.AfterFunc(8*time.Minute, func() { _ = cmd.Process.Kill() })
	defer give.Stop()
	var all strings.Builder
	happened := false
	for in := bufio.NewScanner(out); in.Scan(); {
		all.WriteString(in.Text() + "\n")
		if strings.Contains(in.Text(), "step     "+step) && !happened {
			happened = true
			strike()
		}
	}
	_ = cmd.Wait()
	if !happened {
		c.t.Fatalf("it took no step %s\n%s", step, all.String())
	}
	return cmd.ProcessState.ExitCode(), all.String()
}

// leader is the name of the node that leads.
func (c *cluster) leader() (name string) {
	c.t.Helper()
	until(c.t, time.Minute, "a node leads", func() bool {
		for _, n := range c.nodes() {
			if n.Role == "leader" {
				name = n.Name
			}
		}
		return name != ""
	})
	return name
}

// ready waits until all nodes are.
func (c *cluster) ready() {
	c.t.Helper()
	until(c.t, 2*time.Minute, "all nodes are ready", func() bool {
		list := c.nodes()
		return len(list) == 3 && !slices.ContainsFunc(list, func(n listedNode) bool { return n.State != "ready" })
	})
}

// clusterFault is what happens to a node in a deploy, and how it is set right.
type clusterFault struct {
	name, step string
	node       func(*cluster) string
	strike     func(c *cluster, node string)
	heal       func(c *cluster, node string)
	exits      []int
}

// apart holds what the nodes of a Swarm say to each other.
func (c *cluster) apart(node, change string) {
	c.t.Helper()
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		for _, p := range []string{"tcp", "udp"} {
			onHost(c.t, "docker", "exec", c.box(node), "iptables", change, chain, "-p", p, "-m", "multiport", "--ports", "2377,4789,7946", "-j", "DROP")
		}
	}
}

func clusterFaults() []clusterFault {
	named := func(name string) func(*cluster) string { return func(*cluster) string { return name } }
	die, rise := func(c *cluster, n string) { c.power(false, n) }, func(c *cluster, n string) { c.power(true, n) }
	reboot := func(c *cluster, n string) { onHost(c.t, "docker", "restart", "-t", "20", c.box(n)) }
	engine := func(c *cluster, n string) {
		onHost(c.t, "docker", "exec", c.box(n), "sh", "-c", "systemctl reset-failed docker; systemctl restart docker")
	}
	nothing := func(*cluster, string) {}
	return []clusterFault{
		{"the leader dies in the start", "start", (*cluster).leader, die, rise, []int{3}},
		{"the leader dies in the switch", "switch", (*cluster).leader, die, rise, []int{3}},
		{"the leader's Engine is restarted in the start", "start", (*cluster).leader, engine, nothing, []int{0, 1, 3, 4, 5}},
		{"an edge node is rebooted in the gates", "gates, post-switch", named("node2"), reboot, nothing, []int{3}},
		{"the data node is rebooted in the start", "start", named("node1"), reboot, nothing, []int{3}},
		{"the data node's Engine is restarted behind the switch", "gates, post-switch", named("node1"), engine, nothing, []int{0, 1, 3, 4, 5}},
		{"an edge node is cut off from the others", "start", named("node2"), func(c *cluster, n string) { c.apart(n, "-I") }, func(c *cluster, n string) { c.apart(n, "-D") }, []int{1, 3, 4, 5}},
	}
}

// TestAClusterSurvivesFaults lets each fault happen in a deploy of a change: it ends, what
// serves goes on where the node is not hit, the next deploy converges, and no row is lost.
func TestAClusterSurvivesFaults(t *testing.T) {
	walksLong(t)
	c := shopCluster(t)
	c.must(0, "provision")
	c.must(0, "deploy")
	c.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
	old := "hello"
	for i, f := range clusterFaults() {
		t.Run(f.name, func(t *testing.T) {
			c.t = t
			node, greeting := f.node(c), fmt.Sprint("change ", i)
			c.write(".env", "GREETING="+greeting+"\n")
			began := time.Now()
			exit, said := c.struck(f.step, func() { f.strike(c, node) })
			t.Logf("%s was hit; exit code %d after %s", node, exit, time.Since(began).Round(time.Second))
			if !slices.Contains(f.exits, exit) {
				t.Errorf("exit code %d, want %v\n%s", exit, f.exits, said)
			}
			for _, n := range c.Nodes[:2] {
				if n.Name == node {
					continue
				}
				until(t, 10*time.Second, n.Name+" serves", func() bool {
					status, _ := fetch(c.at(n), http.MethodGet, quickPage)
					return status == http.StatusOK
				})
			}
			f.heal(c, node)
			c.ready()
			c.holds("after the fault")
			c.must(0, "deploy")
			for _, n := range c.Nodes[:2] {
				expectBody(t, c.at(n), "https://"+domain+"/", greeting+", theme , entries no books")
			}
			old = greeting
		})
	}
	c.t = t
	t.Run("without a majority what runs goes on, and nothing is changed", func(t *testing.T) {
		c.t = t
		c.power(false, "node1", "node3") // node2 is an edge, and has the second of the pages
		for _, verb := range []string{"deploy", "rollback", "status", "backup"} {
			c.says(3, "start the others", 90*time.Second, verb)
		}
		c.says(3, "more than half run", 90*time.Second, "node", "list")
		if status, _ := fetch(c.at(c.Nodes[1]), http.MethodGet, quickPage); status != http.StatusOK {
			t.Errorf("node2 answers %d", status)
		}
		c.power(true, "node1", "node3")
		c.ready()
		c.must(0, "deploy")
		expectBody(t, c.at(c.Nodes[0]), "https://"+domain+"/", old+", theme , entries no books")
		c.holds("in the end")
	})
	c.t = t
}
