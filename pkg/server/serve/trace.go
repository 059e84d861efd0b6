package serve

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"

	"stackctl/pkg/server/app"
)

// Trace is what is told about one request when it has ended. Handlers add to
// it.
type Trace struct {
	ID string
	// Route is the pattern that matched, never the path itself: paths can hold
	// what does not belong in a log.
	Route string
	User  string
}

type traceKey struct{}

// TraceOf returns the trace of a request, never nil.
func TraceOf(ctx context.Context) *Trace {
	if t, ok := ctx.Value(traceKey{}).(*Trace); ok {
		return t
	}
	return &Trace{}
}

// Tracer logs and measures requests.
type Tracer struct {
	Log     *slog.Logger
	Proxies []netip.Prefix
	// Failed answers a request whose handler panicked.
	Failed   http.HandlerFunc
	spans    trace.Tracer
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewTracer makes a Tracer that measures into a registry, and makes a span of each
// request.
func NewTracer(log *slog.Logger, reg prometheus.Registerer, spans trace.TracerProvider, proxies []netip.Prefix, failed http.HandlerFunc) *Tracer {
	t := &Tracer{Log: log, Proxies: proxies, Failed: failed, spans: spans.Tracer("stackctl/pkg/server/serve"), duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time to answer, by route, method and status.",
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route", "method", "status"}), inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "http_requests_in_flight", Help: "Requests that are being answered.",
	})}
	reg.MustRegister(t.duration, t.inFlight)
	return t
}

// Wrap gives every request an id, an origin and a deadline, logs how it ended,
// and answers for a handler that panicked.
func (t *Tracer) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		request := &Trace{ID: rand.Text()}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), traceKey{}, request), 30*time.Second)
		defer cancel()
		ctx, span := t.begin(ctx, r)
		ip := ClientIP(r, t.Proxies)
		ctx = app.WithOrigin(ctx, app.Origin{IP: ip, UserAgent: r.UserAgent(), RequestID: request.ID, Language: app.Accepted(r.Header.Get("Accept-Language"))})
		w.Header().Set("X-Request-Id", request.ID)
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(ctx)
		t.inFlight.Inc()
		defer t.inFlight.Dec()
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // net/http knows this very value too
				t.Log.ErrorContext(ctx, "request panicked", "request", request.ID, "panic", v, "stack", string(debug.Stack()))
				if rec.status == 0 {
					t.Failed(rec, r)
				}
			}
			e := ended{route: cmp.Or(request.Route, "other"), method: knownMethod(r.Method), status: cmp.Or(rec.status, http.StatusOK), took: time.Since(began)}
			t.duration.WithLabelValues(e.route, e.method, strconv.Itoa(e.status)).Observe(e.took.Seconds())
			e.finish(span, request.ID)
			t.told(ctx, e, rec.bytes, request, ip)
		}()
		next.ServeHTTP(rec, r)
	})
}

// ended is how a request ended.
type ended struct {
	route, method string
	status        int
	took          time.Duration
}

func (t *Tracer) told(ctx context.Context, e ended, bytes int64, request *Trace, ip string) {
	level := slog.LevelInfo
	switch {
	case e.status >= 500:
		level = slog.LevelError
	case strings.HasPrefix(e.route, "/health"): // asked every few seconds
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{slog.String("request", request.ID), slog.String("method", e.method), slog.String("route", e.route),
		slog.Int("status", e.status), slog.Int64("bytes", bytes), slog.Float64("ms", float64(e.took.Microseconds())/1000),
		slog.String("ip", ip), slog.String("user", request.User)}
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		attrs = append(attrs, slog.String("trace", span.TraceID().String()))
	}
	t.Log.LogAttrs(ctx, level, "request", attrs...)
}

// knownMethod is the method, or OTHER: a client may make up as many as it likes.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// recorder notes how a request was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// ClientIP is the address of the client: the peer's, or where the peer is a
// trusted proxy the last address in X-Forwarded-For that is none. What a
// client writes there itself stands further left and is never reached.
func ClientIP(r *http.Request, proxies []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	peer = peer.Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && trusted(peer, proxies); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		peer = hop.Unmap().WithZone("")
	}
	return peer.String()
}

func trusted(ip netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// Registry makes a metrics registry with the process's own figures.
func Registry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Inside serves the metrics, and the health of a role that has no port of its
// own, to the inside network.
func Inside(reg *prometheus.Registry, healthy func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.Handle("GET /healthz", Healthz(healthy))
	return mux
}

// Healthz answers 200 where a role is healthy and 503 where it is not.
func Healthz(healthy func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		TraceOf(r.Context()).Route = "/healthz"
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := healthy(ctx); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("unavailable\n"))
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
}
