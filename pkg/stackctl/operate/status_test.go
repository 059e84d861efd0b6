package operate

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

func TestHealthNamesWhatIsNotWell(t *testing.T) {
	well := func(service, release string) stack.Container {
		return stack.Container{Service: service, Release: release, State: "running", Health: "healthy"}
	}
	kept := stack.Release{Services: []stack.Service{{Name: "api", Deployed: true}, {Name: "db", Deployed: true}, {Name: "ops"}, {Name: "migrate", Deployed: true, OneShot: true}}}
	good := []stack.Container{well("api", "new"), well("db", ""), {Service: "api", Release: "old", State: "exited"}}
	sum := func(list []stack.Container) Health {
		var out []Container
		for _, c := range list {
			out = append(out, judge(c, kept, time.Time{}))
		}
		return health("new", kept, out)
	}
	if h := sum(good); h.State != "good" || h.Services != 2 || h.Healthy != 2 || h.Running != 2 {
		t.Errorf("%+v", h)
	}
	for name, c := range map[string]struct {
		containers []stack.Container
		want       string
	}{
		"stopped":    {[]stack.Container{well("api", "new"), {Service: "db", State: "exited", ExitCode: 3}}, "db is exited (exit code 3)"},
		"unhealthy":  {[]stack.Container{{Service: "api", Release: "new", State: "running", Health: "unhealthy"}, well("db", "")}, "api is unhealthy"},
		"ended well": {[]stack.Container{well("api", "new"), {Service: "db", State: "exited", Health: "healthy", ExitCode: 127}}, "db is exited (exit code 127)"},
		"paused":     {[]stack.Container{well("api", "new"), {Service: "db", State: "paused", Health: "unhealthy"}}, "db is paused"},
		"removed":    {[]stack.Container{well("db", "")}, "api has no container"},
	} {
		if h := sum(c.containers); h.State != "bad" || h.Healthy > 1 || len(h.Problems) != 1 || h.Problems[0] != c.want || len(h.Advice) != 1 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	if h := health("", stack.Release{}, nil); h.State != "none" {
		t.Errorf("nothing serves: %+v", h)
	}
}

func TestWhatRunsAndIsNotReachedIsNotHealthy(t *testing.T) {
	c := func() stack.Container {
		return stack.Container{Project: "shop-new", Service: "api", Release: "new", Layer: stack.LayerApp, State: "running", Health: "healthy", Networks: []string{"shop_data"},
			Labels: map[string]string{stack.LabelProject: "shop", stack.LabelDefinition: "api-2"}}
	}
	kept := stack.Release{ID: "new", Project: "shop", Networks: []stack.Network{{Name: "data"}, {Name: "others", External: true}},
		Services: []stack.Service{{Name: "api", Layer: stack.LayerApp, Deployed: true, Definition: "api-2", Networks: []string{"data", "others"}}}}
	if got := judge(c(), kept, time.Time{}); got.Problem != "" || got.Health != "healthy" {
		t.Errorf("on its network: %+v", got)
	}
	off := c()
	off.Networks = []string{"bridge"}
	got := judge(off, kept, time.Time{})
	if got.Problem != "is off network data: nothing reaches it there" || got.Health != HealthUnreachable || !slices.Equal(got.OffNetworks, []string{"data"}) {
		t.Errorf("off its network: %+v", got)
	}
	h := health("new", stack.Release{}, []Container{got})
	if h.State != "bad" || h.Healthy != 0 || h.Running != 1 || len(h.Advice) != 1 || !strings.Contains(h.Advice[0], "stackctl deploy") {
		t.Errorf("%+v", h)
	}
	off.Labels[stack.LabelDefinition] = "api-1" // the networks of another definition are not known
	if got := judge(off, kept, time.Time{}); got.Problem != "" {
		t.Errorf("of another definition: %+v", got)
	}
}

func TestHealthThatNoCheckHasConfirmedIsToldWithItsAge(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		health, state string
		checked, due  time.Duration // before now; 0: never
		want, problem string
		sum           string
	}{
		"checked in time": {"healthy", "running", 30 * time.Second, -5 * time.Second, "healthy", "", "good"},
		"long ago":        {"healthy", "running", 3*time.Hour + 5*time.Minute, 3 * time.Hour, HealthStale, "was healthy 3 h 5 min ago; no health check has run since", "unknown"},
		"ill then":        {"unhealthy", "running", time.Hour, 59 * time.Minute, "unhealthy", "was unhealthy 1 h 0 min ago; no health check has run since", "bad"},
		"never":           {"starting", "running", 0, time.Hour, "starting", "is starting; no health check has run since its start 2 h 0 min ago", "bad"},
		"no health check": {"none", "running", 0, 0, "none", "", "good"},
	} {
		in := stack.Container{Service: "api", State: c.state, Health: c.health, Started: now.Add(-2 * time.Hour)}
		if c.checked != 0 {
			in.Checked = now.Add(-c.checked)
		}
		if c.due != 0 {
			in.CheckDue = now.Add(-c.due)
		}
		got := judge(in, stack.Release{}, now)
		if got.Health != c.want || got.Problem != c.problem {
			t.Errorf("%s: %s, %q", name, got.Health, got.Problem)
		}
		h := health("new", stack.Release{}, []Container{got})
		if h.State != c.sum || (h.Healthy == 1) != (c.want == "healthy") || (h.Unchecked == 1) != (c.want == "none") || (len(h.Advice) > 0) != (c.sum != "good") {
			t.Errorf("%s: %+v", name, h)
		}
		if untold := judge(in, stack.Release{}, time.Time{}); untold.Health != c.health {
			t.Errorf("%s, by no clock: %+v", name, untold)
		}
	}
}

// edgeOf is a target whose edge is a TLS server of this test, for example.com.
func edgeOf(t *testing.T) (stack.Target, *x509.Certificate) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	address := s.Listener.Addr().(*net.TCPAddr)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return stack.Target{Domain: "example.com", Edge: stack.Edge{Address: "127.0.0.1", HTTPSPort: address.Port}, ACME: stack.ACME{Roots: roots}}, s.Certificate()
}

func TestCertificatesAreReadAtTheEdgesOwnAddress(t *testing.T) {
	target, served := edgeOf(t)
	now := served.NotAfter.Add(-10*24*time.Hour - time.Hour)
	kept := stack.Release{ID: "r", Edge: stack.EdgeConfig{Routes: []stack.Route{
		{Hosts: []string{"example.com"}, Resolver: "le"}, {Hosts: []string{"www.example.com"}, Resolver: "le"}, {Hosts: []string{"inside.example.com"}}}}}
	got := certificates(t.Context(), target, kept, now)
	if len(got) != 2 || got[0].Host != "example.com" || got[1].Host != "www.example.com" {
		t.Fatalf("%+v", got)
	}
	for _, c := range got {
		// The server of httptest signs itself, which is told; the days are right all the same.
		if c.DaysLeft != 10 || !c.Until.Equal(served.NotAfter) || c.Problem != "it is signed by itself" {
			t.Errorf("%+v", c)
		}
	}
	target.Edge.HTTPSPort = 1
	if c := certificate(t.Context(), target, "example.com", now); !strings.HasPrefix(c.Problem, "no answer") {
		t.Errorf("%+v", c)
	}
	if got := certificates(t.Context(), target, stack.Release{}, now); len(got) != 0 {
		t.Errorf("without a release: %+v", got)
	}
}

func TestACertificateIsDistrusted(t *testing.T) {
	target, served := edgeOf(t)
	chain := []*x509.Certificate{served}
	within := served.NotBefore.Add(time.Hour)
	for name, c := range map[string]struct {
		host string
		now  time.Time
		want string
	}{
		"another name": {"other.org", within, "it is for another name"},
		"expired":      {"example.com", served.NotAfter.Add(time.Second), "it has expired"},
		"too early":    {"example.com", served.NotBefore.Add(-time.Second), "it is not valid yet"},
		"self-signed":  {"example.com", within, "it is signed by itself"},
	} {
		if got := distrust(target, c.host, chain, c.now); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	// A leaf that somebody else signed chains to the target's roots, or does not.
	leaf, ca := issued(t)
	roots := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := distrust(target, "example.com", []*x509.Certificate{leaf}, time.Now()); got != "it does not chain to the target's roots" {
		t.Errorf("of a stranger: %q", got)
	}
	target.ACME.Roots = roots
	if got := distrust(target, "example.com", []*x509.Certificate{leaf}, time.Now()); got != "" {
		t.Errorf("of the target's own: %q", got)
	}
}

func TestTheLastBackupIsTheNewestOnTheHost(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	list := []backup.Listed{
		{Record: backup.Record{Name: "here alone", Created: day.Add(2 * time.Hour)}, Local: true},
		{Record: backup.Record{Name: "cut", Created: day.Add(time.Hour), Bytes: 5}, Host: true, HostBytes: 3, Problem: "truncated"},
		{Record: backup.Record{Name: "older", Created: day, Bytes: 5}, Host: true, HostBytes: 5},
	}
	if b := newestOnHost(list); b == nil || *b != (Backup{"cut", day.Add(time.Hour), 3, "truncated"}) {
		t.Errorf("%+v", b)
	}
	if b := newestOnHost(list[:1]); b != nil {
		t.Errorf("with none on the host: %+v", b)
	}
}

// hashing is a server whose files have the given sums.
type hashing struct {
	node.Server
	sums map[string]string
}

func (h hashing) Hashes(_ context.Context, root string, paths []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range paths {
		if sum := h.sums[root+"/"+p]; sum != "" {
			out[p] = sum
		}
	}
	return out, nil
}

func TestWhatIsKeptBadlyOfTheLiveReleaseIsSaid(t *testing.T) {
	target := stack.Target{Path: "/srv/shop"}
	good := stack.ReleaseRecord{ID: "aaaa", State: stack.ReleaseGood, Files: map[string]string{"app.yaml": "sum"}}
	there := map[string]string{"/srv/shop/releases/aaaa/app.yaml": "sum"}
	for name, c := range map[string]struct {
		seen stack.Observed
		sums map[string]string
		want string
	}{
		"as it was":     {stack.Observed{Live: "aaaa", Releases: []stack.ReleaseRecord{good}}, there, ""},
		"nothing lives": {stack.Observed{}, nil, ""},
		"no folder":     {stack.Observed{Live: "aaaa"}, there, "keeps nothing of release aaaa"},
		"no file":       {stack.Observed{Live: "aaaa", Releases: []stack.ReleaseRecord{good}}, nil, "app.yaml is gone"},
		"garbled":       {stack.Observed{Live: "aaaa", Releases: []stack.ReleaseRecord{{ID: "aaaa", State: stack.ReleaseUnreadable, Reason: "it is cut"}}}, there, "it is cut"},
	} {
		got := filesProblem(t.Context(), hashing{sums: c.sums}, target, c.seen)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) || got != "" && !strings.Contains(got, "deploy that release again") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
