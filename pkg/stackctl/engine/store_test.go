package engine

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// The machines that run these tests have an Engine without the containerd
// store. This one answers as an Engine 26.1 with that store was seen to.
func containerdEngine(t *testing.T) (*Engine, *[]string) {
	t.Helper()
	var tagged []string
	manifest := "sha256:" + strings.Repeat("a", 64)
	tags := func() []string { return append([]string{"shop/app:1"}, tagged...) }
	mux := http.NewServeMux()
	answer := func(pattern string, body func(*http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.45")
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body(r))
		})
	}
	answer("/_ping", func(*http.Request) any { return "OK" })
	answer("GET /v1.45/info", func(*http.Request) any {
		return map[string]any{"DriverStatus": [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}}
	})
	answer("GET /v1.45/images/json", func(*http.Request) any {
		return []any{map[string]any{"Id": manifest, "RepoTags": tags(), "Size": 7}}
	})
	answer("GET /v1.45/images/{name...}", func(*http.Request) any {
		return map[string]any{"Id": manifest, "RepoTags": tags(), "RootFS": map[string]any{"Layers": []string{"sha256:l1"}}}
	})
	mux.HandleFunc("POST /v1.45/images/{name...}", func(w http.ResponseWriter, r *http.Request) {
		tagged = append(tagged, strings.TrimPrefix(r.URL.Query().Get("repo"), "docker.io/")+":"+r.URL.Query().Get("tag"))
		w.WriteHeader(http.StatusCreated)
	})
	answer("GET /v1.45/containers/json", func(*http.Request) any {
		return []any{map[string]any{"Id": "c1", "Names": []string{"/shop-app-1"}, "Image": "x"}}
	})
	answer("GET /v1.45/containers/{id}/json", func(*http.Request) any {
		return map[string]any{"Id": "c1", "Name": "/shop-app-1", "Image": manifest, "Config": map[string]any{"Image": slices.Concat(tagged, []string{"x"})[0]}}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	e, err := Open(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", srv.Listener.Addr().String())
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e, &tagged
}

func TestTheContainerdStoreKnowsImagesByTheirID(t *testing.T) {
	e, tagged := containerdEngine(t)
	id := "sha256:" + strings.Repeat("c", 64)
	img := stack.Image{Reference: "shop/app:1", ID: id, Layers: []string{"sha256:l1"}}
	if err := e.Loaded(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	if want := []string{"stackctl/config:" + strings.Repeat("c", 64)}; !slices.Equal(*tagged, want) {
		t.Fatalf("tagged %v, want %v", *tagged, want)
	}
	images, err := e.Images(t.Context())
	if err != nil || len(images) != 1 || images[0].ID != id || !slices.Equal(images[0].Tags, []string{"shop/app:1"}) {
		t.Errorf("images are %+v, %v", images, err)
	}
	containers, err := e.Containers(t.Context())
	if err != nil || len(containers) != 1 || containers[0].ImageID != id || containers[0].Image != id {
		t.Errorf("containers are %+v, %v", containers, err)
	}
	p, err := load(t.Context(), "shop", []byte("services: {app: {image: '"+id+"'}}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.nameImages(t.Context(), p); err != nil || p.Services["app"].Image != idName(id) {
		t.Errorf("the service runs %q, %v", p.Services["app"].Image, err)
	}
}

func TestAnImageThatIsNotTheArchivesIsRefused(t *testing.T) {
	e, tagged := containerdEngine(t)
	img := stack.Image{Reference: "shop/app:1", ID: "sha256:" + strings.Repeat("c", 64), Layers: []string{"sha256:other"}}
	if err := e.Loaded(t.Context(), img); err == nil || !strings.Contains(err.Error(), "layers are not those") || len(*tagged) != 0 {
		t.Errorf("says %v, tagged %v", err, *tagged)
	}
}
