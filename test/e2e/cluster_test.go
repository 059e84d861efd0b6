//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/sandbox"
)

// cluster is a project whose target is a sandbox with several nodes.
type cluster struct {
	project
	sandbox.State
	options sandbox.Options
}

// walksLong leaves a test to make full.
func walksLong(t *testing.T) {
	t.Helper()
	if os.Getenv("FAULTS") == "" {
		t.Skip("it walks a cluster for minutes: part of make full")
	}
}

// bareCluster starts so many bare droplets, the nodes of one target, for a test
// that waits for its turn.
func bareCluster(t *testing.T, nodes int) *cluster {
	t.Helper()
	return clusterWith(t, sandbox.Options{Nodes: nodes})
}

// clusters is held by the one test that has a cluster: its droplets are three of the
// handful that a machine bears.
var clusters sync.Mutex

func clusterWith(t *testing.T, o sandbox.Options) *cluster {
	t.Helper()
	besides(t)
	clusters.Lock()
	t.Cleanup(clusters.Unlock)
	c := &cluster{project: project{t: t, root: t.TempDir()}}
	o.Dir, o.Name, o.Images = filepath.Join(c.root, ".stackctl", "sandbox"), sandboxes()+"-cluster", archives
	o.Domain, o.Private, o.Progress = domain, true, func(line string) { t.Log(line) }
	c.options = o
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := sandbox.Down(ctx, c.options.Dir, false); err != nil {
			t.Error(err)
		}
	})
	c.up()
	c.write("stackctl.yaml", "project: shop\ncompose: {files: [compose.yaml]}\n")
	c.write("compose.yaml", "services:\n  web:\n    image: web:1\n")
	return c
}

func (c *cluster) up() {
	c.t.Helper()
	s, err := sandbox.Up(c.t.Context(), c.options)
	if err != nil {
		c.t.Fatal(err)
	}
	c.State = s
}

// ssh logs in to a node as root.
func (c *cluster) ssh(node string) *host.Conn {
	c.t.Helper()
	n, err := c.Node(node)
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := host.Dial(c.t.Context(), host.Options{Address: n.Address.String(), User: "root", Key: c.Key(), KnownHosts: c.KnownHosts()})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// api asks the Engine of a node, as its root, and returns the answer.
func (c *cluster) api(node, method, path, body string) string {
	c.t.Helper()
	conn := c.ssh(node)
	engine := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return conn.DialContext(ctx, "unix", "/var/run/docker.sock")
	}}}
	req, err := http.NewRequestWithContext(c.t.Context(), method, "http://docker/v1.44"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := engine.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode/100 != 2 {
		c.t.Fatalf("%s %s on %s: %s %s %v", method, path, node, res.Status, text, err)
	}
	return string(text)
}

// swarmOf is the ID of the Swarm that a node is in.
func (c *cluster) swarmOf(node string) string {
	c.t.Helper()
	var info struct {
		Swarm struct{ Cluster struct{ ID string } }
	}
	if err := json.Unmarshal([]byte(c.api(node, http.MethodGet, "/info", "")), &info); err != nil {
		c.t.Fatal(err)
	}
	return info.Swarm.Cluster.ID
}

// listed is one line of `node list` for each node: name, whether it manages,
// labels, state.
func (c *cluster) listed() []string {
	c.t.Helper()
	var list struct {
		Nodes []struct {
			Name, Role, State, Engine string
			Labels                    []string
			InFile                    bool `json:"in_file"`
			InSwarm                   bool `json:"in_swarm"`
		}
	}
	if err := json.Unmarshal([]byte(c.must(0, "node", "list", "--output", "json").out), &list); err != nil {
		c.t.Fatal(err)
	}
	var out []string
	leaders := 0
	for _, n := range list.Nodes {
		if n.Role == "leader" {
			n.Role, leaders = "manager", leaders+1
		}
		if !strings.HasPrefix(n.Engine, "26.") && !strings.HasPrefix(n.Engine, "29.") {
			c.t.Errorf("%s has the Engine %q", n.Name, n.Engine)
		}
		out = append(out, fmt.Sprint(n.Name, " ", n.Role, " ", n.Labels, " ", n.State, " ", n.InFile, " ", n.InSwarm))
	}
	if leaders != 1 {
		c.t.Errorf("%d nodes lead", leaders)
	}
	return out
}

// whole asserts that all nodes are in one Swarm as the file has them. A manager
// that has just become the leader has not heard of the others for a moment.
func (c *cluster) whole(when string) {
	c.t.Helper()
	want := []string{"node1 manager [edge data app] ready true true", "node2 manager [edge app] ready true true", "node3 manager [app] ready true true"}
	deadline := time.Now().Add(time.Minute)
	for {
		got := c.listed()
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("%s:\n%s", when, strings.Join(got, "\n"))
			return
		}
	}
}

// provision makes the cluster and asserts how many changes that took.
func (c *cluster) provision(changes int) {
	c.t.Helper()
	began := time.Now()
	r := c.must(0, "provision")
	want := fmt.Sprintf("3 nodes is ready: %d changes", changes)
	if changes == 0 {
		want = "3 nodes is ready: nothing changed"
	}
	if !strings.Contains(r.out, want) || !strings.Contains(r.out, "packets of 1500 bytes arrive whole between all") {
		c.t.Errorf("it does not say %q:\n%s", want, r.out)
	}
	if strings.Contains(r.out+r.err, "SWMTKN") {
		c.t.Error("a join token is shown")
	}
	c.t.Logf("%d changes in %s", changes, time.Since(began).Round(100*time.Millisecond))
}

// opens reports whether a TCP port of a node takes connections from this machine,
// which is none of the nodes.
func opens(address netip.Addr, port uint16) bool {
	conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(address, port).String(), 1500*time.Millisecond)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// TestThreeServersBecomeASwarm takes three bare servers to one cluster, and sets
// right what happens to it.
func TestThreeServersBecomeASwarm(t *testing.T) {
	walksLong(t)
	c := bareCluster(t, 3)
	t.Run("the sandbox keeps its nodes", func(t *testing.T) {
		var said []string
		again := c.options
		again.Nodes, again.Progress = 0, func(line string) { said = append(said, line) }
		s, err := sandbox.Up(t.Context(), again)
		if err != nil || s.Fresh || len(said) > 0 || len(s.Nodes) != 3 {
			t.Errorf("a second up: %v, said %q: %+v", err, said, s)
		}
		again.Nodes = 2
		if _, err := sandbox.Up(t.Context(), again); err == nil || !strings.Contains(err.Error(), "is 3 nodes") || !strings.Contains(err.Error(), "sandbox down") {
			t.Errorf("another number: %v", err)
		}
		names := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			raw := c.Address.As4()
			raw[3] = 11
			return new(net.Dialer).DialContext(ctx, "udp", netip.AddrPortFrom(netip.AddrFrom4(raw), 8053).String())
		}}
		edges := []netip.Addr{c.Nodes[0].Address, c.Nodes[1].Address}
		got, err := names.LookupNetIP(t.Context(), "ip4", "books.stack.localhost.example.")
		if slices.SortFunc(got, netip.Addr.Compare); err != nil || !slices.Equal(got, edges) {
			t.Errorf("a name of the site leads to %v (%v), not to %v", got, err, edges)
		}
	})
	t.Run("host keys are trusted node by node", func(t *testing.T) {
		c.t = t
		before := c.KnownHosts()
		c.edit(".stackctl/sandbox/target.yaml", before, filepath.Join(c.root, "known_hosts"))
		var keys map[string][]struct{ Type, Fingerprint string }
		if err := json.Unmarshal([]byte(c.must(0, "trust", "--output", "json").out), &keys); err != nil || len(keys) != 3 {
			t.Fatalf("%v: %v", err, keys)
		}
		if r := c.must(3, "provision", "--dry-run"); strings.Count(r.err, "host key") < 3 {
			t.Errorf("unknown hosts: %s", r.err)
		}
		for node, list := range keys {
			if r := c.must(0, "trust", "--fingerprint", list[0].Fingerprint); !strings.Contains(r.out, node+" (") {
				t.Errorf("%s: %s", node, r.out)
			}
		}
		c.must(0, "provision", "--dry-run")
		c.edit(".stackctl/sandbox/target.yaml", filepath.Join(c.root, "known_hosts"), before)
	})
	t.Run("bare servers become one Swarm, once", func(t *testing.T) {
		c.t = t
		c.provision(27)
		c.whole("made")
		c.provision(0)
		if c.swarmOf("node1") != c.swarmOf("node3") {
			t.Error("they are in two Swarms")
		}
	})
	t.Run("only the nodes reach the Swarm", func(t *testing.T) {
		c.t = t
		for _, n := range c.Nodes {
			for _, port := range []uint16{2377, 7946} {
				if opens(n.Address, port) {
					t.Errorf("port %d of %s is open to who is no node", port, n.Name)
				}
			}
			if !opens(n.Address, 22) {
				t.Errorf("SSH of %s is not reachable", n.Name)
			}
		}
		node1 := c.Nodes[0].Address.String()
		for _, port := range []string{"2377", "7946"} {
			out, err := c.ssh("node3").Run(t.Context(), "python3", "-c", "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)", node1, port)
			if err != nil || out.Exit != 0 {
				t.Errorf("node3 does not reach port %s of node1: %v %s", port, err, out.Stderr)
			}
		}
	})
	t.Run("a node that left comes back, also the one that leads", func(t *testing.T) {
		c.t = t
		for _, node := range []string{"node3", "node1"} {
			c.api(node, http.MethodPost, "/swarm/leave?force=1", "")
			c.provision(2)
			c.whole(node + " came back")
		}
		c.provision(0)
	})
	t.Run("a node of another Swarm is refused and left alone", func(t *testing.T) {
		c.t = t
		ours := c.swarmOf("node1")
		c.api("node3", http.MethodPost, "/swarm/leave?force=1", "")
		address := c.Nodes[2].Address.String()
		c.api("node3", http.MethodPost, "/swarm/init", fmt.Sprintf(`{"ListenAddr":"%s:2377","AdvertiseAddr":"%s"}`, address, address))
		foreign := c.swarmOf("node3")
		c.edit(".stackctl/sandbox/target.yaml", "labels: [edge, app]", "labels: [app]") // what would be a change
		r := c.must(2, "provision")
		for _, want := range []string{"node3", foreign, ours, "nothing was changed", "docker swarm leave --force"} {
			if !strings.Contains(r.err, want) {
				t.Errorf("it does not say %q: %s", want, r.err)
			}
		}
		if strings.Contains(r.out, "needs") || c.swarmOf("node3") != foreign {
			t.Errorf("something was changed:\n%s", r.out)
		}
		c.api("node3", http.MethodPost, "/swarm/leave?force=1", "")
	})
	t.Run("labels follow the file, and a node that is no edge closes its ports", func(t *testing.T) {
		c.t = t
		c.provision(4) // node3 comes back; node2 has another label and firewall
		if got := c.listed()[1]; got != "node2 manager [app] ready true true" {
			t.Error(got)
		}
		out, err := c.ssh("node2").Run(t.Context(), "sh", "-c", "ufw show added; iptables -S DOCKER-USER")
		if err != nil || out.Exit != 0 || strings.Contains(string(out.Stdout), "443") || !strings.Contains(string(out.Stdout), "allow 22/tcp") {
			t.Errorf("the firewall of node2: %v %s", err, out.Stdout)
		}
		c.edit(".stackctl/sandbox/target.yaml", "labels: [app]", "labels: [edge, app]")
		c.provision(2)
		c.whole("as it was")
	})
	t.Run("a node that left the file is told, and removed on request", func(t *testing.T) {
		c.t = t
		whole := read(t, filepath.Join(c.root, ".stackctl/sandbox/target.yaml"))
		before, rest, _ := strings.Cut(whole, "  - name: node3\n")
		_, after, _ := strings.Cut(rest, "shared:")
		c.write(".stackctl/sandbox/target.yaml", before+"shared:"+after)
		c.must(2, "node", "remove", "node2") // it stands in the file
		if r := c.must(2, "node", "remove", "node3"); !strings.Contains(r.err, "is not drained") && !strings.Contains(r.err, "it leads") {
			t.Errorf("a node that answers: %s", r.err)
		}
		if r := c.must(0, "node", "list"); !strings.Contains(r.out, "ready, not in the file") || !strings.Contains(r.err, "stackctl node remove node3") {
			t.Errorf("it is not told:\n%s%s", r.out, r.err)
		}
		c.api("node3", http.MethodPost, "/swarm/leave?force=1", "")
		deadline := time.Now().Add(time.Minute)
		for { // the Swarm notices that it is gone
			r := c.stackctl("node", "remove", "node3")
			if r.exit == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s%s", r.out, r.err)
			}
		}
		if got := c.listed(); len(got) != 2 {
			t.Errorf("%q", got)
		}
		c.write(".stackctl/sandbox/target.yaml", whole)
		c.must(0, "provision")
		c.whole("it is in the file again")
	})
	t.Run("a narrow link is told", func(t *testing.T) {
		c.t = t
		narrow := c.ssh("node3")
		if out, err := narrow.Run(t.Context(), "ip", "link", "set", "eth0", "mtu", "1400"); err != nil || out.Exit != 0 {
			t.Fatalf("%v %s", err, out.Stderr)
		}
		r := c.must(0, "provision")
		for _, want := range []string{"packets from node3 to node1 arrive whole up to 1400 bytes, not 1500", "packets of 1400 bytes arrive whole between all"} {
			if !strings.Contains(r.out, want) {
				t.Errorf("it does not say %q:\n%s", want, r.out)
			}
		}
		if out, err := narrow.Run(t.Context(), "ip", "link", "set", "eth0", "mtu", "1500"); err != nil || out.Exit != 0 {
			t.Fatalf("%v %s", err, out.Stderr)
		}
	})
	t.Run("a manager that is stopped is told and started", func(t *testing.T) {
		c.t = t
		for _, node := range []string{"node1", "node2"} { // the Swarm has no leader then
			if out, err := c.ssh(node).Run(t.Context(), "systemctl", "stop", "docker.socket", "docker.service"); err != nil || out.Exit != 0 {
				t.Fatalf("%v %s", err, out.Stderr)
			}
		}
		c.provision(2)
		c.whole("started")
	})
}
