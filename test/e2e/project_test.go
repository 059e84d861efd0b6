//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// shop is the project of test/projects/shop in a folder of its own, with what
// `stackctl init` wrote and nothing else but where its images are.
func shop(t *testing.T) project {
	t.Helper()
	bare(t)
	p := project{t: t, root: filepath.Join(t.TempDir(), "shop")}
	copyTree(t, filepath.Join(repo, "test", "projects", "shop", "project"), p.root)
	p.write(".env", "DB_PASSWORD=jolly-otter-4-bridge\n")
	said := p.must(0, "init", "--host", "203.0.113.7", "--domain", domain, "--yes").out
	for _, want := range []string{"books    app    recreate  books." + domain, "db       data ", "web      app    overlap   " + domain, "migrate  app    once"} {
		if !strings.Contains(said, want) {
			t.Errorf("init does not decide %q:\n%s", want, said)
		}
	}
	p.write("stackctl.yaml", read(t, filepath.Join(p.root, "stackctl.yaml"))+"\nimages: {archives: images}\n")
	p.write(".stackctl/sandbox/target.yaml", read(t, on(t).Target()))
	if err := os.MkdirAll(filepath.Join(p.root, "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"images/postgres.tar", "images/traefik.tar", "projects/shop.tar"} {
		if err := os.Symlink(filepath.Join(repo, "build", image), filepath.Join(p.root, "images", filepath.Base(image))); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestATeamsProjectIsDeployedFromItsComposeFile takes a compose file that knows
// nothing of stackctl from `init` to a site, changes it under load, breaks it,
// and rolls it back. What was stored is counted at each step.
func TestATeamsProjectIsDeployedFromItsComposeFile(t *testing.T) {
	p := shop(t)
	p.must(0, "provision", "--target", "sandbox")
	p.must(0, "deploy", "--target", "sandbox")
	c := client(t)
	expectBody(t, c, "https://"+domain+"/", "hello, theme plain, entries 0")
	expectBody(t, c, "https://books."+domain+"/uploads/first.txt", "seeded")
	put(t, c, "https://books."+domain+"/uploads/second.txt", "kept")
	if got := onDroplet(t, "ls /srv/stack/data/inbox; stat -c %a /srv/stack/data"); got != "started\n700\n" {
		t.Errorf("what a service without root wrote, and who may look at it: %s", got)
	}
	if got := greeting(t, "2222"); got != "SSH-2.0-shop\r\n" {
		t.Errorf("the port that the project declares says %q", got)
	}
	p.sql(`CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id`)
	stores := onDroplet(t, "docker ps -q --no-trunc --filter label=com.docker.compose.service=db --filter label=com.docker.compose.service=stackctl-edge")
	written := 0
	for _, step := range []struct {
		name, env string
		args      []string
		exit      int
		serves    string // the greeting of who serves afterwards
	}{
		{"a change", "GREETING=bonjour\n", []string{"deploy"}, 0, "bonjour"},
		{"a store that does not start", "GREETING=hola\nEDITION=broken\n", []string{"deploy"}, 4, "bonjour"},
		{"a rollback", "GREETING=hola\n", []string{"rollback"}, 0, "hello"},
	} {
		t.Run(step.name, func(t *testing.T) {
			p.t = t
			p.write(".env", "DB_PASSWORD=jolly-otter-4-bridge\n"+step.env)
			patient := *c
			patient.Timeout = time.Minute // the edge holds its requests
			visits, writes := visit(t, c, http.MethodGet, "https://"+domain+"/"), visit(t, &patient, http.MethodPost, "https://books."+domain+"/entries")
			p.must(step.exit, append(step.args, "--target", "sandbox")...)
			seen, wrote := visits(), writes()
			written += wrote.answered
			t.Logf("%d visits, %d lost; %d writes, %d lost, the longest %s; the first %s", seen.answered, seen.lost, wrote.answered, wrote.lost, wrote.longest.Round(time.Millisecond), wrote.first)
			if seen.lost > 0 || seen.answered == 0 {
				t.Errorf("%d visits of the service that overlaps were lost of %d; the first %s", seen.lost, seen.answered, seen.first)
			}
			// A connection that a service has not accepted when it closes its port is reset.
			if step.exit == 0 && (wrote.lost > 1 || wrote.answered == 0) {
				t.Errorf("%d writes of the service that is recreated were lost of %d; the first %s", wrote.lost, wrote.answered+wrote.lost, wrote.first)
			}
			expectBody(t, c, "https://"+domain+"/", fmt.Sprintf("%s, theme plain, entries %d", step.serves, written))
			expectBody(t, c, "https://books."+domain+"/uploads/second.txt", "kept")
			if n := p.sql("SELECT count(*) FROM orders"); n != "1000" {
				t.Errorf("the database holds %s orders", n)
			}
		})
	}
	p.t = t
	if now := onDroplet(t, "docker ps -q --no-trunc --filter label=com.docker.compose.service=db --filter label=com.docker.compose.service=stackctl-edge"); now != stores {
		t.Error("the database or the edge was replaced")
	}
	if r := p.report(); r.Verdict != stack.VerdictGood {
		t.Errorf("the last report says %s", r.Verdict)
	}
	p.must(0, "verify", "--target", "sandbox")
	p.must(0, "status", "--target", "sandbox")
	t.Run("visitors are kept out", func(t *testing.T) {
		p.t = t
		keptOut(t, p, c)
	})
	t.Run("hardened beside what serves", func(t *testing.T) { p.t = t; hardens(t, p) })
	t.Run("visitors stay at their replica", func(t *testing.T) {
		p.t = t
		stayedAtTheirReplica(t, p)
	})
	t.Run("a page for what is away", func(t *testing.T) {
		p.t = t
		hadAPageForWhatIsAway(t, p, c)
	})
	p.t = t
	t.Run("moved from docker compose", func(t *testing.T) {
		p.t = t
		movedFromCompose(t, p)
	})
}

// greeting is what a TCP port of the server says, reached from outside.
func greeting(t *testing.T, port string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(on(t).Address.String(), port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	said, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

// keptOut has the edge answer visitors itself. Who is let in sees the site, and
// only where that is this machine does a run judge it.
func keptOut(t *testing.T, p project, c *http.Client) {
	t.Helper()
	p.must(0, "maintenance", "on", "--without-me", "--target", "sandbox")
	for _, at := range []string{"https://" + domain + "/", "https://books." + domain + "/uploads/first.txt", "https://books." + domain + "/nowhere"} {
		resp, err := c.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s answers %s, %v", at, resp.Status, resp.Header)
		}
	}
	for _, verb := range []string{"verify", "deploy"} {
		if refused := p.must(2, verb, "--target", "sandbox"); !strings.Contains(refused.out+refused.err, "stackctl maintenance off") {
			t.Errorf("%s says %s", verb, refused.out+refused.err)
		}
	}
	p.must(0, "maintenance", "on", "--target", "sandbox")
	expectBody(t, c, "https://books."+domain+"/uploads/second.txt", "kept")
	p.must(0, "verify", "--all-tests", "--target", "sandbox")
	if s := p.must(0, "status", "--target", "sandbox"); !strings.Contains(s.out, "visitors get 503, but for") {
		t.Errorf("the status is %s", s.out)
	}
	p.must(0, "maintenance", "off", "--target", "sandbox")
	if s := p.must(0, "maintenance", "--target", "sandbox"); s.out != "off\n" {
		t.Errorf("it says %s", s.out)
	}
	p.must(0, "verify", "--target", "sandbox")
}

// sql asks the project's database.
func (p project) sql(query string) string {
	p.t.Helper()
	return strings.TrimSpace(onDroplet(p.t, "docker exec $(docker ps -q --filter label=com.docker.compose.service=db) psql -U postgres -qtAc "+strconv.Quote(query)))
}

func expectBody(t *testing.T, c *http.Client, url, want string) {
	t.Helper()
	if status, got := fetch(c, http.MethodGet, url); status != http.StatusOK || got != want {
		t.Errorf("GET %s: %d %q, want %q", url, status, got, want)
	}
}

func put(t *testing.T, c *http.Client, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	discard(resp.Body)
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %s", url, resp.Status)
	}
}

// fetch asks once; without an answer its status is 0.
func fetch(c *http.Client, method, url string) (int, string) {
	req, err := http.NewRequestWithContext(context.Background(), method, url, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// tally is how requests ended: with what was asked for, or otherwise, and how
// the first of those did. longest is how long the slowest took.
type tally struct {
	answered, lost int
	first          string
	longest        time.Duration
}

// visit asks for one address ten times a second until the returned function ends it.
func visit(t *testing.T, c *http.Client, method, url string) (end func() tally) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	var (
		lock sync.Mutex
		all  tally
		each sync.WaitGroup
	)
	ask := func() {
		begun := time.Now()
		status, text := fetch(c, method, url)
		lock.Lock()
		defer lock.Unlock()
		all.longest = max(all.longest, time.Since(begun))
		if status == http.StatusOK || status == http.StatusCreated {
			all.answered++
		} else {
			if all.lost++; all.lost == 1 {
				all.first = fmt.Sprintf("at %s, after %s: %d %s", begun.Format(time.TimeOnly), time.Since(begun), status, text)
			}
		}
	}
	each.Go(func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				each.Go(ask)
			}
		}
	})
	return func() tally {
		cancel()
		each.Wait()
		return all
	}
}
