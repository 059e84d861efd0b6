//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/sandbox"
)

// pagesAndStore is a project of two replicas and a database.
const pagesAndStore = `services:
  pages:
    image: shop/app:1
    command: web
    environment: {GREETING: "${GREETING:-hello}"}
    ports: ["3000:8080"]
    healthcheck: {test: [CMD, /shop, alive, "8080"], interval: 5s, start_interval: 1s, start_period: 10s}
    deploy: {replicas: 2}
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: jolly-otter-4, POSTGRES_DB: shop}
    volumes: ["pg:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD-SHELL, "pg_isready -q -h 127.0.0.1 -U postgres -d shop"], interval: 5s, start_interval: 1s, start_period: 30s}
volumes: {pg: {}}
`

// quickPage asks no other service: the front page looks for one that is not there.
const quickPage = "https://" + domain + "/visitor"

// inFlight is how many visits may be on their way to a node that dies, of ten a second.
const inFlight = 3

// at is a client that meets the site at one edge.
func (c *cluster) at(n sandbox.Node) *http.Client {
	c.t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(c.t, c.Dir), MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			d := net.Dialer{Timeout: 5 * time.Second}
			return d.DialContext(ctx, network, net.JoinHostPort(n.Address.String(), port))
		}}
	c.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 15 * time.Second}
}

// during runs a part while both edges are visited, and returns what their visitors met.
func (c *cluster) during(part func()) (first, second tally) {
	c.t.Helper()
	one := visit(c.t, c.at(c.Nodes[0]), http.MethodGet, quickPage)
	two := visit(c.t, c.at(c.Nodes[1]), http.MethodGet, quickPage)
	part()
	return one(), two()
}

// storeOfContainerd makes a node that has no Engine yet get one whose images are in containerd's
// store, as Docker 29 has by itself: the other nodes then call the same image by another ID.
func (c *cluster) storeOfContainerd(node string) {
	c.t.Helper()
	out, err := c.ssh(node).Run(c.t.Context(), "sh", "-c", `mkdir -p /etc/docker && echo '{"features": {"containerd-snapshotter": true}}' > /etc/docker/daemon.json`)
	if err != nil || out.Exit != 0 {
		c.t.Fatalf("%+v, %v", out, err)
	}
}

// TestAReleaseRunsOnThreeServers deploys a project of two replicas and a database to
// three servers, one of which has another image store, changes it under load, and loses one of them.
func TestAReleaseRunsOnThreeServers(t *testing.T) {
	c := shopCluster(t, 3)
	c.write("compose.yaml", strings.NewReplacer("{replicas: 2}\n", "{replicas: 2}\n    secrets: [token]\n", "volumes: {pg: {}}\n", "volumes: {pg: {}}\nsecrets: {token: {file: ./token}}\n").Replace(pagesAndStore))
	c.write("token", "hollow-meadow-17-violin")
	c.edit("stackctl.yaml", "policy: standard\n", "policy: standard\nretention: {releases: 2}\n")
	c.storeOfContainerd("node3")
	c.must(0, "provision")
	said := c.must(0, "deploy").out
	for _, want := range []string{"db-1 runs on node1", "pages-1 runs on node1 or node3", "pages-2 runs on node2", "stackctl-edge-2 runs on node2"} {
		if !strings.Contains(said, want) {
			t.Errorf("the deploy does not say %q:\n%s", want, said)
		}
	}
	for _, n := range c.Nodes[:2] {
		expectBody(t, c.at(n), "https://"+domain+"/", "hello, theme , entries no books")
	}
	if on := c.api("node3", http.MethodGet, "/images/json", ""); !strings.Contains(on, "shop/app:1") || strings.Contains(on, "postgres:16") || strings.Contains(on, "traefik:") {
		t.Errorf("node3 may run the pages alone, and has the images\n%s", on)
	}
	if store := c.api("node3", http.MethodGet, "/info", ""); !strings.Contains(store, "io.containerd.snapshotter") {
		t.Errorf("node3 has not containerd's image store: %s", store)
	}
	if runs := c.api("node1", http.MethodGet, "/services?filters=%7B%22label%22:%5B%22com.docker.compose.service=pages%22%5D%7D", ""); !strings.Contains(runs, `"Image":"images.invalid/stackctl:`) || !strings.Contains(runs, `"Image":"sha256:`) {
		t.Errorf("pages-1 may run where two image stores call its image by two IDs, pages-2 on one node:\n%s", runs)
	}
	c.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")

	lossless := func(name, greeting string, part func()) {
		t.Run(name, func(t *testing.T) {
			c.t = t
			first, second := c.during(part)
			t.Logf("node1: %+v; node2: %+v", first, second)
			if first.lost+second.lost > 0 || first.answered == 0 || second.answered == 0 {
				t.Errorf("requests were lost: %s; %s", first.first, second.first)
			}
			for _, n := range c.Nodes[:2] {
				expectBody(t, c.at(n), "https://"+domain+"/", greeting+", theme , entries no books")
			}
		})
		c.t = t
	}
	lossless("a change loses nothing at any edge", "bonjour", func() {
		c.write(".env", "GREETING=bonjour\n")
		c.write("token", "amber-thistle-52-canyon")
		c.must(0, "deploy")
	})
	lossless("a rollback by hand neither", "hello", func() { c.must(0, "rollback") })
	lossless("nor one by itself", "hello", func() {
		c.write("stackctl.yaml", read(t, filepath.Join(c.root, "stackctl.yaml"))+teapot)
		c.write(".env", "GREETING=salut\n")
		c.must(1, "deploy")
		c.edit("stackctl.yaml", teapot, "")
	})

	t.Run("an edge that a run which was cut off left with other routes gets them back", func(t *testing.T) {
		c.t = t
		inBox(t, c.box("node2"), `f=/srv/stack/edge/dynamic/routes.yml; sed -i "s/$(sed -n 's/^# stackctl: release //p' $f)/aaaaaaaaaaaa/" $f`)
		now := read(t, filepath.Join(c.root, "token"))
		c.write(".env", "") // what is live
		c.write("token", "hollow-meadow-17-violin")
		defer c.write("token", now)
		if r := c.must(0, "deploy"); !strings.Contains(r.out, "to release "+c.report().Before+" – routes.yml differs") {
			t.Errorf("the deploy does not say that an edge has other routes:\n%s", r.out)
		}
		expectBody(t, c.at(c.Nodes[1]), "https://"+domain+"/", "hello, theme , entries no books")
	})

	t.Run("what holds the way between nodes is told before the switch", func(t *testing.T) {
		c.t = t
		vxlan := func(change string) {
			t.Helper()
			for _, chain := range []string{"INPUT", "OUTPUT"} {
				if out, err := c.ssh("node2").Run(t.Context(), "iptables", change, chain, "-p", "udp", "--dport", "4789", "-j", "DROP"); err != nil || out.Exit != 0 {
					t.Fatalf("%v %s", err, out.Stderr)
				}
			}
		}
		vxlan("-I")
		c.write(".env", "GREETING=held\n")
		if r := c.must(4, "deploy"); !strings.Contains(r.out, "does not take a connection from the edge there") || strings.Contains(r.out, "step     switch") {
			t.Errorf("it says\n%s", r.out)
		}
		vxlan("-D")
	})
	t.Run("a server dies, and the others serve", func(t *testing.T) {
		c.t = t
		at := visit(t, c.at(c.Nodes[0]), http.MethodGet, quickPage)
		if out, err := exec.Command("docker", "kill", c.Container+"-2").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		until(t, time.Minute, "the Swarm knows that node2 is down", func() bool { return strings.Contains(fmt.Sprint(c.listed()), "node2 manager [edge app] down") })
		seen := at()
		t.Logf("at node1: %+v", seen)
		if seen.lost > inFlight {
			t.Errorf("%d requests to node1 were lost: %s", seen.lost, seen.first)
		}
		c.write(".env", "GREETING=ciao\n")
		c.write("token", "quiet-lantern-88-harbor")
		if r := c.must(0, "deploy"); !strings.Contains(r.out, "node2 does not answer") {
			t.Errorf("the deploy does not say that node2 is away:\n%s", r.out)
		}
		expectBody(t, c.at(c.Nodes[0]), "https://"+domain+"/", "ciao, theme , entries no books")
	})
	t.Run("it comes back, and serves what is live", func(t *testing.T) {
		c.t = t
		c.up()
		until(t, time.Minute, "node2 is back", func() bool { return strings.Contains(fmt.Sprint(c.listed()), "node2 manager [edge app] ready") })
		if r := c.must(0, "deploy"); !strings.Contains(r.out, "node2 was away: it has the releases and routes of the others now") {
			t.Errorf("the deploy does not say what node2 got:\n%s", r.out)
		}
		expectBody(t, c.at(c.Nodes[1]), "https://"+domain+"/", "ciao, theme , entries no books")
	})
	t.Run("secrets go with their releases", func(t *testing.T) {
		c.t = t
		if list := c.api("node1", http.MethodGet, "/secrets", ""); strings.Count(list, ".secrets.token\"") != 2 {
			t.Errorf("two releases are kept, and the Swarm has the secrets\n%s", list)
		}
	})
	c.t = t
	if n := c.sql("SELECT count(*) FROM kept"); n != "1000" {
		t.Errorf("the database holds %s rows", n)
	}
}

// sql asks the project's database.
func (c *cluster) sql(statement string) string {
	c.t.Helper()
	return strings.TrimSpace(c.must(0, "exec", "db", "--", "psql", "-qtAU", "postgres", "-d", "shop", "-c", statement).out)
}
