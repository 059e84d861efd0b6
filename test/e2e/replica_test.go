//go:build e2e

package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stayedAtTheirReplica has a service with two containers behind a sticky route, and
// gives another route a page for the time that its service is away.
// Visitors keep theirs, get another one when it is away, and lose no request when a
// release takes over.
func stayedAtTheirReplica(t *testing.T, p project) {
	t.Helper()
	const at = "https://" + domain + "/replica"
	p.edit("docker-compose.yml", `ports: ["80:8080"]`, "expose: [\"8080\"]\n    scale: 2")
	if before := read(t, filepath.Join(p.root, "stackctl.yaml")); !strings.Contains(before, "  - {service: web, port: 8080}") {
		t.Fatalf("init wrote another route:\n%s", before)
	}
	p.edit("stackctl.yaml", "  - {service: web, port: 8080}", "  - {service: web, port: 8080, sticky: true}")
	p.edit("stackctl.yaml", "service: books, port: 8081}", "service: books, port: 8081, errors: {service: web, port: 8080, path: \"/away/{status}\"}}\ntimeouts: {hold: 2s}")
	p.must(0, "deploy", "--target", "sandbox")
	visitors := map[string]*http.Client{} // by the replica that answers them
	for range 4 {
		c := client(t)
		c.Jar, _ = cookiejar.New(nil)
		first := mustGet(t, c, at)
		visitors[first] = c
		for range 5 {
			if now := mustGet(t, c, at); now != first {
				t.Fatalf("a visitor of replica %s is answered by %s", first, now)
			}
		}
	}
	if len(visitors) != 2 {
		t.Fatalf("four visitors are at %d replicas", len(visitors))
	}
	for gone, c := range visitors { // one of both
		onDroplet(t, "docker stop -t 1 "+gone)
		other := mustGet(t, c, at)
		if again := mustGet(t, c, at); other == gone || again != other {
			t.Errorf("with replica %s away its visitor is at %s, then at %s", gone, other, again)
		}
		onDroplet(t, "docker start "+gone)
		break
	}
	var ends []func() tally
	for _, c := range visitors {
		ends = append(ends, visit(t, c, http.MethodGet, at))
	}
	builtOnTheServer(t, p)
	for _, end := range ends {
		if seen := end(); seen.lost > 0 || seen.answered == 0 {
			t.Errorf("%d of a visitor's %d requests were lost; the first %s", seen.lost, seen.lost+seen.answered, seen.first)
		}
	}
	p.must(0, "verify", "--target", "sandbox")
}

// builtOnTheServer deploys a service that is built, from a machine without an Engine.
func builtOnTheServer(t *testing.T, p project) {
	t.Helper()
	program, err := os.ReadFile(filepath.Join(repo, "build", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p.root, "web"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.root, "web", "shop"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("web/Dockerfile", "FROM scratch\nCOPY shop /shop\nENTRYPOINT [\"/shop\"]\n")
	p.edit("docker-compose.yml", "    image: shop/app:1\n    command: web", "    build: ./web\n    command: web")
	p.env = []string{"DOCKER_HOST=tcp://127.0.0.1:1"}
	said := p.must(0, "deploy", "--target", "sandbox").out
	if want := "built on " + on(t).Address.String(); !strings.Contains(said, want) {
		t.Errorf("it does not say %q:\n%s", want, said)
	}
	if has := onDroplet(t, "docker inspect -f '{{.Config.Image}}' $(docker ps -q --filter label=com.docker.compose.service=web) | xargs docker image inspect -f '{{index .RepoTags 0}}' | sort -u"); !strings.HasPrefix(has, "shop-web:") || strings.Count(has, "\n") != 1 {
		t.Errorf("the replicas run %s", has)
	}
}

// hadAPageForWhatIsAway takes a service away whose route has the page of another.
func hadAPageForWhatIsAway(t *testing.T, p project, c *http.Client) {
	t.Helper()
	const at = "https://books." + domain + "/entries"
	books := strings.TrimSpace(onDroplet(t, "docker ps -q --filter label=com.docker.compose.service=books"))
	onDroplet(t, "docker stop -t 5 "+books)
	if status, page := fetch(c, http.MethodGet, at); status != http.StatusBadGateway || page != "away for a moment (502)" {
		t.Errorf("while the service is away its visitors get %d %q", status, page)
	}
	onDroplet(t, "docker start "+books)
	until(t, 20*time.Second, "the service answers again", func() bool {
		status, _ := fetch(c, http.MethodGet, at)
		return status == http.StatusOK
	})
}

// mustGet gets the body of an answer 200.
func mustGet(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	status, text := fetch(c, http.MethodGet, url)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %q", url, status, text)
	}
	return text
}
