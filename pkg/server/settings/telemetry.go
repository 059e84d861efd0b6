package settings

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Telemetry is where traces and figures are sent, over OTLP with HTTP.
type Telemetry struct {
	// Endpoint is the receiver's address; empty: nothing is sent.
	Endpoint string
	// Headers go with each request, such as a token.
	Headers map[string]string
	// Share is how many of the traces are sent, 0 to 1.
	Share float64
}

// telemetry reads the variables that OpenTelemetry has names for, and a file for
// what may be secret.
func (r *reader) telemetry() Telemetry {
	t := Telemetry{Endpoint: strings.TrimSuffix(r.text("OTEL_EXPORTER_OTLP_ENDPOINT", ""), "/")}
	if t.Endpoint == "" {
		return t
	}
	if u, err := url.Parse(t.Endpoint); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		r.fail("OTEL_EXPORTER_OTLP_ENDPOINT", "must be like https://collector.example.org:4318, without a password in it")
	}
	share, err := strconv.ParseFloat(r.text("OTEL_TRACES_SAMPLER_ARG", "1"), 64)
	if err != nil || !(share >= 0 && share <= 1) {
		r.fail("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1")
	}
	t.Share = share
	if path := r.text("OTEL_EXPORTER_OTLP_HEADERS_FILE", ""); path != "" {
		t.Headers = r.headers("OTEL_EXPORTER_OTLP_HEADERS_FILE", r.secretIn("OTEL_EXPORTER_OTLP_HEADERS_FILE", path))
	}
	return t
}

// headers reads one "Name: value" a line.
func (r *reader) headers(name, text string) map[string]string {
	out := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		header, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(header) || !httpguts.ValidHeaderFieldValue(value) {
			r.fail(name, "each line must be NAME: VALUE, as in an HTTP request")
			return nil
		}
		out[header] = value
	}
	return out
}

// telemetryProtection: what is traced says how the site works, and a header may be
// a token.
func telemetryProtection(s Settings) *Finding {
	u, err := url.Parse(s.Telemetry.Endpoint)
	if err != nil || u.Scheme != "http" || inside(u.Hostname()) {
		return nil
	}
	return &Finding{Setting: "OTEL_EXPORTER_OTLP_ENDPOINT", Problem: "is http to a host outside: traces and their token go in clear", Fix: "use https, or a collector beside the site"}
}

// inside reports whether a host is one of this machine or of a network of its own.
func inside(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || ip.IsPrivate()
	}
	return !strings.Contains(host, ".")
}
