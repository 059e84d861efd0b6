//go:build e2e

package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/engine"
	"stackctl/test/composeup"
	"stackctl/test/load"
	"stackctl/test/variant"
)

// composeUp takes the obvious alternative: the same stack as one project on
// this machine's own engine, and `docker compose up --wait` of a changed
// application under the same load.
func composeUp(t *testing.T) (load.Result, time.Duration) {
	t.Helper()
	const name = "stack-compose-up"
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	p := newProject(t)
	p.edit("traefik/dynamic/routes.yml", "    # R1:", slowRoute+"    # R1:")
	p.edit("compose/stack.yaml", "${SERVER_IMAGE:-stackctl/server:dev}", "${SERVER_IMAGE:-"+name+":one}")
	p.localSecrets()
	e := localEngine(t, ctx)
	for _, tag := range []string{"one", "two"} {
		file := filepath.Join(p.root, tag+".tar")
		if err := variant.Image(filepath.Join(repo, "build", "images", "server.tar"), file, name+":"+tag); err != nil {
			t.Fatal(err)
		}
		loadArchive(t, ctx, e, file)
	}
	for _, archive := range []string{"traefik", "postgres", "redis"} {
		loadArchive(t, ctx, e, filepath.Join(repo, "build", "images", archive+".tar"))
	}
	t.Cleanup(func() {
		removeLocal(t, e, name)
		_ = exec.Command("docker", "rmi", "-f", name+":one", name+":two").Run()
	})
	before := aloneProject(t, ctx, filepath.Join(p.root, "compose", "stack.yaml"), name)
	up(t, ctx, before)
	p.edit("compose/stack.yaml", name+":one", name+":two")
	after := aloneProject(t, ctx, filepath.Join(p.root, "compose", "stack.yaml"), name)
	out, err := exec.Command("docker", "port", name+"-traefik-1", "443/tcp").Output()
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(strings.Split(string(out), "\n")[0])
	s := load.Site{Domain: domain, Address: address}
	var visitor *load.User
	until(t, 30*time.Second, "the site answers", func() bool {
		visitor, err = s.SignUp(ctx)
		return err == nil
	})
	l := load.Start(ctx, visitor.Options(rate))
	quiet(t, l)
	began := time.Now()
	up(t, ctx, after)
	took := time.Since(began)
	// A site that does not come back under load is a result, too.
	enough := l.Answered() + 2*rate
	for end := time.Now().Add(time.Minute); l.Answered() < enough && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	return l.Stop(), took
}

// up is `docker compose up -d --wait`.
func up(t *testing.T, ctx context.Context, p *types.Project) {
	t.Helper()
	if err := composeup.Up(ctx, p, 3*time.Minute); err != nil {
		t.Fatal(err)
	}
}

// localEngine is this machine's own engine.
func localEngine(t *testing.T, ctx context.Context) *engine.Engine {
	t.Helper()
	e, err := engine.Open(ctx, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", "/var/run/docker.sock")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func loadArchive(t *testing.T, ctx context.Context, e *engine.Engine, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Load(ctx, f)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
}

// localSecrets makes the secrets readable for the containers of this machine:
// they read single secrets through their own mounts.
func (p project) localSecrets() {
	p.t.Helper()
	for _, s := range strings.Fields("postgres_password db_api_password db_admin_password db_worker_password db_scheduler_password db_jobs_ui_password redis_password app_secret staff_htpasswd smtp_password oauth_client_secret") {
		p.write("local/"+s, read(p.t, filepath.Join(on(p.t).secrets, s)))
		if err := os.Chmod(filepath.Join(p.root, "local", s), 0o444); err != nil {
			p.t.Fatal(err)
		}
	}
	p.write("compose/stack.yaml", strings.ReplaceAll(read(p.t, filepath.Join(p.root, "compose/stack.yaml")), "../secrets/", "../local/"))
}

// removeLocal removes a project of this machine with its volumes and networks.
func removeLocal(t *testing.T, e *engine.Engine, name string) {
	t.Helper()
	end, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := e.Remove(end, name); err != nil {
		t.Error(err)
	}
	for _, kind := range []string{"volume", "network"} {
		list, _ := exec.Command("docker", kind, "ls", "-q", "--filter", "label=com.docker.compose.project="+name).Output()
		for _, id := range strings.Fields(string(list)) {
			_ = exec.Command("docker", kind, "rm", id).Run()
		}
	}
}
