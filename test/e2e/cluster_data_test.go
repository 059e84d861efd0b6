//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shopCluster is a cluster of bare servers with the files of a project of pages
// and a database, and a key for its backups.
func shopCluster(t *testing.T, nodes int) *cluster {
	t.Helper()
	c := bareCluster(t, nodes)
	c.write("compose.yaml", pagesAndStore)
	c.write("stackctl.yaml", "project: shop\npolicy: standard\ncompose: {files: [compose.yaml]}\nimages: {archives: images}\nroutes:\n  - {service: pages, port: 8080}\n")
	c.images("traefik", "postgres", "shop")
	c.must(0, "backup", "keygen")
	return c
}

// images puts the archives of some images where a project looks for them.
func (p project) images(names ...string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Join(p.root, "images"), 0o700); err != nil {
		p.t.Fatal(err)
	}
	for _, name := range names {
		folder := "images"
		if name == "shop" {
			folder = "projects"
		}
		if err := os.Symlink(filepath.Join(repo, "build", folder, name+".tar"), filepath.Join(p.root, "images", name+".tar")); err != nil {
			p.t.Fatal(err)
		}
	}
}

// box is the container that a node is.
func (c *cluster) box(node string) string {
	c.t.Helper()
	if node == "node1" {
		return c.Container
	}
	return c.Container + "-" + strings.TrimPrefix(node, "node")
}

// power switches nodes off and on as a plug does.
func (c *cluster) power(on bool, nodes ...string) {
	c.t.Helper()
	for _, n := range nodes {
		verb := "kill"
		if on {
			verb = "start"
		}
		if out, err := exec.Command("docker", verb, c.box(n)).CombinedOutput(); err != nil {
			c.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// rows is how many the database holds; "" where it does not answer.
func (c *cluster) rows() string {
	c.t.Helper()
	r := c.stackctl("exec", "db", "--", "psql", "-qtAU", "postgres", "-d", "shop", "-c", "SELECT count(*) FROM kept")
	if r.exit != 0 {
		return ""
	}
	return strings.TrimSpace(r.out)
}

// holds waits until the database has its thousand rows, wherever it is.
func (c *cluster) holds(when string) {
	c.t.Helper()
	until(c.t, 2*time.Minute, "the database has its rows "+when, func() bool { return c.rows() == "1000" })
}

// says runs a verb that ends with an exit code within a time, and says something.
func (c *cluster) says(exit int, want string, within time.Duration, argv ...string) {
	c.t.Helper()
	began := time.Now()
	r := c.must(exit, argv...)
	if took := time.Since(began); took > within {
		c.t.Errorf("%v took %s", argv, took)
	}
	if !strings.Contains(r.out+r.err, want) {
		c.t.Errorf("%v does not say %q:\n%s%s", argv, want, r.out, r.err)
	}
}

// targetOf is what the sandbox wrote of its target.
const targetOf = ".stackctl/sandbox/target.yaml"

// alone makes the first node the one server of the target, and lets the second send
// on to it what comes to a name of the site, which leads to both.
func (c *cluster) alone() (several string) {
	c.t.Helper()
	several = read(c.t, filepath.Join(c.root, targetOf))
	first := c.Nodes[0].Address.String()
	c.write(targetOf, regexp.MustCompile(`nodes:\n(  .*\n)+`).ReplaceAllString(several, "host: "+first+"\n"))
	onHost(c.t, "docker", "exec", c.box("node2"), "systemd-run", "--unit", "onward", "--socket-property", "ListenStream=80", "/lib/systemd/systemd-socket-proxyd", first+":80")
	return several
}

// TestOneServerBecomesThree grows a site with data to three servers, and then loses and
// moves that data on purpose.
func TestOneServerBecomesThree(t *testing.T) {
	walksLong(t)
	c := shopCluster(t, 3)
	several := c.alone()
	c.must(0, "provision")
	c.must(0, "deploy")
	c.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")

	t.Run("a cluster is not deployed to beside it", func(t *testing.T) {
		c.t = t
		onHost(t, "docker", "exec", c.box("node2"), "systemctl", "stop", "onward.socket", "onward.service")
		c.write(targetOf, several)
		c.must(0, "provision")
		c.says(2, "node1 runs it as one server does", time.Minute, "deploy")
		c.edit("compose.yaml", "    command: web\n", "    command: web\n    privileged: true\n")
		c.says(2, "privileged", time.Minute, "node", "clear") // the next deploy would refuse it
		c.edit("compose.yaml", "    privileged: true\n", "")
		c.says(0, "volumes stay", 2*time.Minute, "node", "clear")
		c.must(0, "deploy")
		c.holds("on three servers")
		c.says(2, "there is nothing to do", time.Minute, "node", "clear")
	})
	t.Run("two nodes keep a backup, which is rehearsed and restored", func(t *testing.T) {
		c.t = t
		c.says(0, "on node1 and node2 and in", time.Minute, "backup")
		c.says(0, "1 of 1 tables equal", time.Minute, "restore", "--drill", "latest")
		c.sql("DELETE FROM kept")
		c.must(0, "restore", "latest", "--yes")
		c.holds("after a restore")
	})
	t.Run("the database of a node that is away is away, and comes back with it", func(t *testing.T) {
		c.t = t
		c.power(false, "node1")
		until(t, time.Minute, "the Swarm knows that node1 is down", func() bool { return c.state("node1") == "down" })
		c.says(0, "db is away with its data: node1 does not answer", time.Minute, "status")
		for _, verb := range [][]string{{"backup"}, {"exec", "db", "--", "true"}, {"logs", "db"}, {"deploy"}} {
			c.says(4, "bring node1 back", 2*time.Minute, verb...)
		}
		c.says(0, "its node node1 does not answer", time.Minute, "logs")
		c.says(0, "shop-", time.Minute, "backup", "list")
		if status, _ := fetch(c.at(c.Nodes[1]), http.MethodGet, quickPage); status != http.StatusOK {
			t.Errorf("the pages at node2: %d", status)
		}
		c.says(2, "does not answer, and volume shop_pg is there", time.Minute, "node", "drain", "node1")
		c.power(true, "node1")
		c.holds("by itself")
		c.must(0, "deploy")
	})
	t.Run("it moves on purpose, counted", func(t *testing.T) {
		c.t = t
		c.says(2, "those labelled data", time.Minute, "node", "drain", "node1")
		c.edit(targetOf, "[edge, app]", "[edge, data, app]")
		c.must(0, "provision")
		c.must(0, "deploy") // brings the store's image
		c.says(0, "1 tables and 1000 rows restored", 3*time.Minute, "node", "drain", "node1")
		c.holds("on node2")
		if on := c.nodeOf("db"); on != "node2" {
			t.Errorf("the database is on %s", on)
		}
		for _, service := range []string{"db", "pages"} {
			if on := c.nodeOf(service); strings.Contains(on, "node1") {
				t.Errorf("%s is on %s", service, on)
			}
		}
		c.says(0, "ready, drain", time.Minute, "node", "list")
		c.write(".env", "GREETING=drained\n")
		c.must(0, "deploy")
		expectBody(t, c.at(c.Nodes[1]), "https://"+domain+"/", "drained, theme , entries no books")
		c.must(0, "node", "activate", "node1")
		c.must(0, "deploy")
		expectBody(t, c.at(c.Nodes[0]), "https://"+domain+"/", "drained, theme , entries no books")
		c.says(2, "a volume shop_pg is on node1 too", time.Minute, "node", "drain", "node2")
		c.holds("though a volume of before is on node1")
	})
	t.Run("a node that is lost for good gives its data from a backup", func(t *testing.T) {
		c.t = t
		c.api("node1", http.MethodDelete, "/volumes/shop_pg", "")
		c.must(0, "backup")
		c.sql("DELETE FROM kept WHERE generate_series > 900")
		c.power(false, "node2")
		until(t, time.Minute, "the Swarm knows that node2 is down", func() bool { return c.state("node2") == "down" })
		c.says(0, "1 tables and 1000 rows restored", 4*time.Minute, "node", "drain", "node2", "--from", "latest")
		c.holds("from the backup")
		expectBody(t, c.at(c.Nodes[0]), "https://"+domain+"/", "drained, theme , entries no books")
		c.power(true, "node2")
		until(t, time.Minute, "node2 is back", func() bool { return c.state("node2") == "ready" })
		c.must(0, "node", "activate", "node2")
		c.must(0, "deploy")
		c.holds("and not what node2 had")
	})
	c.t = t
}

// listedNode is a node as `node list` has it.
type listedNode struct{ Name, Role, State string }

func (c *cluster) nodes() []listedNode {
	c.t.Helper()
	var list struct{ Nodes []listedNode }
	if r := c.stackctl("node", "list", "--output", "json"); r.exit == 0 {
		if err := json.Unmarshal([]byte(r.out), &list); err != nil {
			c.t.Fatal(err)
		}
	}
	return list.Nodes
}

// state is what the Swarm says of a node; "" where it has no leader.
func (c *cluster) state(name string) string {
	c.t.Helper()
	for _, n := range c.nodes() {
		if n.Name == name {
			return n.State
		}
	}
	return ""
}

// nodeOf is where the containers of a service run.
func (c *cluster) nodeOf(service string) string {
	c.t.Helper()
	var status struct {
		Containers []struct{ Service, Node, State string }
	}
	if err := json.Unmarshal([]byte(c.must(0, "status", "--output", "json").out), &status); err != nil {
		c.t.Fatal(err)
	}
	var on []string
	for _, x := range status.Containers {
		if x.Service == service && x.State == "running" {
			on = append(on, x.Node)
		}
	}
	return strings.Join(on, " ")
}
