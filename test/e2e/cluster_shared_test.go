//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/sandbox"
)

// onCluster is a project of two replicas whose target is the cluster. Its host is
// NAME.localhost.
func (c *cluster) onCluster(name string) project {
	c.t.Helper()
	p := project{t: c.t, root: filepath.Join(c.t.TempDir(), name)}
	p.write("compose.yaml", "services:\n  pages:\n    image: shop/app:1\n    command: ${ROLE:-web}\n    restart: unless-stopped\n    environment: {GREETING: "+name+"}\n    ports: [\"3000:8080\"]\n"+
		"    healthcheck: {test: [CMD, /shop, alive, \"8080\"], interval: 5s, start_interval: 1s, start_period: 10s}\n    deploy: {replicas: 2}\n")
	p.write("stackctl.yaml", "project: "+name+"\npolicy: standard\ncompose: {files: [compose.yaml]}\nimages: {archives: images}\nroutes:\n  - {service: pages, port: 8080}\n")
	p.write(targetFile, strings.NewReplacer("/srv/stack", "/srv/"+name, "domain: "+domain, "domain: "+name+".localhost").Replace(read(c.t, c.Target())))
	p.images("traefik", "shop")
	return p
}

// loses visits sites at both edges, on connections that are kept and on new ones, while
// a part runs, and reports each visit that was lost.
func (c *cluster) loses(name string, sites []string, part func()) {
	c.t.Helper()
	ends := map[string]func() tally{}
	for _, site := range sites {
		for _, n := range c.Nodes[:2] {
			once := c.at(n)
			once.Transport.(*http.Transport).DisableKeepAlives = true
			ends[site+" kept at "+n.Name] = visit(c.t, c.at(n), http.MethodGet, "https://"+site+"/visitor")
			ends[site+" anew at "+n.Name] = visit(c.t, once, http.MethodGet, "https://"+site+"/visitor")
		}
	}
	part()
	for at, end := range ends {
		seen := end()
		c.t.Logf("%s, %s: %d visits, %d lost, the longest %s", name, at, seen.answered, seen.lost, seen.longest)
		if seen.lost > 0 || seen.answered == 0 {
			c.t.Errorf("%s: %s %d of %d visits were lost; the first %s", name, at, seen.lost, seen.lost+seen.answered, seen.first)
		}
	}
}

// knows has a visitor of an edge say that it is another.
func (c *cluster) knows(n sandbox.Node, site string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "https://"+site+"/visitor", http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "192.0.2.77")
	resp, err := c.at(n).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || string(said) != c.Gateway.String() {
		c.t.Errorf("%s at %s takes a visitor for %q, %v", site, n.Name, said, err)
	}
}

// dies kills a node as a power cut does.
func (c *cluster) dies(container string) {
	c.t.Helper()
	if out, err := exec.Command("docker", "kill", container).CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
}

// served waits until sites are served at an edge.
func (c *cluster) served(n sandbox.Node, sites ...string) {
	c.t.Helper()
	for _, site := range sites {
		until(c.t, 90*time.Second, n.Name+" serves "+site, func() bool {
			status, _ := fetch(c.at(n), http.MethodGet, "https://"+site+"/visitor")
			return status == http.StatusOK
		})
	}
}

// TestTwoProjectsShareACluster puts two projects on the edge nodes of one cluster,
// replaces the edge of one of them, and loses a node.
func TestTwoProjectsShareACluster(t *testing.T) {
	walksLong(t)
	c := bareCluster(t, 3)
	p, q := c.onCluster("pages"), c.onCluster("notes")
	const pages, notes = "pages.localhost", "notes.localhost"
	p.edit(targetFile, "shared: true", "shared: false")
	p.must(0, "provision")
	p.must(0, "deploy")
	q.must(0, "provision")
	if r := q.must(4, "deploy"); !strings.Contains(r.out+r.err, "write `shared: true` in the targets of both projects") {
		t.Errorf("a second project is refused with\n%s%s", r.out, r.err)
	}
	p.edit(targetFile, "shared: false", "shared: true")
	p.write(".env", "ROLE=nothing\n")
	p.must(4, "deploy")
	c.served(c.Nodes[0], pages)
	c.served(c.Nodes[1], pages)
	if out, err := c.ssh("node2").Run(t.Context(), "ls", "/srv/stackctl-ingress/dynamic"); err != nil || string(out.Stdout) != "stackctl.yaml\n" {
		t.Errorf("a move that failed leaves %s, %v", out.Stdout, err)
	}
	p.write(".env", "")
	moving := visit(t, c.at(c.Nodes[1]), http.MethodGet, "https://"+pages+"/visitor")
	if r := p.must(0, "deploy"); !strings.Contains(r.out, "the edge itself is replaced: connections are refused for some seconds") {
		t.Errorf("the move to the ingress is not told:\n%s", r.out)
	}
	moved := moving()
	t.Logf("while the edges moved: %d visits, %d lost", moved.answered, moved.lost)
	c.loses("a second project comes", []string{pages}, func() { q.must(0, "deploy") })
	for _, n := range c.Nodes[:2] {
		c.knows(n, pages)
		c.knows(n, notes)
	}
	c.loses("the edge itself changes", []string{pages, notes}, func() {
		p.edit(targetFile, "email: operator@", "email: other@")
		if r := p.must(0, "deploy"); !strings.Contains(r.out, "the edge itself is replaced: a copy of it serves meanwhile") {
			t.Errorf("the edge is not replaced beside a copy:\n%s", r.out)
		}
	})
	if r := p.must(0, "deploy"); strings.Contains(r.out, "step     edge") || strings.Contains(r.out, "step     ingress") {
		t.Errorf("a deploy with nothing changed touches the edges:\n%s", r.out)
	}

	node2 := c.Nodes[1]
	c.dies(c.Container + "-2")
	c.up()
	c.served(node2, pages, notes)

	c.dies(c.Container + "-2")
	until(t, time.Minute, "the Swarm knows that node2 is down", func() bool { return strings.Contains(fmt.Sprint(c.listed()), "node2 manager [edge app] down") })
	p.edit(targetFile, "email: other@", "email: third@")
	p.must(0, "deploy")
	c.up()
	until(t, time.Minute, "node2 is back", func() bool { return strings.Contains(fmt.Sprint(c.listed()), "node2 manager [edge app] ready") })
	p.must(0, "deploy")
	c.served(node2, pages, notes)
	if s := p.must(0, "status").out; !strings.Contains(s, "it is shared with notes") {
		t.Errorf("status says\n%s", s)
	}
}
