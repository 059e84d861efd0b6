//go:build e2e

package e2e

import (
	"net"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/sandbox"
	"stackctl/test/load"
)

// teapot is a gate of the project's own that finds every release bad.
const teapot = "gates:\n  own:\n    - id: teapot\n      title: Is it a teapot?\n      phase: post-switch\n      http: {path: /, expect: {status: 418}}\n"

// loadedChanges happen to the site of a cluster under load: first those of a site
// that has the ports of its edge nodes to itself, then those of one that shares them.
func loadedChanges(c *cluster) (own, shared []change) {
	greet := func(greeting string) func(project) {
		return func(p project) { p.write(".env", "GREETING="+greeting+"\n") }
	}
	edge := func(from, to string) func(project) {
		return func(p project) { p.edit(targetFile, "email: "+from+"@", "email: "+to+"@") }
	}
	return []change{
			{name: "a configuration change", args: []string{"deploy"}, make: greet("bonjour")},
			{name: "a rollback by hand", args: []string{"rollback"}, make: func(project) {}},
			{name: "an automatic rollback after the switch", exit: 1, stays: true, undone: true, args: []string{"deploy"}, make: func(p project) {
				p.write("stackctl.yaml", read(p.t, p.root+"/stackctl.yaml")+teapot)
				greet("salut")(p)
			}, mend: func(p project) { p.edit("stackctl.yaml", teapot, "") }},
			{name: "an edge that does not read its new routes", exit: 4, stays: true, undone: true, args: []string{"deploy"}, make: func(p project) {
				onHost(p.t, "docker", "exec", c.box("node2"), "sh", "-c", "cd /srv/stack/edge && mv dynamic aside && cp -a aside dynamic")
				greet("ciao")(p)
			}, mend: func(p project) {
				onHost(p.t, "docker", "exec", c.box("node2"), "sh", "-c", "cd /srv/stack/edge && rm -r dynamic && mv aside dynamic")
			}},
			{name: "the edge itself, one node after the other", note: lossy, args: []string{"deploy"}, make: edge("operator", "other")},
		}, []change{
			{name: "a configuration change of a shared site", args: []string{"deploy"}, make: greet("hola")},
			{name: "the edge itself, while copies serve", note: spare, args: []string{"deploy"}, make: edge("other", "third")},
		}
}

// TestAClusterLosesNoRequestWhileReleasesChange sends many requests a second to every edge of a
// cluster, half of them writes, on kept connections, with writes of five seconds in flight, from
// before each change to after it.
func TestAClusterLosesNoRequestWhileReleasesChange(t *testing.T) {
	walksLong(t)
	c := shopCluster(t, 3)
	c.edit(targetFile, "shared: true", "shared: false")
	c.must(0, "provision")
	c.must(0, "deploy")
	c.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
	table := slices.Clone(loadTable)
	walk := func(changes []change) {
		for _, change := range changes {
			t.Run(change.name, func(t *testing.T) {
				c.t = t
				change.under(t, c.project, &table, c.ways(change)...)
			})
			c.t = t
		}
	}
	own, shared := loadedChanges(c)
	walk(own)
	c.edit(targetFile, "shared: false", "shared: true")
	c.must(0, "provision")
	c.must(0, "deploy")
	walk(shared)
	c.holds("in the end")
	t.Log("\n" + strings.Join(table, "\n"))
}

// site is the cluster's site as a load reaches it at one edge.
func (c *cluster) site(n sandbox.Node) load.Site {
	c.t.Helper()
	return load.Site{Domain: domain, Address: net.JoinHostPort(n.Address.String(), "443"), Roots: roots(c.t, c.Dir)}
}

// ways are loads that go to each edge of a cluster, together at the rate of one server's. Where
// edges refuse connections in turn there is one more, that goes to the other then.
func (c *cluster) ways(what change) (out []way) {
	c.t.Helper()
	either := c.site(c.Nodes[1])
	for _, n := range c.Nodes[:2] {
		site := c.site(n)
		out = append(out, way{what.name + ", " + n.Name, site.Heard(rate/2, "/visitor")})
		either.Address = site.Address + "," + either.Address
	}
	if what.note == lossy {
		out = append(out, way{what.name + ", either", either.Heard(rate/10, "/visitor")})
	}
	return out
}
