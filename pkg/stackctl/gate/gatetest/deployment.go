package gatetest

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// What the good deployment is.
const (
	ReleaseID = "0123456789ab"
	Commit    = "8f6d5f0c1f2e3d4c5b6a79880123456789abcdef"
	Domain    = "site.example.com"
)

// Server is the server side of a deployment, made of functions. It cannot look
// into containers and images: RunningServer can.
type Server struct {
	List   []stack.Container
	OnRun  func(argv []string) (stack.Output, error)
	OnExec func(container string, argv []string) (stack.Output, error)
	OnDial func(ctx context.Context, network, address string) (net.Conn, error)
}

var errNoInside = errors.New("this server of a test cannot look into containers")

// Inspect returns an error.
func (f *Server) Inspect(context.Context, string) ([]byte, error) { return nil, errNoInside }

// InspectImage returns an error.
func (f *Server) InspectImage(context.Context, string) ([]byte, error) { return nil, errNoInside }

// Files returns an error.
func (f *Server) Files(context.Context, string, string) ([]stack.File, error) {
	return nil, errNoInside
}

// DialContext calls OnDial.
func (f *Server) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f.OnDial(ctx, network, address)
}

// Run calls OnRun.
func (f *Server) Run(_ context.Context, argv ...string) (stack.Output, error) { return f.OnRun(argv) }

// Containers returns List.
func (f *Server) Containers(context.Context) ([]stack.Container, error) {
	return f.List, nil
}

// Exec calls OnExec.
func (f *Server) Exec(_ context.Context, container string, argv ...string) (stack.Output, error) {
	return f.OnExec(container, argv)
}

// Sink keeps artifacts.
type Sink struct {
	mu   sync.Mutex
	Kept map[string][]byte
}

// Artifact keeps a copy.
func (k *Sink) Artifact(name string, content []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Kept[name] = append([]byte(nil), content...)
	return nil
}

// Deployment is a good deployment: one real HTTP server for the
// containers, one real HTTPS server for the edge, both of the same site.
type Deployment struct {
	gate.Subject
	Site *site
	Fake *Server
	Sink *Sink
}

// GoodDeployment starts a site that every gate passes.
func GoodDeployment(t testing.TB) *Deployment {
	t.Helper()
	contract := Contract
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
	d := &Deployment{Site: site, Sink: &Sink{Kept: map[string][]byte{}}}
	d.Fake = &Server{
		OnRun:  func([]string) (stack.Output, error) { return stack.Output{Exit: 1}, nil },
		OnExec: func(string, []string) (stack.Output, error) { return stack.Output{Exit: 127}, nil },
		OnDial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var n net.Dialer
			return n.DialContext(ctx, network, inside.Listener.Addr().String())
		},
	}
	for _, name := range []string{"api", "web", "admin", "worker", "scheduler", "jobs-ui"} {
		d.Fake.List = append(d.Fake.List, stack.Container{
			ID: "id-" + name, Name: "stack-" + ReleaseID + "-" + name + "-1", Service: name, Release: ReleaseID,
			State: "running", Health: "healthy", Addresses: map[string]string{"stack_app": "172.20.0.2"},
		})
		d.Release.Services = append(d.Release.Services, stack.Service{Name: name})
	}
	d.Fake.List = append(d.Fake.List, stack.Container{ID: "id-postgres", Service: "postgres", Project: "stack", State: "running"})
	d.Config.Contract = stack.Contract{Prefix: "/api", Service: "api", Command: []string{"/server", "openapi"}}
	d.Config.Gates = stack.Gates{
		Auth: stack.AuthGate{CSRF: "/auth/csrf", SignUp: "/auth/signup", Login: "/auth/login", Logout: "/auth/logout", Me: "/users/me",
			Cookie: "__Host-session", Header: "X-CSRF-Token"},
		Schema: stack.CommandGate{Service: "admin", Command: []string{"/server", "schema-check", "--json"}},
		Jobs:   stack.JobsGate{Service: "worker", Command: []string{"/server", "ping", "--nonce", "{nonce}", "--json"}, Scheduler: "scheduler", Dashboard: "jobs-ui"},
		Health: []stack.HealthEndpoint{
			{Path: "/api/health/ready", Release: "release", Status: "status", Dependencies: []string{"database", "redis", "schema"}},
			{Path: "/api/health/live", Status: "status"}, {Path: "/"},
		},
	}
	d.Target = stack.Target{Host: "127.0.0.1", Domain: Domain, ACME: stack.ACME{Roots: roots}}
	_, port, err := net.SplitHostPort(edge.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(port, &d.Target.Edge.HTTPSPort); err != nil {
		t.Fatal(err)
	}
	d.Release.ID, d.Release.Commit, d.Release.Project, d.Release.Domain = ReleaseID, Commit, "stack", Domain
	d.Release.Contract = contract
	d.Release.Images = []stack.Image{{Reference: "stackctl/server:dev", Services: []string{"api", "web", "worker"}, Revision: Commit}}
	d.Release.Edge.Routes = []stack.Route{
		{Name: "api", Rule: "Host(`" + Domain + "`) && PathPrefix(`/api/`)", Hosts: []string{Domain}, Service: "api", Port: 8000, Middlewares: []string{"strip-api"}},
		{Name: "web", Rule: "Host(`" + Domain + "`)", Hosts: []string{Domain}, Service: "web", Port: 8080},
		{Name: "jobs", Rule: "Host(`jobs." + Domain + "`)", Hosts: []string{"jobs." + Domain}, Service: "jobs-ui", Port: 8082},
	}
	d.Release.Edge.Dynamic = []stack.File{{Content: []byte("http: {middlewares: {strip-api: {stripPrefix: {prefixes: [/api]}}}}")}}
	d.Server, d.Outside, d.Artifacts, d.All = d.Fake, &net.Dialer{}, d.Sink, true
	return d
}

// Passes fails the test unless the gate passes.
func Passes(t *testing.T, g gate.Gate, s gate.Subject) gate.Answer {
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

// Catches fails the test unless the gate finds something whose text holds want.
func Catches(t *testing.T, g gate.Gate, s gate.Subject, want string) {
	t.Helper()
	a, err := g.Check(t.Context(), s)
	text := ""
	for _, f := range a.Findings {
		ruled(t, g, f)
		text += fmt.Sprintf("%s: %s; expected %s, observed %s\n", f.Subject, f.Problem, f.Expected, f.Observed)
	}
	if len(a.Findings) == 0 {
		t.Fatalf("missed (err %v)", err)
	}
	if !strings.Contains(text, want) {
		t.Errorf("findings do not hold %q (err %v):\n%s", want, err, text)
	}
}
