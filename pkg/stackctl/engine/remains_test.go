package engine

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"
)

// TestAContainerWhoseRemovalWasCutOffIsMadeAnew has the engine fail to remove one,
// which can be started no more then.
func TestAContainerWhoseRemovalWasCutOffIsMadeAnew(t *testing.T) {
	w := newWorld(t)
	yaml := file(healthy("api", imageA), service{"migrate", "image: " + imageA + "\ncommand: [print, done]\nprofiles: [once]"})
	w.up(yaml, "api")
	dead := w.ids()["api"]
	w.half(dead)
	w.up(yaml, "api")
	if id := w.ids()["api"]; id == dead || id == "" {
		t.Errorf("containers %v", w.ids())
	}

	p, err := load(w.ctx, w.project, yaml)
	if err == nil {
		p, err = narrow(p, []string{"migrate"}, types.IgnoreDependencies)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.create(w.ctx, p, &events{}, api.RecreateDiverged); err != nil {
		t.Fatal(err)
	}
	w.half(w.ids()["migrate"])
	if out, err := w.RunOnce(w.ctx, w.project, yaml, "migrate"); err != nil || out.Exit != 0 {
		t.Errorf("%v, %v", out, err)
	}
}

// half removes a container by half.
func (w *world) half(id string) {
	w.t.Helper()
	info, err := w.api.Info(w.ctx, client.InfoOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	kept := filepath.Join(info.Info.DockerRootDir, "containers", id)
	if out, err := exec.Command("chattr", "+i", kept).CombinedOutput(); err != nil {
		w.t.Skipf("the engine's filesystem cannot keep a folder from being removed: %s", out)
	}
	err = w.removeContainer(w.ctx, id, false)
	if out, err := exec.Command("chattr", "-i", kept).CombinedOutput(); err != nil {
		w.t.Fatalf("%s", out)
	}
	if err == nil {
		w.t.Fatal("it was removed whole")
	}
}
