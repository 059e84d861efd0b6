package serve

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// begin makes the span of a request, in the trace that the edge began
// (traceparent, W3C Trace Context). Health checks have none.
func (t *Tracer) begin(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	if strings.HasPrefix(r.URL.Path, "/health") {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	return t.spans.Start(ctx, knownMethod(r.Method), trace.WithSpanKind(trace.SpanKindServer))
}

// finish ends the span of a request. Like the log it has the route, not the path;
// who asked is not in it (OpenTelemetry's semantic conventions for HTTP).
func (e ended) finish(span trace.Span, request string) {
	span.SetName(e.method + " " + e.route)
	span.SetAttributes(attribute.String("http.request.method", e.method), attribute.String("http.route", e.route),
		attribute.Int("http.response.status_code", e.status), attribute.String("request.id", request))
	if e.status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
