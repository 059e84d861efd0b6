package telemetry

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func TestWhatIsSampled(t *testing.T) {
	id := trace.TraceID{15: 1} // the lowest but one: in every share
	high := trace.TraceID{8: 0xff, 15: 1}
	remote := func(id trace.TraceID, flags trace.TraceFlags) context.Context {
		return trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: flags, Remote: true}))
	}
	within := func(flags trace.TraceFlags) context.Context {
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: high, SpanID: trace.SpanID{1}, TraceFlags: flags}))
	}
	for name, c := range map[string]struct {
		share  float64
		parent context.Context
		id     trace.TraceID
		kind   trace.SpanKind
		want   bool
	}{
		"a request":                                {1, t.Context(), id, trace.SpanKindServer, true},
		"a job":                                    {1, t.Context(), id, trace.SpanKindConsumer, true},
		"the queue's own question":                 {1, t.Context(), id, trace.SpanKindClient, false},
		"a share of none":                          {0, t.Context(), id, trace.SpanKindServer, false},
		"a request beyond the share":               {.1, t.Context(), high, trace.SpanKindServer, false},
		"a visitor's flag counts for nothing":      {.1, remote(high, trace.FlagsSampled), high, trace.SpanKindServer, false},
		"nor does a flag that is not set":          {.1, remote(id, 0), id, trace.SpanKindServer, true},
		"what is within a sampled request":         {.1, within(trace.FlagsSampled), high, trace.SpanKindClient, true},
		"what is within one that is not":           {1, within(0), high, trace.SpanKindClient, false},
		"a request within a trace of another site": {1, remote(high, 0), high, trace.SpanKindServer, true},
	} {
		got := sampler(c.share).ShouldSample(sdktrace.SamplingParameters{ParentContext: c.parent, TraceID: c.id, Kind: c.kind})
		if sampled := got.Decision == sdktrace.RecordAndSample; sampled != c.want {
			t.Errorf("%s: %v", name, sampled)
		}
	}
}
