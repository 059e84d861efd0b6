//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/test/composeup"
)

// TestTheComposeFileAloneBringsTheStackUp runs compose/stack.yaml as one project
// on this machine's own engine, as `docker compose up` does. Only the published
// ports differ: they are free ones on loopback.
func TestTheComposeFileAloneBringsTheStackUp(t *testing.T) {
	const name = "stack-alone"
	p := newProject(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	e := localEngine(t, ctx)
	for _, archive := range []string{"traefik", "postgres", "redis", "server"} {
		loadArchive(t, ctx, e, filepath.Join(repo, "build", "images", archive+".tar"))
	}
	p.localSecrets()
	t.Cleanup(func() { removeLocal(t, e, name) })
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
	raw, err := aloneProject(t, ctx, file, name).MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// aloneProject is the file as one project, published on free ports of loopback.
func aloneProject(t *testing.T, ctx context.Context, file, name string) *types.Project {
	t.Helper()
	project, err := composeup.Project(ctx, file, name)
	if err != nil {
		t.Fatal(err)
	}
	return project
}
