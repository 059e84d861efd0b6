package edge

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

func TestATrialKeepsWhatDecidesAboutRoutesAndNothingThatActs(t *testing.T) {
	raw, err := TrialStatic([]byte(`
api: {dashboard: true}
accessLog: {format: json}
entryPoints:
  web: {address: ":80"}
  internal: {address: ":8090"}
providers:
  docker: {}
  file: {directory: /etc/traefik/dynamic, watch: true}
certificatesResolvers:
  le: {acme: {email: a@example.org, storage: /acme/acme.json}}
metrics: {prometheus: {}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := yaml.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"certificatesResolvers", "accessLog", "metrics"} {
		if got[key] != nil {
			t.Errorf("%s is in\n%s", key, raw)
		}
	}
	for _, want := range []string{"internal:", "address: :80\n", "address: :58080", "insecure: true", "directory: /etc/traefik/dynamic"} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%q is not in\n%s", want, raw)
		}
	}
	if strings.Contains(string(raw), "docker") {
		t.Errorf("another provider is in\n%s", raw)
	}
}

// fakeAPI answers as Traefik's API does.
func fakeAPI(t *testing.T, answers map[string]string) API {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[strings.TrimPrefix(r.URL.Path, "/api/")]
		if !ok {
			answer = "[]"
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	var d net.Dialer
	return API{Address: s.Listener.Addr().String(), Dial: d.DialContext}
}

func TestComplaintsAreTraefiksOwn(t *testing.T) {
	files := []stack.File{{Path: "routes.yml", Content: []byte("http: {routers: {www: {rule: x, service: web}}, services: {web: {loadBalancer: {servers: []}}}}")}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	good := map[string]string{
		"http/routers":  `[{"name":"www@file","status":"enabled"},{"name":"x@internal","status":"disabled","error":["not ours"]}]`,
		"http/services": `[{"name":"web@file","status":"enabled"}]`,
	}
	if got, err := fakeAPI(t, good).Complaints(ctx, files); err != nil || len(got) > 0 {
		t.Errorf("good files: %v, %v", got, err)
	}
	bad := map[string]string{
		"http/routers":     `[{"name":"www@file","status":"disabled","error":["unsupported function: Weather"]}]`,
		"http/services":    good["http/services"],
		"http/middlewares": `[{"name":"apex@file","status":"enabled","error":["missing )"]}]`,
	}
	got, err := fakeAPI(t, bad).Complaints(ctx, files)
	if err != nil || strings.Join(got, "|") != "http middleware apex: missing )|http router www: unsupported function: Weather" {
		t.Errorf("bad files: %q, %v", got, err)
	}
	short, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	if _, err := fakeAPI(t, nil).Complaints(short, files); err == nil {
		t.Error("files that Traefik never took are good")
	}
}
