//go:build e2e

package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const targetFile = ".stackctl/sandbox/target.yaml"

// small is a project of one service on the droplet of a test.
func small(t *testing.T, name string) project {
	t.Helper()
	p := project{t: t, root: filepath.Join(t.TempDir(), name)}
	p.write("compose.yaml", "services:\n  pages:\n    image: shop/app:1\n    command: ${ROLE:-web}\n    environment: {GREETING: \"${GREETING:-"+name+"}\"}\n    ports: [\"3000:8080\"]\n    healthcheck: {test: [CMD, /shop, alive, \"8080\"], interval: 5s}\n")
	p.must(0, "init", "--host", "203.0.113.7", "--domain", name+".localhost", "--yes", "--shared=false")
	p.write("stackctl.yaml", read(t, filepath.Join(p.root, "stackctl.yaml"))+"\nimages: {archives: images}\n")
	p.write(targetFile, strings.NewReplacer("/srv/stack", "/srv/"+name, domain, name+".localhost").Replace(read(t, on(t).Target())))
	if err := os.MkdirAll(filepath.Join(p.root, "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"images/traefik.tar", "projects/shop.tar"} {
		if err := os.Symlink(filepath.Join(repo, "build", image), filepath.Join(p.root, "images", filepath.Base(image))); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// share has a project's target share the droplet's web ports.
func (p project) share() {
	p.edit("stackctl.yaml", ".localhost\n", ".localhost\n    shared: true\n")
}

// refused runs what must be refused, and looks for the reason.
func (p project) refused(exit int, want string, args ...string) {
	p.t.Helper()
	if r := p.must(exit, append(args, "--target", "sandbox")...); !strings.Contains(r.out+r.err, want) {
		p.t.Errorf("%v says %s, without %q", args, r.out+r.err, want)
	}
}

// believesNobody has a visitor say that it is another: the edge knows better.
func believesNobody(t *testing.T, c *http.Client, host string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/visitor", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "192.0.2.77")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || string(said) != on(t).Gateway.String() {
		t.Errorf("%s takes a visitor for %s, %v", host, said, err)
	}
	conn, err := net.Dial("tcp", on(t).Address.String()+":443")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "PROXY TCP4 192.0.2.77 192.0.2.1 4000 443\r\n"); err != nil {
		t.Fatal(err)
	}
	client := tls.Client(conn, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err := client.HandshakeContext(t.Context()); err == nil {
		t.Errorf("%s goes on with a visitor who says by the PROXY protocol that it is another", host)
	}
}

// TestTwoProjectsShareAServer puts a second project on a server whose web ports
// the first one has: it is refused until both share them, and from then on
// neither one's deploys are felt by the other.
func TestTwoProjectsShareAServer(t *testing.T) {
	bare(t)
	p, q, c := small(t, "pages"), small(t, "notes"), client(t)
	once := client(t) // a connection for each request
	once.Transport.(*http.Transport).DisableKeepAlives = true
	greets := func(host, greeting string) {
		t.Helper()
		expectBody(t, c, "https://"+host+"/", greeting+", theme , entries no books")
	}
	inBox(t, on(t).Container, "rm -rf /srv/stackctl-ingress") // a server on which nobody has shared anything
	p.must(0, "provision", "--target", "sandbox")
	p.must(0, "deploy", "--target", "sandbox")
	alone := p.report().Release
	q.must(0, "provision", "--target", "sandbox")
	q.refused(4, "write `shared: true` in the targets of both projects", "deploy")
	q.share()
	q.refused(2, "run `stackctl provision`", "deploy")
	p.share()
	p.must(0, "provision", "--target", "sandbox")
	q.refused(4, "the edge of project pages, holds port", "deploy")

	p.write(".env", "ROLE=nothing\n")
	p.must(4, "deploy", "--target", "sandbox")
	greets("pages.localhost", "pages")
	if left := onDroplet(t, "docker ps -q --filter label=com.docker.compose.project=stackctl-ingress; ls /srv/stackctl-ingress/dynamic"); left != "stackctl.yaml\n" {
		t.Errorf("a move that failed leaves %s", left)
	}
	p.write(".env", "")
	moving := visit(t, c, http.MethodGet, "https://pages.localhost/")
	p.must(0, "deploy", "--target", "sandbox")
	moved := moving()
	t.Logf("while the edge moved: %d visits, %d lost", moved.answered, moved.lost)
	p.refused(2, "the server's ingress has the ports, for project pages", "rollback", alone)

	during := func(name string, part func()) {
		t.Helper()
		kept, fresh := visit(t, c, http.MethodGet, "https://pages.localhost/"), visit(t, once, http.MethodGet, "https://pages.localhost/")
		part()
		for _, visits := range []func() tally{kept, fresh} {
			seen := visits()
			t.Logf("%s: %d visits, the longest %s", name, seen.answered, seen.longest)
			if seen.lost > 0 || seen.answered == 0 {
				t.Errorf("%s: %d visits of %d were lost; the first %s", name, seen.lost, seen.lost+seen.answered, seen.first)
			}
		}
	}
	during("the second project comes", func() { q.must(0, "deploy", "--target", "sandbox") })
	for _, host := range []string{"pages.localhost", "notes.localhost"} {
		believesNobody(t, c, host)
	}
	during("both change at once", func() {
		p.write(".env", "GREETING=bonjour\n")
		q.write(".env", "GREETING=cahiers\n")
		var both sync.WaitGroup
		both.Go(func() { p.must(0, "deploy", "--target", "sandbox") })
		both.Go(func() { q.must(0, "deploy", "--all-tests", "--target", "sandbox") })
		both.Wait()
	})
	greets("pages.localhost", "bonjour")
	greets("notes.localhost", "cahiers")

	const staging, public = "\nacme:\n", "\nacme:\n  policy: public\n"
	during("its edge is replaced, and has other certificates", func() {
		before := serial(on(t).Address, "pages.localhost")
		p.edit(targetFile, staging, public)
		p.edit("stackctl.yaml", "\nroutes:\n", "\nroutes:\n  - {host: fresh, service: pages, port: 8080}\n")
		if said := p.must(0, "deploy", "--target", "sandbox"); !strings.Contains(said.out, "a copy of it serves meanwhile") {
			t.Errorf("it says %s", said.out)
		} else if !strings.Contains(said.out, "fresh.pages.localhost: new on a site that is public") {
			t.Errorf("it does not tell of the new name:\n%s", said.out)
		}
		if got := onDroplet(t, "grep -o 'fresh[.a-z]*' /srv/pages/acme-orders.json"); got != "fresh.pages.localhost\n" {
			t.Errorf("the orders on the host tell of %s", got)
		}
		if serial(on(t).Address, "pages.localhost") == before {
			t.Error("the public policy serves the certificate of the staging one")
		}
	})
	during("an edge is replaced, and comes back", func() {
		p.edit(targetFile, public, staging)
		p.write(".env", "ROLE=nothing\n")
		p.must(4, "deploy", "--target", "sandbox")
	})
	if left := onDroplet(t, "docker ps -aq --filter name=standby; ls /srv/pages/edge"); left != "acme\ndynamic\n" {
		t.Errorf("the copy of the edge leaves %s", left)
	}
	p.write(".env", "GREETING=bonjour\n")
	p.edit(targetFile, staging, public)

	q.edit("stackctl.yaml", "\nroutes:\n", "\nroutes:\n  - {host: pages.localhost, service: pages, port: 8080}\n")
	q.refused(2, "project pages of this server serves pages.localhost", "deploy")
	q.edit("stackctl.yaml", "host: pages.localhost", "host: drafts")
	q.must(0, "deploy", "--target", "sandbox")
	greets("drafts.notes.localhost", "cahiers")
	onDroplet(t, "docker rm -f stackctl-ingress-ingress-1")
	q.edit("stackctl.yaml", "  - {host: drafts, service: pages, port: 8080}\n", "")
	q.must(0, "deploy", "--target", "sandbox")
	greets("pages.localhost", "bonjour")
	if routes := onDroplet(t, "cat /srv/stackctl-ingress/dynamic/notes.yml"); strings.Contains(routes, "drafts") {
		t.Errorf("the ingress still leads to the host that went:\n%s", routes)
	}
	during("a rollback over the edge's change", func() { p.must(0, "rollback", "--target", "sandbox") })
	greets("pages.localhost", "bonjour")
}
