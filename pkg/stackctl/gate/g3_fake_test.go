package gate

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

const (
	fakeRelease = "0123456789ab"
	fakeCommit  = "8f6d5f0c1f2e3d4c5b6a79880123456789abcdef"
	fakeDomain  = "site.example.com"
)

// fakeServer is the server side of a deployment, made of functions.
type fakeServer struct {
	containers []stack.Container
	run        func(argv []string) (stack.Output, error)
	exec       func(container string, argv []string) (stack.Output, error)
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
}

func (f *fakeServer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f.dial(ctx, network, address)
}
func (f *fakeServer) Run(_ context.Context, argv ...string) (stack.Output, error) { return f.run(argv) }
func (f *fakeServer) Containers(context.Context) ([]stack.Container, error) {
	return f.containers, nil
}
func (f *fakeServer) Exec(_ context.Context, container string, argv ...string) (stack.Output, error) {
	return f.exec(container, argv)
}

// fakeSink keeps artifacts.
type fakeSink struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (k *fakeSink) Artifact(name string, content []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept[name] = append([]byte(nil), content...)
	return nil
}

// fakeDeployment is a good deployment: one real HTTP server for the
// containers, one real HTTPS server for the edge, both of the same site.
type fakeDeployment struct {
	Subject
	site   *fakeSite
	server *fakeServer
	sink   *fakeSink
}

func goodDeployment(t testing.TB) *fakeDeployment {
	t.Helper()
	contract, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	site := newFakeSite(t, contract)
	inside := httptest.NewServer(site)
	t.Cleanup(inside.Close)
	edge := httptest.NewUnstartedServer(http.HandlerFunc(site.edge))
	edge.EnableHTTP2 = true
	edge.StartTLS()
	t.Cleanup(edge.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: edge.Certificate().Raw})
	if err := os.WriteFile(roots, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	d := &fakeDeployment{site: site, sink: &fakeSink{kept: map[string][]byte{}}}
	d.server = &fakeServer{
		run:  func([]string) (stack.Output, error) { return stack.Output{Exit: 1}, nil },
		exec: func(string, []string) (stack.Output, error) { return stack.Output{Exit: 127}, nil },
		dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var n net.Dialer
			return n.DialContext(ctx, network, inside.Listener.Addr().String())
		},
	}
	for _, name := range []string{"api", "web", "admin", "worker", "scheduler", "jobs-ui"} {
		d.server.containers = append(d.server.containers, stack.Container{
			ID: "id-" + name, Name: "stack-" + fakeRelease + "-" + name + "-1", Service: name, Release: fakeRelease,
			State: "running", Health: "healthy", Addresses: map[string]string{"stack_app": "172.20.0.2"},
		})
		d.Release.Services = append(d.Release.Services, stack.Service{Name: name})
	}
	d.server.containers = append(d.server.containers, stack.Container{ID: "id-postgres", Service: "postgres", Project: "stack", State: "running"})
	d.Config.Contract = stack.Contract{Prefix: "/api", Service: "api", Command: []string{"/server", "openapi"}}
	d.Config.Gates.Auth.Header = "X-CSRF-Token"
	d.Target = stack.Target{Host: "127.0.0.1", Domain: fakeDomain, ACME: stack.ACME{Roots: roots}}
	_, port, err := net.SplitHostPort(edge.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(port, &d.Target.Edge.HTTPSPort); err != nil {
		t.Fatal(err)
	}
	d.Release.ID, d.Release.Commit, d.Release.Project, d.Release.Domain = fakeRelease, fakeCommit, "stack", fakeDomain
	d.Release.Contract = contract
	d.Release.Images = []stack.Image{{Reference: "stackctl/server:dev", Services: []string{"api", "web", "worker"}, Revision: fakeCommit}}
	d.Release.Edge.Routes = []stack.Route{
		{Name: "api", Rule: "Host(`" + fakeDomain + "`) && PathPrefix(`/api/`)", Hosts: []string{fakeDomain}, Service: "api", Port: 8000, Middlewares: []string{"strip-api"}},
		{Name: "web", Rule: "Host(`" + fakeDomain + "`)", Hosts: []string{fakeDomain}, Service: "web", Port: 8080},
		{Name: "jobs", Rule: "Host(`jobs." + fakeDomain + "`)", Hosts: []string{"jobs." + fakeDomain}, Service: "jobs-ui", Port: 8082},
	}
	d.Release.Edge.Dynamic = []stack.File{{Content: []byte("http: {middlewares: {strip-api: {stripPrefix: {prefixes: [/api]}}}}")}}
	d.Server, d.Outside, d.Artifacts, d.All = d.server, &net.Dialer{}, d.sink, true
	return d
}

// passes fails the test unless the gate passes.
func passes(t *testing.T, g Gate, s Subject) Answer {
	t.Helper()
	a, err := g.Check(t.Context(), s)
	if err != nil {
		t.Fatalf("could not judge: %v", err)
	}
	for _, f := range a.Findings {
		t.Errorf("finding on a good deployment: %+v", f)
	}
	if a.Inspected == 0 {
		t.Error("inspected nothing")
	}
	return a
}

// catches fails the test unless the gate finds something whose text holds want.
func catches(t *testing.T, g Gate, s Subject, want string) {
	t.Helper()
	a, err := g.Check(t.Context(), s)
	text := ""
	for _, f := range a.Findings {
		text += fmt.Sprintf("%s: %s; expected %s, observed %s\n", f.Subject, f.Problem, f.Expected, f.Observed)
	}
	if len(a.Findings) == 0 {
		t.Fatalf("missed (err %v)", err)
	}
	if !strings.Contains(text, want) {
		t.Errorf("findings do not hold %q (err %v):\n%s", want, err, text)
	}
}
