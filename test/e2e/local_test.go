//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/engine"
)

// TestTheComposeFileAloneBringsTheStackUp runs compose/stack.yaml as one project
// on this machine's own engine, as `docker compose up` does. Only the published
// ports differ: they are free ones on loopback.
func TestTheComposeFileAloneBringsTheStackUp(t *testing.T) {
	const name = "stack-alone"
	p := newProject(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	e, err := engine.Open(ctx, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", "/var/run/docker.sock")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	for _, archive := range []string{"traefik", "postgres", "redis", "server"} {
		f, err := os.Open(filepath.Join(repo, "build", "images", archive+".tar"))
		if err != nil {
			t.Fatal(err)
		}
		err = e.Load(ctx, f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Containers read single secrets through their own mounts.
	for _, s := range strings.Fields("postgres_password redis_password app_secret staff_htpasswd smtp_password oauth_client_secret") {
		p.write("local/"+s, read(t, filepath.Join(secrets, s)))
		if err := os.Chmod(filepath.Join(p.root, "local", s), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(read(t, filepath.Join(p.root, "compose/stack.yaml")), "../secrets/", "../local/")
	p.write("compose/stack.yaml", text)
	t.Cleanup(func() {
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
	})
	if _, err := e.Up(ctx, name, alone(t, ctx, filepath.Join(p.root, "compose", "stack.yaml"), name), nil, nil); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("docker", "port", name+"-traefik-1", "443/tcp").Output()
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(strings.Split(string(out), "\n")[0])
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // no authority reaches this machine: Traefik's own certificate
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}}
	t.Cleanup(c.CloseIdleConnections)
	until(t, 30*time.Second, "the site answers", func() bool { return serves(t, c) })
}

// alone resolves the file as Compose would, without any setting.
func alone(t *testing.T, ctx context.Context, file, name string) []byte {
	t.Helper()
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file}}, Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SetProjectName(name, true)
		o.ResolvePaths = true
	})
	if err != nil {
		t.Fatal(err)
	}
	edge := project.Services["traefik"]
	for i := range edge.Ports {
		edge.Ports[i].HostIP, edge.Ports[i].Published = "127.0.0.1", ""
	}
	project.Services["traefik"] = edge
	raw, err := project.MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
