package serve

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
)

func TestClientIP(t *testing.T) {
	edge := []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                    {"203.0.113.7:1", nil, "203.0.113.7"},
		"a client that claims":        {"203.0.113.7:1", []string{"10.0.0.1"}, "203.0.113.7"},
		"through the edge":            {"172.18.0.2:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"claims through the edge":     {"172.18.0.2:1", []string{"10.0.0.1, 203.0.113.7"}, "203.0.113.7"},
		"claims to be inside":         {"172.18.0.2:1", []string{"10.0.0.1, 172.18.0.9, 203.0.113.7"}, "203.0.113.7"},
		"two headers":                 {"172.18.0.2:1", []string{"10.0.0.1", "203.0.113.7"}, "203.0.113.7"},
		"the edge's header is gone":   {"172.18.0.2:1", nil, "172.18.0.2"},
		"no address":                  {"172.18.0.2:1", []string{"nonsense"}, "172.18.0.2"},
		"IPv6":                        {"172.18.0.2:1", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv4 in IPv6":                {"[::ffff:172.18.0.2]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"all hops are inside proxies": {"172.18.0.2:1", []string{"172.18.0.5"}, "172.18.0.5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.peer
			for _, v := range c.forwarded {
				r.Header.Add("X-Forwarded-For", v)
			}
			if got := ClientIP(r, edge); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	var log bytes.Buffer
	failed := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	tracer := NewTracer(slog.New(slog.NewJSONHandler(&log, nil)), prometheus.NewRegistry(), noop.NewTracerProvider(), nil, failed)
	w := httptest.NewRecorder()
	tracer.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "boom") || w.Header().Get("X-Request-Id") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), w.Header().Get("X-Request-Id")) {
		t.Errorf("log %s", log.String())
	}
}
