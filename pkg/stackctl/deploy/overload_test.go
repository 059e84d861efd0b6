package deploy

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// busy is a server with an edge at an address of this machine.
type busy struct {
	node.Server
	edge stack.Container
	load string
}

func (b busy) Containers(context.Context) ([]stack.Container, error) {
	return []stack.Container{b.edge}, nil
}

func (busy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func (b busy) Run(context.Context, ...string) (stack.Output, error) {
	return stack.Output{Stdout: []byte(b.load)}, nil
}

func TestAnEdgeThatAnswersIsLeftAsItIs(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer api.Close()
	answers := netip.MustParseAddrPort(api.Listener.Addr().String()).Port()
	for name, c := range map[string]struct {
		health string
		port   uint16
		want   string
	}{
		"it answers late":             {"unhealthy", answers, "healthy"},
		"it was paused for a moment":  {"starting", answers, "healthy"},
		"it does not answer":          {"unhealthy", 1, "unhealthy"},
		"it is as it should be":       {"healthy", answers, "healthy"},
		"nobody looks after it":       {"none", answers, "none"},
		"it is new, and does nothing": {"starting", 1, "starting"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			d := &Deployer{Now: time.Now, Config: stack.Config{Project: "shop", Traefik: stack.Traefik{Service: "edge", APIPort: int(c.port)}}}
			edge := stack.Container{Project: "shop", Service: "edge", Layer: stack.LayerEdge, State: "running", Health: c.health, Addresses: map[string]string{"edge": "127.0.0.1"}}
			x := &executor{story: d.begin("deploy"), server: busy{edge: edge}, want: Wanted{Release: stack.Release{Project: "shop"}}}
			x.seen.Containers = []stack.Container{edge}
			x.spareEdge(ctx)
			if got := x.seen.Containers[0].Health; got != c.want {
				t.Errorf("it counts as %s, want %s", got, c.want)
			}
		})
	}
}

func TestALoadAboveTwiceTheCoresIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"39.12 20.00 8.11 9/812 4711\n": "a load average of 39.12 on 2 cores",
		"3.99 3.00 2.00 1/100 1\n":      "",
		"":                              "",
		"what\n":                        "",
	} {
		if got := overloaded(t.Context(), busy{load: text}, 2); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
