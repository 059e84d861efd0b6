//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// team is a project of test/projects/twelve, whose files know nothing of
// stackctl, and what its team would know of it.
type team struct {
	name    string   // its folder
	env     string   // what .env holds from the beginning
	images  []string // archives below build, by their paths without an ending
	decides []string // what init must print
	// page is what visitors ask for. It holds first, and changed after change.
	page, first, changed string
	// asks is what is done in place of a visit where there is no page.
	asks   func(p project) string
	change func(p project)
	// breaks makes a release that must end with an exit code and the one before.
	breaks func(p project)
	exit   int
	// data is where a POST stores something, and a GET answers how often.
	data string
	// waitsPage and waitsData are true where the service that answers cannot run
	// twice: requests wait for its successor. One that it has not accepted when it
	// closes its port is reset.
	waitsPage, waitsData bool
	// stores are the services that keep data: no change here replaces one.
	stores []string
	// prepare is what must be there before the first deploy beside the folder.
	prepare func(p *project)
	// kept holds anything more that must be true after each step.
	kept func(p project)
	// puts stores something in another way than by POST until it is ended; count
	// asks how much there is.
	puts  func(p project) (end func() tally)
	count func(p project) string
}

// inFull skips a project that is none of the four which `make test` deploys.
func inFull(t *testing.T) {
	t.Helper()
	if os.Getenv("FAULTS") == "" {
		t.Skip("it is part of make full")
	}
}

// at is an address on the site, for a path of the domain or as it is.
func at(path string) string {
	if strings.HasPrefix(path, "/") {
		return "https://" + domain + path
	}
	return path
}

// own copies the team's folder, and lets init write what it decides.
func (o team) own(t *testing.T) *project {
	t.Helper()
	p := &project{t: t, root: filepath.Join(t.TempDir(), o.name)}
	if err := os.CopyFS(p.root, os.DirFS(filepath.Join(repo, "test", "projects", "twelve", o.name))); err != nil {
		t.Fatal(err)
	}
	if o.env != "" {
		p.write(".env", o.env)
	}
	return p
}

// begin runs init, and names the archives of the images and the droplet.
func (o team) begin(p *project, domain string) {
	p.t.Helper()
	said := p.must(0, "init", "--host", "203.0.113.7", "--domain", domain, "--yes").out
	for _, want := range o.decides {
		if !strings.Contains(strings.Join(strings.Fields(said), " "), want) {
			p.t.Errorf("init does not decide %q:\n%s", want, said)
		}
	}
	p.write("stackctl.yaml", read(p.t, filepath.Join(p.root, "stackctl.yaml"))+"\nimages: {archives: images}\n")
	p.write(targetFile, strings.NewReplacer("/srv/stack", "/srv/"+o.name, "stack.localhost", domain).Replace(read(p.t, on(p.t).Target())))
	if err := os.MkdirAll(filepath.Join(p.root, "images"), 0o700); err != nil {
		p.t.Fatal(err)
	}
	for _, image := range append(o.images, "images/traefik") {
		if err := os.Symlink(filepath.Join(repo, "build", image+".tar"), filepath.Join(p.root, "images", filepath.Base(image)+".tar")); err != nil {
			p.t.Fatal(err)
		}
	}
}

// deployed is the story of each project: from its compose file to a site that is
// verified, changed under load, broken, and rolled back under load. What was
// stored is counted after each step.
func (o team) deployed(t *testing.T) {
	t.Helper()
	bare(t)
	p, c := o.own(t), client(t)
	began := time.Now()
	o.begin(p, domain)
	p.must(0, "provision", "--target", "sandbox")
	if o.prepare != nil {
		o.prepare(p)
	}
	ready := time.Now()
	p.must(0, "deploy", "--target", "sandbox")
	t.Logf("%s: from init to a verified site %.1f s, %.1f s of it the deploy", o.name, time.Since(began).Seconds(), time.Since(ready).Seconds())
	o.told(t, *p, c, o.first)
	written := 0
	if o.data != "" {
		for range 10 {
			if status, said := fetch(c, http.MethodPost, at(o.data)); status != http.StatusCreated {
				t.Fatalf("POST %s: %d %s", o.data, status, said)
			}
			written++
		}
	}
	o.holds(t, *p, c, written, 0)
	stores := o.storing(t)
	for _, step := range []struct {
		name string
		make func(p project)
		verb string
		exit int
		show string
	}{
		{"a change", o.change, "deploy", 0, o.changed},
		{"a bad release", o.breaks, "deploy", o.exit, o.changed},
		{"a rollback", func(project) {}, "rollback", 0, o.first},
	} {
		t.Run(step.name, func(t *testing.T) {
			p.t = t
			before := o.files(t, *p)
			step.make(*p)
			end := o.load(t, *p, c)
			began := time.Now()
			r := p.stackctl(step.verb, "--target", "sandbox")
			took := time.Since(began)
			seen, wrote := end()
			written += wrote.answered
			if r.exit != step.exit {
				t.Errorf("%s: exit code %d, want %d\n%s%s", step.verb, r.exit, step.exit, r.out, r.err)
			}
			t.Logf("%s, %s, %.1f s: %d visits, %d lost, the longest %s; %d writes, %d lost, the longest %s; the first lost %s%s", o.name, step.name, took.Seconds(),
				seen.answered, seen.lost, seen.longest.Round(time.Millisecond), wrote.answered, wrote.lost, wrote.longest.Round(time.Millisecond), seen.first, wrote.first)
			for _, s := range p.report().Steps {
				if s.Took > 3*time.Second {
					t.Logf("%.1f s: %s %s", s.Took.Seconds(), s.Step, s.Detail)
				}
			}
			if o.page != "" {
				o.judge(t, "visits", seen, o.waitsPage, step.exit)
			}
			if o.data != "" || o.puts != nil {
				o.judge(t, "writes", wrote, o.waitsData, step.exit)
			}
			o.told(t, *p, c, step.show)
			written = o.holds(t, *p, c, written, wrote.lost)
			if step.exit != 0 {
				o.restore(t, *p, before)
			}
		})
	}
	p.t = t
	if now := o.storing(t); now != stores {
		t.Errorf("a store was replaced: %s, then %s", stores, now)
	}
	if r := p.report(); r.Verdict != stack.VerdictGood {
		t.Errorf("the last report says %s", r.Verdict)
	}
	p.must(0, "verify", "--target", "sandbox")
	p.must(0, "status", "--target", "sandbox")
}

// judge holds a change to its promise: nothing is lost of what overlaps, and one
// request at most of what waits for a service that is recreated. While a release
// that is bad gives way, only the former is promised.
func (o team) judge(t *testing.T, what string, seen tally, waits bool, exit int) {
	t.Helper()
	allowed := 0
	if waits {
		allowed = 1
	}
	if waits && exit != 0 {
		return
	}
	if seen.lost > allowed || seen.answered == 0 {
		t.Errorf("%d %s of %d were lost; the first %s", seen.lost, what, seen.lost+seen.answered, seen.first)
	}
}

// load asks for the page and stores things until it is ended.
func (o team) load(t *testing.T, p project, c *http.Client) (end func() (seen, wrote tally)) {
	t.Helper()
	nothing := func() tally { return tally{} }
	visits, writes := nothing, nothing
	patient := *c
	patient.Timeout = time.Minute // the edge holds its requests
	if o.page != "" {
		visits = visit(t, &patient, http.MethodGet, at(o.page))
	}
	if o.data != "" {
		writes = visit(t, &patient, http.MethodPost, at(o.data))
	}
	if o.puts != nil {
		writes = o.puts(p)
	}
	return func() (tally, tally) { return visits(), writes() }
}

// told looks for a text where the team would.
func (o team) told(t *testing.T, p project, c *http.Client, want string) {
	t.Helper()
	if o.asks == nil {
		o.shows(t, c, want)
		return
	}
	p.t = t
	until(t, 30*time.Second, "it says "+want, func() bool { return strings.Contains(o.asks(p), want) })
}

// shows looks for a text on the page.
func (o team) shows(t *testing.T, c *http.Client, want string) {
	t.Helper()
	if status, said := fetch(c, http.MethodGet, at(o.page)); status != http.StatusOK || !strings.Contains(said, want) {
		t.Errorf("%s answers %d %q, without %q", o.page, status, said, want)
	}
}

// holds counts what is stored: all that was answered, and at most what was not
// on top of it. It returns how much there is.
func (o team) holds(t *testing.T, p project, c *http.Client, written, lost int) int {
	t.Helper()
	p.t = t
	count := o.count
	if count == nil {
		count = func(project) string {
			_, said := fetch(c, http.MethodGet, at(o.data))
			return said
		}
	}
	stored := written
	if o.data != "" || o.puts != nil {
		said := ""
		until(t, 30*time.Second, fmt.Sprintf("%d are stored, or up to %d more", written, lost), func() bool {
			said = count(p)
			n, err := strconv.Atoi(strings.TrimSpace(said))
			stored = n
			return err == nil && n >= written && n <= written+lost
		})
		t.Logf("%d stored of %d", stored, written)
	}
	if o.kept != nil {
		o.kept(p)
	}
	return stored
}

// storing lists the containers of the project's stores.
func (o team) storing(t *testing.T) (list string) {
	t.Helper()
	for _, s := range o.stores {
		id := onDroplet(t, "docker ps -q --no-trunc --filter label=com.docker.compose.service="+s)
		if id == "" {
			t.Errorf("%s does not run", s)
		}
		list += id
	}
	return list
}

// files reads the files that a step may change, for restore.
func (o team) files(t *testing.T, p project) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(filepath.Join(repo, "test", "projects", "twelve", o.name), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(filepath.Join(repo, "test", "projects", "twelve", o.name), path)
			all[rel] = read(t, filepath.Join(p.root, rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(p.root, ".env")); err == nil {
		all[".env"] = read(t, filepath.Join(p.root, ".env"))
	}
	return all
}

// restore writes the files back as they were.
func (o team) restore(t *testing.T, p project, files map[string]string) {
	t.Helper()
	p.t = t
	for name, text := range files {
		if read(t, filepath.Join(p.root, name)) != text {
			p.write(name, text)
		}
	}
}
