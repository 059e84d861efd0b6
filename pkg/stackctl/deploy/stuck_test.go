package deploy

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestAnEdgeThatFinishesNoRequestIsStartedAnew(t *testing.T) {
	hang := make(chan struct{})
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != nobodysHost {
			t.Errorf("it is asked for %s", r.Host)
		}
		switch r.TLS.ServerName {
		case "hangs.example":
			<-hang // as where its log is read no more
		case "late.example":
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("half"))
			w.(http.Flusher).Flush()
			<-hang
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer site.Close()
	defer close(hang)
	port := uint32(netip.MustParseAddrPort(site.Listener.Addr().String()).Port())
	for name, c := range map[string]struct {
		domain, health, load string
		port                 uint32
		want                 string
	}{
		"it hangs":                      {"hangs.example", "healthy", "0.10 0 0", port, "unhealthy"},
		"it hangs, and nobody looks":    {"hangs.example", "none", "0.10 0 0", port, "unhealthy"},
		"it ends no answer":             {"late.example", "healthy", "0.10 0 0", port, "unhealthy"},
		"it answers":                    {"site.example", "healthy", "0.10 0 0", port, "healthy"},
		"the server is overloaded":      {"hangs.example", "healthy", "90.10 0 0", port, "healthy"},
		"nothing listens at port 443":   {"site.example", "healthy", "0.10 0 0", 1, "healthy"},
		"it is known to be ill already": {"hangs.example", "unhealthy", "0.10 0 0", port, "unhealthy"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Deployer{Now: time.Now, Config: stack.Config{Project: "shop"}, Target: stack.Target{Domain: c.domain}}
			edge := stack.Container{Project: "shop", Service: "edge", Layer: stack.LayerEdge, State: "running", Health: c.health, Addresses: map[string]string{"edge": "127.0.0.1"},
				Ports: []stack.Port{{Published: "443", Target: c.port, Protocol: "tcp"}}}
			x := &executor{story: d.begin("deploy"), server: busy{edge: edge, load: c.load}, want: Wanted{Release: stack.Release{Project: "shop"}}}
			x.seen.Containers, x.seen.Host.CPUs = []stack.Container{edge}, 2
			x.markStuck(t.Context(), 200*time.Millisecond)
			if got := x.seen.Containers[0].Health; got != c.want {
				t.Errorf("it counts as %s, want %s", got, c.want)
			}
		})
	}
}
