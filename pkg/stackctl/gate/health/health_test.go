package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

func TestHealthPassesOnAGoodDeployment(t *testing.T) {
	for _, g := range []gate.Gate{Inside(), Public()} {
		d := gatetest.GoodDeployment(t)
		a := gatetest.Passes(t, g, d.Subject)
		if a.Inspected != 90 || len(a.Latencies) != 3 {
			t.Errorf("%s: %d samples of %d endpoints", g.Phase, a.Inspected, len(a.Latencies))
		}
		if d.Site.Asked["/health/ready"] != 30 {
			t.Errorf("%s: asked %v", g.Phase, d.Site.Asked)
		}
		var kept struct {
			Endpoints []struct {
				P95 time.Duration `json:"p95_ns"`
			} `json:"endpoints"`
		}
		if err := json.Unmarshal(d.Sink.Kept[artifact], &kept); err != nil || len(kept.Endpoints) != 3 || kept.Endpoints[0].P95 <= 0 {
			t.Errorf("artifact: %v %s", err, d.Sink.Kept[artifact])
		}
	}
}

func TestHealthToleratesARateLimit(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	var n atomic.Int32
	d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/health/ready" && n.Add(1) == 7 {
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		return false
	}
	if a := gatetest.Passes(t, Public(), d.Subject); len(a.Attempts) != 1 {
		t.Errorf("attempts %v", a.Attempts)
	}
}

func TestHealthToleratesOneSlowAnswerInThirty(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Config.Gates.Health = []stack.HealthEndpoint{{Path: "/api/health/live", Samples: 30, P95: 500 * time.Millisecond}}
	var n atomic.Int32
	d.Site.Wrap = func(http.ResponseWriter, *http.Request) bool {
		if n.Add(1) == 5 {
			time.Sleep(600 * time.Millisecond)
		}
		return false
	}
	gatetest.Passes(t, Inside(), d.Subject)
}

func TestHealthCatches(t *testing.T) {
	ready := func(change func(m map[string]any)) func(d *gatetest.Deployment) {
		return func(d *gatetest.Deployment) { change(d.Site.Ready) }
	}
	wrap := func(w func(w http.ResponseWriter, r *http.Request, n int) bool) func(d *gatetest.Deployment) {
		return func(d *gatetest.Deployment) {
			var n atomic.Int32
			d.Site.Wrap = func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/health/ready" {
					return false
				}
				return w(rw, r, int(n.Add(1)))
			}
		}
	}
	short := func(f func(d *gatetest.Deployment)) func(d *gatetest.Deployment) {
		return func(d *gatetest.Deployment) {
			d.Config.Gates.Health = []stack.HealthEndpoint{{Path: "/api/health/ready", P95: 60 * time.Millisecond, Release: "release", Status: "status"}}
			f(d)
		}
	}
	for name, m := range map[string]struct {
		change func(d *gatetest.Deployment)
		want   string
	}{
		"another release":    {ready(func(m map[string]any) { m["release"] = "ffffffffffff" }), "release is"},
		"another commit":     {ready(func(m map[string]any) { m["commit"] = "ffffffffffffffffffff" }), "commit is"},
		"no commit":          {ready(func(m map[string]any) { delete(m, "commit") }), "commit is missing"},
		"status unavailable": {ready(func(m map[string]any) { m["status"] = "unavailable" }), "status is"},
		"no status":          {ready(func(m map[string]any) { delete(m, "status") }), "status is missing"},
		"redis not named":    {ready(func(m map[string]any) { delete(m["checks"].(map[string]any), "redis") }), "redis is not named"},
		"database unavailable": {ready(func(m map[string]any) {
			m["checks"].(map[string]any)["database"] = map[string]any{"status": "unavailable"}
		}), "dependency database"},
		"another dependency is down": {ready(func(m map[string]any) {
			m["checks"].(map[string]any)["mail"] = "down"
		}), "dependency mail"},
		"every answer 500": {wrap(func(w http.ResponseWriter, _ *http.Request, _ int) bool { w.WriteHeader(500); return true }), "answered 500"},
		"every tenth answer 503": {wrap(func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n%10 != 0 {
				return false
			}
			w.WriteHeader(503)
			return true
		}), "answered 503"},
		"one answer without Redis": {wrap(func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n != 13 {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(503)
			fmt.Fprint(w, `{"status":"unavailable","checks":{"database":{"status":"ok"},"redis":{"status":"unavailable"},"schema":{"status":"ok","version":1}}}`)
			return true
		}), `answered 503, dependency redis is "unavailable"`},
		"redirect": {wrap(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Redirect(w, r, "/", http.StatusFound)
			return true
		}), "answered 302"},
		"HTML": {wrap(func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<p>ok")
			return true
		}), "not JSON"},
		"array": {wrap(func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "[]")
			return true
		}), "not one JSON object"},
		"closes the connection": {wrap(func(http.ResponseWriter, *http.Request, int) bool { panic(http.ErrAbortHandler) }), "requests fail"},
		"half an answer": {wrap(func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
			return true
		}), "did not end"},
		"one in ten is slow": {short(wrap(func(_ http.ResponseWriter, _ *http.Request, n int) bool {
			if n%10 == 0 {
				time.Sleep(80 * time.Millisecond)
			}
			return false
		})), "95th percentile"},
		"trickles": {short(wrap(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-time.After(20 * time.Millisecond):
				case <-r.Context().Done():
				}
			}
			return true
		})), "did not end: no answer in time"},
		"always 429": {wrap(func(w http.ResponseWriter, _ *http.Request, _ int) bool { w.WriteHeader(429); return true }), "answered 429"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := gatetest.GoodDeployment(t)
			m.change(d)
			gatetest.Catches(t, Inside(), d.Subject, m.want)
		})
	}
}

func TestHealthOfAnotherReleaseThroughTheEdge(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Site.Ready["release"] = "ffffffffffff"
	gatetest.Catches(t, Public(), d.Subject, "release is")
}

func TestHealthFromACacheIsNoHealth(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Site.Wrap = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Age", "37")
		return false
	}
	gatetest.Catches(t, Public(), d.Subject, "from a cache, 37 s old")
}

func TestHealthWithoutAContainerIsNoPass(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Fake.List = nil
	if a, err := Inside().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged without a container: %+v", a)
	}
	d = gatetest.GoodDeployment(t)
	d.Fake.List[0].Release = "ffffffffffff"
	if a, err := Inside().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged another release: %+v", a)
	}
}

func TestHealthRank(t *testing.T) {
	for n, want := range map[int]int{1: 1, 19: 19, 20: 19, 30: 29, 40: 38, 100: 95} {
		if got := probe.Rank(n); got != want {
			t.Errorf("rank of %d is %d, want %d", n, got, want)
		}
	}
}

func TestHealthComparesCommits(t *testing.T) {
	for _, m := range []struct {
		got  any
		want string
		same bool
	}{
		{gatetest.Commit, gatetest.Commit, true}, {gatetest.Commit[:7], gatetest.Commit, true}, {gatetest.Commit + "-dirty", gatetest.Commit + "+changes", true},
		{gatetest.Commit, gatetest.Commit[:12], true}, {"unknown", gatetest.Commit, false}, {"", gatetest.Commit, false}, {nil, gatetest.Commit, false},
		{gatetest.Commit[:6], gatetest.Commit, false}, {"ffffffff", gatetest.Commit, false},
	} {
		if got := sameCommit(m.got, m.want); got != m.same {
			t.Errorf("%v and %s: %v", m.got, m.want, got)
		}
	}
	d := gatetest.GoodDeployment(t)
	d.Release.Images[0].Revision, d.Site.Ready["commit"] = "unknown", "unknown" // no git where it was built
	gatetest.Passes(t, Inside(), d.Subject)
}

// TestAServiceIsAskedInTheProtocolThatItsRouteNames asks inside, where no edge
// translates: HTTP/2 without TLS, and TLS with a certificate of its own.
func TestAServiceIsAskedInTheProtocolThatItsRouteNames(t *testing.T) {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	h2c := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h2c.Config.Protocols = &protocols
	h2c.Start()
	t.Cleanup(h2c.Close)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(secure.Close)
	for scheme, server := range map[string]*httptest.Server{"h2c": h2c, "https": secure} {
		d := gatetest.GoodDeployment(t)
		d.Config.Gates.Health = nil
		d.Config.Routes = []stack.RouteSpec{{Service: "web", Port: 80, Scheme: scheme}}
		d.Fake.OnDial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			var n net.Dialer
			return n.DialContext(ctx, network, server.Listener.Addr().String())
		}
		gatetest.Passes(t, Inside(), d.Subject)
		d.Config.Routes[0].Scheme = ""
		if a, err := Inside().Check(t.Context(), d.Subject); scheme == "h2c" && (err != nil || len(a.Findings) == 0) {
			t.Errorf("asked in HTTP/1.1 it answers all the same: %v, %v", a.Findings, err)
		}
	}
}

func TestAServiceThatListensElsewhereIsToldSo(t *testing.T) {
	for text, want := range map[string]string{
		`open tcp 172.18.0.3:8080 on deploy@203.0.113.7: ssh: rejected: connect failed ("Connection refused")`: "0.0.0.0",
		"dial tcp 172.18.0.3:8080: connect: connection refused":                                                "0.0.0.0",
		"connection reset by peer": "read the service's log",
	} {
		r := record{Statuses: map[string]int{}, Failures: map[string]int{}}
		r.add(gate.Subject{}, look{}, probe.Reply{}, errors.New(text))
		if found := judge(r, look{}); len(found) != 1 || !strings.Contains(found[0].Fix, want) || strings.Contains(found[0].Observed, "172.18") {
			t.Errorf("%s: %+v", text, found)
		}
	}
}

// A program that gives up before it listens has no port to move: its log says why.
func TestAServiceThatEndsWhileItIsAwaitedIsToldSo(t *testing.T) {
	for name, change := range map[string]func(c *stack.Container){
		"started again": func(c *stack.Container) { c.Restarts++ },
		"being started": func(c *stack.Container) { c.State = "restarting" },
	} {
		t.Run(name, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Config.Gates.Health, d.Config.Timeouts.Start = nil, 2*time.Second
			gatetest.ServiceOf(&d.Subject, "web").Healthcheck = nil
			refuses := errors.New("dial tcp 172.18.0.3:80: connect: connection refused")
			d.Fake.OnDial = func(context.Context, string, string) (net.Conn, error) {
				for i := range d.Fake.List {
					if d.Fake.List[i].Service == "web" {
						change(&d.Fake.List[i])
					}
				}
				return nil, refuses
			}
			a, err := Inside().Check(t.Context(), d.Subject)
			if err != nil || len(a.Findings) != 1 {
				t.Fatalf("%+v, %v", a.Findings, err)
			}
			if f := a.Findings[0]; strings.Contains(f.Fix, "0.0.0.0") || !strings.Contains(f.Fix, "its log") || !strings.Contains(f.Observed, "ended by itself") {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A program that ends time and again is not waited for as long as one that starts.
func TestAServiceThatKeepsEndingIsNotAwaited(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Config.Gates.Health, d.Config.Timeouts.Start = nil, 30*time.Second
	gatetest.ServiceOf(&d.Subject, "web").Healthcheck = nil
	well := d.Fake.OnDial
	var asked atomic.Int64
	d.Fake.OnDial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if asked.Add(1) > 20 {
			return well(ctx, network, address) // too late
		}
		for i := range d.Fake.List {
			if d.Fake.List[i].Service == "web" {
				d.Fake.List[i].Restarts++
			}
		}
		return nil, errors.New("dial tcp 172.18.0.3:80: connect: connection refused")
	}
	if a, err := Inside().Check(t.Context(), d.Subject); err != nil || len(a.Findings) != 1 || !strings.Contains(a.Findings[0].Observed, "ended by itself") {
		t.Errorf("%+v, %v", a.Findings, err)
	}
}

// A service without a health check is ready when its route answers below 500
// (SPEC N7): many start for longer than they need to be running.
func TestAServiceWithoutAHealthCheckMayStillBeStarting(t *testing.T) {
	for name, c := range map[string]struct {
		start   time.Duration
		checked bool
		status  int
		// seen is set where it takes the place of one that visitors had.
		seen bool
		want string // empty: it passes
	}{
		"in time":                             {20 * time.Second, false, 503, false, ""},
		"not for as long as it took":          {time.Second, false, 503, false, "answered 503"},
		"its health check has spoken":         {20 * time.Second, true, 503, false, "answered 503"},
		"beside the old one":                  {20 * time.Second, false, 500, false, ""},
		"in the old one's place":              {20 * time.Second, false, 503, true, ""},
		"in the old one's place it is broken": {20 * time.Second, false, 500, true, "answered 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := gatetest.GoodDeployment(t)
			d.Config.Gates.Health, d.Config.Timeouts.Start, d.Config.Timeouts.Hold = nil, c.start, time.Second
			d.Before = &gate.Before{ID: "older"}
			web := gatetest.ServiceOf(&d.Subject, "web")
			if web.Healthcheck = nil; c.checked {
				web.Healthcheck = &stack.Healthcheck{Test: []string{"CMD", "true"}}
			}
			if c.seen {
				web.Strategy = stack.StrategyRecreate
			}
			began := time.Now()
			d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/" && time.Since(began) < 3*time.Second {
					w.WriteHeader(c.status)
					return true
				}
				return false
			}
			if c.want == "" {
				gatetest.Passes(t, Inside(), d.Subject)
				return
			}
			gatetest.Catches(t, Inside(), d.Subject, c.want)
		})
	}
}
