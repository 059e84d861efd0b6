package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhatTheHostIsToBlameForHasARemedy(t *testing.T) {
	for says, want := range map[string]string{
		"driver failed programming external connectivity on endpoint shop-edge-1: Bind for 0.0.0.0:443 failed: port is already allocated": "docker ps",
		"Error starting userland proxy: listen tcp4 0.0.0.0:443: bind: address already in use":                                            "ss -ltnp",
		`Conflict. The container name "/shop-edge-1" is already in use by container "406c". You have to remove (or rename) it`:            "somebody else's",
		"iptables --wait -t nat -A DOCKER -p tcp -d 0/0 --dport 443 -j DNAT: iptables: No chain/target/match by that name.":               "systemctl restart docker",
		"could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network":                      "docker network prune",
		"start web: Error response from daemon: Address already in use":                                                                   "the fixed address",
		"Pool overlaps with other one on this address space":                                                                              "another subnet",
		"the health check failed": "",
	} {
		if got := fixFor(errors.New(says)); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: the remedy is %q", says, got)
		}
	}
}

// TestACallThatIsNotAnsweredIsToldInPlainWords: what the client's library shows of it
// has an address that is none.
func TestACallThatIsNotAnsweredIsToldInPlainWords(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/_ping") {
			panic(http.ErrAbortHandler) // the connection ends
		}
		w.Header().Set("Api-Version", "1.41")
	}))
	t.Cleanup(server.Close)
	e, err := Open(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Containers(t.Context())
	if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "the Docker Engine did not answer: EOF") || strings.Contains(err.Error(), apiHost) {
		t.Errorf("it says %v", err)
	}
}
