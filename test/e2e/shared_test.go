//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const targetFile = ".stackctl/sandbox/target.yaml"

// small is a project of one service on the droplet of a test.
func small(t *testing.T, name string) project {
	t.Helper()
	p := project{t: t, root: filepath.Join(t.TempDir(), name)}
	p.write("compose.yaml", "services:\n  pages:\n    image: shop/app:1\n    command: ${ROLE:-web}\n    environment: {GREETING: \"${GREETING:-"+name+"}\"}\n    ports: [\"3000:8080\"]\n")
	p.must(0, "init", "--host", "203.0.113.7", "--domain", name+".localhost", "--yes")
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
func (p project) share() { p.edit(targetFile, "\nacme:\n", "\nshared: true\nacme:\n") }

// refused runs what must be refused, and looks for the reason.
func (p project) refused(exit int, want string, args ...string) {
	p.t.Helper()
	if r := p.must(exit, append(args, "--target", "sandbox")...); !strings.Contains(r.out+r.err, want) {
		p.t.Errorf("%v says %s, without %q", args, r.out+r.err, want)
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
	for _, host := range []string{"pages.localhost", "notes.localhost"} { // the edge knows who comes
		expectBody(t, c, "https://"+host+"/visitor", on(t).Gateway.String())
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

	during("its own edge is replaced", func() {
		p.edit(targetFile, "operator@", "ops@")
		if said := p.must(0, "deploy", "--target", "sandbox"); !strings.Contains(said.out, "a copy of it serves meanwhile") {
			t.Errorf("it says %s", said.out)
		}
	})
	during("an edge is replaced, and comes back", func() {
		p.edit(targetFile, "ops@", "boss@")
		p.write(".env", "ROLE=nothing\n")
		p.must(4, "deploy", "--target", "sandbox")
	})
	if left := onDroplet(t, "docker ps -aq --filter name=standby; ls /srv/pages/edge"); left != "acme\ndynamic\n" {
		t.Errorf("the copy of the edge leaves %s", left)
	}
	p.write(".env", "GREETING=bonjour\n")
	p.edit(targetFile, "boss@", "ops@")

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
	p.must(0, "rollback", "--target", "sandbox")
	greets("pages.localhost", "pages")
	p.refused(2, "the server's ingress has the ports, for project notes, project pages", "rollback", alone)
}
