package apptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	collectmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collecttraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver takes what roles send over OTLP.
type Receiver struct {
	mu      sync.Mutex
	spans   []*traces.Span
	metrics map[string]*metrics.Metric
	// headers are those of the last request.
	headers http.Header
	raw     []byte
}

// Receiver starts an OTLP receiver and points the site's roles at it; call it
// before Start.
func (s *Site) Receiver() *Receiver {
	s.t.Helper()
	r := &Receiver{metrics: map[string]*metrics.Metric{}}
	server := httptest.NewServer(r)
	s.t.Cleanup(server.Close)
	s.Env["OTEL_EXPORTER_OTLP_ENDPOINT"] = server.URL
	return r
}

// ServeHTTP takes one request of an exporter.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers, r.raw = req.Header, append(r.raw, body...)
	switch req.URL.Path {
	case "/v1/traces":
		var in collecttraces.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		for _, resource := range in.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
	case "/v1/metrics":
		var in collectmetrics.ExportMetricsServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		for _, resource := range in.GetResourceMetrics() {
			for _, scope := range resource.GetScopeMetrics() {
				for _, m := range scope.GetMetrics() {
					r.metrics[m.GetName()] = m
				}
			}
		}
	default:
		http.NotFound(w, req)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// Spans are those that were received.
func (r *Receiver) Spans() []*traces.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*traces.Span(nil), r.spans...)
}

// Metric is the last one of a name; nil: there was none.
func (r *Receiver) Metric(name string) *metrics.Metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.metrics[name]
}

// Raw is all that was received, as it came, and the headers of the last request.
func (r *Receiver) Raw() (string, http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.raw), r.headers
}
