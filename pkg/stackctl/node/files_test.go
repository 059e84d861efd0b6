package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// hashing is a server whose files have the given sums.
type hashing struct {
	Server
	sums map[string]string
}

func (h hashing) Hashes(_ context.Context, root string, paths []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range paths {
		if sum := h.sums[root+"/"+p]; sum != "" {
			out[p] = sum
		}
	}
	return out, nil
}

func TestAReleaseFolderThatWasEditedByHandIsNoticed(t *testing.T) {
	r := stack.Release{ID: "aaaa", Files: []stack.File{
		{Path: "releases/aaaa/app.yaml", Content: []byte("app")}, {Path: "releases/aaaa/edge/traefik.yml", Content: []byte("edge")},
		{Path: "files/1234/traefik.yml", Content: []byte("shared")}, {Path: "secrets/1/key", Content: []byte("s"), Secret: true},
	}}
	record := stack.ReleaseRecord{ID: "aaaa", Files: Sums(r)}
	if len(record.Files) != 2 || record.Files["app.yaml"] != stack.Sum([]byte("app")) {
		t.Fatalf("%v", record.Files)
	}
	target := stack.Target{Path: "/srv/shop"}
	app, edge := "/srv/shop/releases/aaaa/app.yaml", "/srv/shop/releases/aaaa/edge/traefik.yml"
	for name, c := range map[string]struct {
		sums map[string]string
		want string
	}{
		"as it was":    {map[string]string{app: stack.Sum([]byte("app")), edge: stack.Sum([]byte("edge"))}, ""},
		"edited":       {map[string]string{app: stack.Sum([]byte("App")), edge: stack.Sum([]byte("edge"))}, "app.yaml was edited; deploy"},
		"unreadable":   {map[string]string{app: "unreadable", edge: stack.Sum([]byte("edge"))}, "app.yaml cannot be read; deploy"},
		"gone":         {map[string]string{app: stack.Sum([]byte("app"))}, "edge/traefik.yml is gone"},
		"both at once": {map[string]string{app: "x"}, "app.yaml was edited, edge/traefik.yml is gone"},
	} {
		err := CheckFiles(t.Context(), hashing{sums: c.sums}, target, record)
		if c.want == "" && err != nil || c.want != "" && (stack.CauseOf(err) != stack.CauseGate || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckFiles(t.Context(), hashing{}, target, stack.ReleaseRecord{ID: "old"}); err != nil {
		t.Errorf("without sums: %v", err)
	}
}

// Who moves the project's folder away and makes it anew leaves the edge with the old one.
func TestAnEdgeThatIsOlderThanItsFolderReadsAnotherOne(t *testing.T) {
	dir := "/srv/shop/edge/dynamic"
	made := time.Unix(1000, 0)
	edge := stack.Container{Layer: stack.LayerEdge, State: "running", Mounts: []string{dir}, Started: made.Add(-time.Minute)}
	other, later, apart := edge, edge, edge
	other.Layer, later.Started, apart.Mounts = stack.LayerApp, made.Add(time.Millisecond), []string{"/srv/blog/edge/dynamic"}
	if !outlived([]stack.Container{other, edge}, dir, made) {
		t.Error("it was not noticed")
	}
	if outlived([]stack.Container{other, later, apart}, dir, made) || outlived([]stack.Container{edge}, dir, time.Time{}) {
		t.Error("an edge that reads its folder is taken for another")
	}
}
