package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTelemetryIsReadAndJudged(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "headers")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	load := func(role string, env map[string]string) (Settings, error) {
		return Load(role, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	}
	const at = "OTEL_EXPORTER_OTLP_ENDPOINT"
	s, err := load("web", map[string]string{at: "https://otlp.example.org/tenant/", "OTEL_TRACES_SAMPLER_ARG": "0.25", "OTEL_EXPORTER_OTLP_HEADERS_FILE": file("Authorization: Bearer a:b\r\n\nX-Scope: one\n")})
	if err != nil || s.Telemetry.Endpoint != "https://otlp.example.org/tenant" || s.Telemetry.Share != .25 || s.Telemetry.Headers["Authorization"] != "Bearer a:b" || s.Telemetry.Headers["X-Scope"] != "one" {
		t.Errorf("%+v %v", s.Telemetry, err)
	}
	if s, err = load("web", nil); err != nil || s.Telemetry.Endpoint != "" {
		t.Errorf("nothing is asked for: %+v %v", s.Telemetry, err)
	}
	for _, c := range []map[string]string{
		{at: "collector:4318"}, {at: "grpc://collector:4317"}, {at: "https://user:hunter2@collector"}, {at: "https://collector?token=hunter2"},
		{at: "http://collector", "OTEL_TRACES_SAMPLER_ARG": "2"}, {at: "http://collector", "OTEL_TRACES_SAMPLER_ARG": "NaN"},
		{at: "http://collector", "OTEL_EXPORTER_OTLP_HEADERS_FILE": "/nowhere"}, {at: "http://collector", "OTEL_EXPORTER_OTLP_HEADERS_FILE": file("hunter2")},
		{at: "http://collector", "OTEL_EXPORTER_OTLP_HEADERS_FILE": file("Bad Name: hunter2")},
	} {
		if _, err := load("web", c); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v", c, err)
		}
	}
	for endpoint, open := range map[string]bool{
		"http://collector:4318": false, "http://127.0.0.1:4318": false, "http://10.0.0.7:4318": false, "http://[fd00::1]:4318": false, "https://otlp.example.org": false,
		"http://otlp.example.org": true, "http://203.0.113.7:4318": true, "": false,
	} {
		s := Settings{Telemetry: Telemetry{Endpoint: endpoint}}
		if got := telemetryProtection(s) != nil; got != open {
			t.Errorf("%s: %v", endpoint, got)
		}
	}
}
