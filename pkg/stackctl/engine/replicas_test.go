package engine

import (
	"slices"
	"testing"

	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// TestALostReplicaIsMadeAnewByItsName removes the first of three containers: the
// edge reaches each replica by its name.
func TestALostReplicaIsMadeAnewByItsName(t *testing.T) {
	w := newWorld(t)
	yaml := file(healthy("web", imageA, "scale: 3"))
	names := func() []string {
		list, err := w.Containers(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range list {
			if c.Project == w.project {
				out = append(out, c.Name)
			}
		}
		slices.Sort(out)
		return out
	}
	w.up(yaml)
	var want []string
	for n := 1; n <= 3; n++ {
		want = append(want, stack.ReplicaContainer(w.project, "web", n))
	}
	if got := names(); !slices.Equal(got, want) {
		t.Fatalf("the replicas are %v, want %v", got, want)
	}
	if _, err := w.api.ContainerRemove(w.ctx, want[0], client.ContainerRemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.up(yaml)
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("after one was lost they are %v, want %v", got, want)
	}
	if again := w.up(yaml); len(again) > 0 {
		t.Errorf("unchanged, %v was touched", again)
	}
}
