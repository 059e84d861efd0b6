package swarm

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// disk is a node that has files and nothing else.
type disk struct {
	node.Server
	mu    sync.Mutex
	files map[string]string
}

func (d *disk) WriteFiles(_ context.Context, _ string, files []stack.File) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var written []string
	for _, f := range files {
		if d.files[f.Path] != string(f.Content) {
			d.files[f.Path] = string(f.Content)
			written = append(written, f.Path)
		}
	}
	return written, nil
}

func (d *disk) Hashes(_ context.Context, _ string, paths []string) (map[string]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]string{}
	for _, p := range paths {
		if text, there := d.files[p]; there {
			out[p] = stack.Sum([]byte(text))
		}
	}
	return out, nil
}

func TestSecretsAreWrittenAtHomeAlone(t *testing.T) {
	one, two := &disk{files: map[string]string{}}, &disk{files: map[string]string{}}
	home := &member{Node: stack.Node{Name: "one"}, server: one}
	c := &Cluster{members: []*member{{Node: stack.Node{Name: "two"}, server: two}, home}, home: home}
	files := []stack.File{{Path: "files/a/x", Content: []byte("x")}, {Path: "secrets/b/key", Content: []byte("hidden")}, {Path: "releases/1/secrets/key", Content: []byte("hidden")}, {Path: "releases/1/app.yaml", Content: []byte("app")}}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	if written, err := c.WriteFiles(t.Context(), "/srv/shop", files); err != nil || len(written) != 4 {
		t.Errorf("written: %v, %v", written, err)
	}
	if got := slices.Sorted(maps.Keys(two.files)); !slices.Equal(got, []string{"files/a/x", "releases/1/app.yaml"}) || len(one.files) != 4 {
		t.Errorf("the other node has %v, home %d files", got, len(one.files))
	}
	sums, err := c.Hashes(t.Context(), "/srv/shop", paths)
	if err != nil || len(sums) != 4 {
		t.Errorf("%v, %v", sums, err)
	}
	two.files["files/a/x"] = "edited"
	if sums, err = c.Hashes(t.Context(), "/srv/shop", paths); err != nil || sums["files/a/x"] != "" || len(sums) != 3 {
		t.Errorf("a file that one node has otherwise is told as %v, %v", sums, err)
	}
}

func TestVolumesAreWhereANodeHasThem(t *testing.T) {
	demands := []Demand{{Service: "db", Layer: stack.LayerData, Volumes: []string{"pg", "new"}}, {Service: "edge", Layer: stack.LayerEdge, Volumes: []string{"acme"}}}
	held, err := heldAt(demands, map[string][]string{"pg": {"two"}, "acme": {"one", "two"}, "other": {"three"}}, nil)
	if err != nil || !maps.Equal(held, map[string]string{"pg": "two"}) {
		t.Errorf("%v, %v", held, err)
	}
	if _, err := heldAt(demands, map[string][]string{"pg": {"one", "two"}}, nil); err == nil || !strings.Contains(err.Error(), "pg of service db is on one and two") {
		t.Errorf("a volume of two nodes: %v", err)
	}
	held, err = heldAt(demands, map[string][]string{"pg": {"one", "two"}}, map[string]string{"pg": "two", "acme": "one"})
	if err != nil || !maps.Equal(held, map[string]string{"pg": "two"}) {
		t.Errorf("one that the Swarm has mounted on one of them: %v, %v", held, err)
	}
}

// The database of a node that is away is there, and is never started empty elsewhere,
// nor with a copy that was left behind on another node.
func TestDataOfANodeThatIsAwayIsThere(t *testing.T) {
	service := func(layer, volume string, constraints ...string) swarm.Service {
		return swarm.Service{Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Labels: map[string]string{stack.LabelLayer: layer}}, TaskTemplate: swarm.TaskSpec{
			Placement:     &swarm.Placement{Constraints: constraints},
			ContainerSpec: &swarm.ContainerSpec{Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: volume}, {Type: mount.TypeBind, Source: "/srv"}, {Type: mount.TypeVolume}}},
		}}}
	}
	c := &Cluster{members: []*member{{Node: stack.Node{Name: "one"}}, {Node: stack.Node{Name: "three"}}}}
	services := []swarm.Service{
		service("data", "pg", "node.labels.dev.stackctl.node==two"), service("data", "gone", "node.labels.dev.stackctl.node==three"), service("data", "moved", "node.labels.dev.stackctl.node==three"),
		service("edge", "acme", "node.labels.dev.stackctl.node==two"), service("app", "free", "node.labels.dev.stackctl.node!=two"), service("app", "none"),
	}
	pins := c.pins(services, map[string][]string{"pg": {"one"}, "gone": {"one"}, "moved": {"one", "three"}})
	if want := map[string]string{"pg": "two", "moved": "three"}; !maps.Equal(pins, want) {
		t.Errorf("%v", pins)
	}
	half := services[2] // its move from two to three was cut off
	half.Spec.Labels = map[string]string{labelFrom: "two"}
	if pins := c.pins([]swarm.Service{half}, map[string][]string{"moved": {"three"}}); pins["moved"] != "two" {
		t.Errorf("a move that was cut off is not led back: %v", pins)
	}
	c.leaving, c.drained = "two", []string{"three"}
	if pins := c.pins(services, map[string][]string{"moved": {"three"}}); pins["pg"] != "" || pins["moved"] != "three" {
		t.Errorf("what is left still counts: %v", pins)
	}
	if closed := c.closed(); !slices.Equal(closed, []string{"three", "two"}) {
		t.Errorf("nothing is placed on %v", closed)
	}
	c.leaving = ""
	if idle := c.idle(services[0]); idle.Node != "two" || !idle.Away {
		t.Errorf("its container is told as %+v", idle)
	}
	if idle := c.idle(services[1]); idle.Node != "three" || idle.Away {
		t.Errorf("that of a node which answers is told as %+v", idle)
	}
	held, err := heldAt([]Demand{{Service: "db", Volumes: []string{"pg"}}}, map[string][]string{"pg": {"one"}}, pins)
	if err != nil || held["pg"] != "two" {
		t.Errorf("it is held at %v, %v", held, err)
	}
	slots, err := Place([]Demand{{Service: "db", Layer: stack.LayerData, Replicas: 1, Volumes: []string{"pg"}}}, []stack.Node{{Name: "one"}, {Name: "two"}}, []string{"two"}, held)
	if err != nil || len(slots) != 1 || !slices.Equal(slots[0].Nodes, []string{"two"}) {
		t.Errorf("it is placed on %v, %v", slots, err)
	}
}
