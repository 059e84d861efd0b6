package telemetry

import (
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// sampler sends a share of the traces, whole: the trace's ID decides, so that edge
// and server agree. A header that says that a trace is wanted counts for nothing,
// since any visitor may send one.
func sampler(share float64) sdktrace.Sampler {
	some := sdktrace.TraceIDRatioBased(share)
	return sdktrace.ParentBased(beginnings{some}, sdktrace.WithRemoteParentSampled(some), sdktrace.WithRemoteParentNotSampled(some))
}

// beginnings lets a trace begin with a request or a job: the queue asks the
// database every second, and each question would be a trace of its own.
type beginnings struct{ sdktrace.Sampler }

// ShouldSample drops what begins with anything else.
func (b beginnings) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Kind == trace.SpanKindServer || p.Kind == trace.SpanKindConsumer {
		return b.Sampler.ShouldSample(p)
	}
	return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
}
