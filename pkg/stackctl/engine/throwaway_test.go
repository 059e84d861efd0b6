package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// TestOnlyThrowawaysAreRemovedWithTheirVolumes drops a rehearsal beside things of the
// same compose project that carry no mark.
func TestOnlyThrowawaysAreRemovedWithTheirVolumes(t *testing.T) {
	w := newWorld(t)
	marked := "labels: {" + stack.LabelThrowaway + ": shop}"
	yaml := []byte("services:\n" +
		"  a: {image: " + imageA + ", command: [serve], " + marked + ", volumes: [{type: volume, source: tried, target: /data}], networks: [tried]}\n" +
		"  b: {image: " + imageA + ", command: [serve], " + marked + ", volumes: [{type: volume, source: too, target: /data}], networks: [tried]}\n" +
		"  live: {image: " + imageA + ", command: [serve], volumes: [{type: volume, source: kept, target: /data}], networks: [stays]}\n" +
		"volumes: {tried: {" + marked + "}, too: {" + marked + "}, kept: {}}\n" +
		"networks: {tried: {" + marked + "}, stays: {}}\n")
	w.up(yaml)
	left := func() string {
		t.Helper()
		var out []string
		for service := range w.ids() {
			out = append(out, service)
		}
		volumes, err := w.api.VolumeList(w.ctx, client.VolumeListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		networks, err := w.Networks(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range volumes.Items {
			networks = append(networks, v.Name)
		}
		for _, name := range networks {
			if own, is := strings.CutPrefix(name, w.project+"_"); is {
				out = append(out, own)
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	if err := w.DropThrowaway(w.ctx, w.project, []string{"a", "live"}, []string{w.project + "_tried", w.project + "_kept"}); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != "b kept live stays too tried" {
		t.Errorf("without a service there are %s", got)
	}
	if err := w.DropRehearsal(w.ctx, w.project); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != "kept live stays" {
		t.Errorf("without the rehearsal there are %s", got)
	}
	if err := w.DropRehearsal(w.ctx, w.project); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestConductTellsWhatAContainerDoes(t *testing.T) {
	w := newWorld(t)
	w.up(append(file(service{"a", "image: " + imageA + "\ncommand: [serve]\nuser: \"4242\"\nvolumes: [{type: volume, source: v, target: /new/data}]"}), "volumes: {v: {}}\n"...))
	c, err := w.Conduct(w.ctx, w.ids()["a"])
	if err != nil {
		t.Fatal(err)
	}
	// The engine makes the place of the volume in the container's own file system.
	made := slices.ContainsFunc(c.Changes, func(c stack.FileChange) bool { return c.Path == "/new" && c.Added })
	if !made || c.Memory <= 0 || c.Threads <= 0 || !slices.Equal(c.UIDs, []string{"4242"}) {
		t.Errorf("it did %+v", c)
	}
}
