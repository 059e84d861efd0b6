// Package telemetry owns what leaves the server over OpenTelemetry (OTLP over
// HTTP): traces, and the figures that the metrics page has. It must not know what
// a role does, nor what is traced.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Settings say where traces and figures go.
type Settings struct {
	// Endpoint is the address of an OTLP receiver without a path of its own, such
	// as https://collector.example.org:4318; empty: nothing is sent.
	Endpoint string
	// Headers go with each request, such as a token.
	Headers map[string]string
	// Share is how many of the traces are sent, 0 to 1.
	Share float64
	// Role and Release name who sends.
	Role, Release string
}

// Telemetry sends what is traced and measured until it is closed.
type Telemetry struct {
	traces  trace.TracerProvider
	closers []func(context.Context) error
}

// Bounds of what one process sends.
const (
	sendTime  = 5 * time.Second  // one request to the receiver
	sendEvery = 30 * time.Second // figures; traces go every five seconds
	mostSpans = 2048             // that wait; more are dropped
)

// Open makes a Telemetry that sends the figures of a registry. It connects to
// nothing: a receiver that does not answer is told in the log, and holds nothing up.
func Open(ctx context.Context, s Settings, figures prometheus.Gatherer, log *slog.Logger) (*Telemetry, error) {
	if s.Endpoint == "" {
		return &Telemetry{traces: noop.NewTracerProvider()}, nil
	}
	traces, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(s.path("/v1/traces")),
		otlptracehttp.WithHeaders(s.Headers), otlptracehttp.WithTimeout(sendTime), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	if err != nil {
		return nil, fmt.Errorf("prepare traces for %s: %w", shown(s.Endpoint), err)
	}
	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(s.path("/v1/metrics")),
		otlpmetrichttp.WithHeaders(s.Headers), otlpmetrichttp.WithTimeout(sendTime), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
	if err != nil {
		return nil, fmt.Errorf("prepare metrics for %s: %w", shown(s.Endpoint), err)
	}
	// The SDK has one place for what goes wrong in the background.
	otel.SetErrorHandler(told(s.Endpoint, log))
	who := resource.NewSchemaless(attribute.String("service.namespace", "stack"), attribute.String("service.name", s.Role), attribute.String("service.version", s.Release))
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(who), sdktrace.WithSampler(sampler(s.Share)),
		sdktrace.WithBatcher(traces, sdktrace.WithMaxQueueSize(mostSpans), sdktrace.WithExportTimeout(sendTime)))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithResource(who), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics,
		sdkmetric.WithInterval(sendEvery), sdkmetric.WithTimeout(sendTime),
		sdkmetric.WithProducer(prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(figures))))))
	return &Telemetry{traces: provider, closers: []func(context.Context) error{provider.Shutdown, meters.Shutdown}}, nil
}

func (s Settings) path(path string) string { return strings.TrimSuffix(s.Endpoint, "/") + path }

// Traces is what spans are made of. Without an endpoint its spans are nothing.
func (t *Telemetry) Traces() trace.TracerProvider { return t.traces }

// Close sends what waits, for as long as ctx lets it.
func (t *Telemetry) Close(ctx context.Context) error {
	errs := make([]error, len(t.closers))
	var closing sync.WaitGroup
	for i, shut := range t.closers {
		closing.Go(func() { errs[i] = shut(ctx) })
	}
	closing.Wait()
	return errors.Join(errs...)
}

// tellEvery bounds how often the log tells of a receiver that fails.
const tellEvery = time.Minute

// told returns what logs that something could not be sent, a line a minute.
func told(endpoint string, log *slog.Logger) otel.ErrorHandler {
	var lock sync.Mutex
	var last time.Time
	return otel.ErrorHandlerFunc(func(err error) {
		lock.Lock()
		defer lock.Unlock()
		if now := time.Now(); now.Sub(last) >= tellEvery {
			last = now
			log.Warn("traces or figures could not be sent; they are dropped", "receiver", shown(endpoint), "error", err.Error())
		}
	})
}

// shown is an address without what may be secret in it.
func shown(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the receiver"
	}
	return u.Scheme + "://" + u.Host
}
