package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

func (w *world) states() map[string]string {
	w.t.Helper()
	list, err := w.Containers(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range list {
		if c.Project == w.project {
			out[c.Service] = c.State
		}
	}
	return out
}

// running waits until the Engine says that a service runs. What containerd tells
// of a pause may arrive after the container goes on again, and for that moment
// the Engine calls it paused.
func (w *world) running(service string) {
	w.t.Helper()
	eventually(w.t, func() bool { return w.states()[service] == "running" }, func() string { return fmt.Sprint(w.states()) })
}

func TestStopStartRemove(t *testing.T) {
	w := newWorld(t)
	yaml := append(file(
		healthy("db", imageA, "volumes: [\"data:/data\"]"),
		service{"once", "image: " + imageA + "\ncommand: [print, migrated]\ndepends_on: {db: {condition: service_healthy}}"},
		healthy("api", imageA, "depends_on: {db: {condition: service_healthy}, once: {condition: service_completed_successfully}}"),
	), []byte("volumes: {data: {}}\n")...)
	w.up(yaml)
	onceStarted := func() time.Time {
		list, _ := w.Containers(w.ctx)
		i := slices.IndexFunc(list, func(c stack.Container) bool { return c.Project == w.project && c.Service == "once" })
		return list[i].Started
	}
	ran := onceStarted()

	if err := w.Stop(w.ctx, w.project, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if s := w.states(); s["db"] != "exited" || s["api"] != "exited" {
		t.Errorf("after stop: %v", s)
	}
	if err := w.Start(w.ctx, w.project); err != nil {
		t.Fatal(err)
	}
	list, _ := w.Containers(w.ctx)
	for _, c := range list {
		if c.Project == w.project && c.Service != "once" && c.Health != "healthy" {
			t.Errorf("after start %s is %s", c.Service, c.Health)
		}
	}
	if !onceStarted().Equal(ran) {
		t.Error("start ran the one-shot service again")
	}
	if touched := w.up(yaml); len(touched) != 0 {
		t.Errorf("up after stop and start touched %v", touched)
	}
	if err := w.Remove(w.ctx, w.project); err != nil {
		t.Fatal(err)
	}
	if s := w.states(); len(s) != 0 {
		t.Errorf("after remove: %v", s)
	}
	networks, _ := w.Networks(w.ctx)
	if slices.Contains(networks, w.project+"_default") {
		t.Error("the default network is still there")
	}
	if _, err := w.api.VolumeInspect(w.ctx, w.project+"_data", client.VolumeInspectOptions{}); err != nil {
		t.Errorf("the volume is gone: %v", err)
	}
	if err := w.Start(w.ctx, w.project); err == nil {
		t.Error("a project without containers started")
	}
}

func TestStopGivesGraceThenKills(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA)), "api")
	began := time.Now()
	if err := w.Stop(w.ctx, w.project, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a service that obeys took %s to stop", took)
	}
	if s := w.states(); s["api"] != "exited" {
		t.Errorf("api is %s", s["api"])
	}
}

func TestRemoveKeepsSharedNetworksAndOtherProjects(t *testing.T) {
	base, app := newWorld(t), newWorld(t)
	shared := base.project + "_app"
	base.up(append(file(healthy("db", imageA, "networks: [app]")), []byte("networks: {app: {name: "+shared+"}}\n")...))
	app.up(append(file(healthy("api", imageA, "networks: {app: {aliases: [api-one]}}")), []byte("networks: {app: {name: "+shared+", external: true}}\n")...))
	t.Cleanup(func() { _ = app.Remove(context.Background(), app.project) })
	before := base.ids()
	if err := app.Stop(app.ctx, app.project, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := app.Remove(app.ctx, app.project); err != nil {
		t.Fatal(err)
	}
	networks, _ := base.Networks(base.ctx)
	if !slices.Contains(networks, shared) || base.ids()["db"] != before["db"] || base.states()["db"] != "running" {
		t.Error("removing one project touched the other")
	}
}

func TestRunOnceReturnsOutputAndExitCode(t *testing.T) {
	w := newWorld(t)
	yaml := file(
		healthy("db", imageA),
		service{"migrate", "image: " + imageA + "\ncommand: [print, migrated]\nrestart: always\ndepends_on: {db: {condition: service_healthy}}"},
		service{"broken", "image: " + imageA + "\ncommand: [fail, \"3\"]"},
		service{"absent", "image: nowhere.invalid/none:1"},
	)
	for range 2 { // a second run is a fresh one
		out, err := w.RunOnce(w.ctx, w.project, yaml, "migrate")
		if err != nil || out.Exit != 0 || string(out.Stdout) != "migrated\n" || string(out.Stderr) != "to stderr\n" {
			t.Fatalf("got %d, %q, %q, %v", out.Exit, out.Stdout, out.Stderr, err)
		}
	}
	out, err := w.RunOnce(w.ctx, w.project, yaml, "broken")
	if err != nil || out.Exit != 3 || !strings.Contains(string(out.Stderr), "reason: asked to") {
		t.Errorf("got %d, %q, %v", out.Exit, out.Stderr, err)
	}
	var missing *MissingImageError
	if _, err := w.RunOnce(w.ctx, w.project, yaml, "absent"); !errors.As(err, &missing) {
		t.Errorf("got %v, want a missing image", err)
	}
	if ids := w.ids(); len(ids) != 0 {
		t.Errorf("left containers %v", ids)
	}
}

func TestRunOnceKeepsTheEndOfALongLog(t *testing.T) {
	w := newWorld(t)
	out, err := w.RunOnce(w.ctx, w.project, file(service{"loud", "image: " + imageA + "\ncommand: [flood, \"60000\"]"}), "loud")
	if err != nil || len(out.Stdout) != onceLimit {
		t.Errorf("kept %d bytes, %v", len(out.Stdout), err)
	}
}

func TestRunOnceCancelledKillsAndRemoves(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := w.RunOnce(ctx, w.project, file(service{"migrate", "image: " + imageA + "\ncommand: [sleep]"}), "migrate")
		done <- err
	}()
	eventually(t, func() bool { return w.states()["migrate"] == "running" }, func() string { return "migrate runs" })
	cancel()
	if err := <-done; stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("got %v, want interrupted", err)
	}
	if ids := w.ids(); len(ids) != 0 {
		t.Errorf("left containers %v", ids)
	}
}

func TestStopCanBeLimitedToSomeServices(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA), healthy("worker", imageA)))
	if err := w.Stop(w.ctx, w.project, 5*time.Second, "worker"); err != nil {
		t.Fatal(err)
	}
	if got := w.states(); got["worker"] != "exited" || got["api"] != "running" {
		t.Errorf("states are %v", got)
	}
}

// Somebody has paused a container, for a look at it or a copy of its disk.
func TestWhatIsPausedGoesOn(t *testing.T) {
	w := newWorld(t)
	yaml := file(healthy("web", imageA), healthy("db", imageA))
	w.up(yaml)
	pause := func() {
		t.Helper()
		if _, err := w.api.ContainerPause(w.ctx, w.ids()["web"], client.ContainerPauseOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	before := w.ids()
	pause()
	w.up(yaml, "web")
	pause()
	if err := w.Start(w.ctx, w.project); err != nil {
		t.Fatal(err)
	}
	w.running("web")
	if after := w.ids(); after["web"] != before["web"] {
		t.Errorf("web was %s and is %s", before["web"], after["web"])
	}
}

// Somebody has removed a network by force, or taken a container off it.
func TestAContainerThatIsOffItsNetworkIsMadeAnew(t *testing.T) {
	for name, c := range map[string]struct{ stopped, gone bool }{
		"the container was taken off":                    {false, false},
		"the network was removed":                        {false, true},
		"the network of a stopped container was removed": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			back := w.project + "_back"
			yaml := append(file(healthy("api", imageA, "networks: [front, back]"), healthy("web", imageA, "networks: [front]")), []byte(
				"networks: {front: {name: "+w.project+"_front}, back: {name: "+back+"}}\n")...)
			w.up(yaml)
			before := w.ids()
			if c.stopped {
				if _, err := w.api.ContainerStop(w.ctx, before["api"], client.ContainerStopOptions{}); err != nil {
					t.Fatal(err)
				}
			} else if _, err := w.api.NetworkDisconnect(w.ctx, back, client.NetworkDisconnectOptions{Container: before["api"], Force: true}); err != nil {
				t.Fatal(err)
			}
			if c.gone {
				if _, err := w.api.NetworkRemove(w.ctx, back, client.NetworkRemoveOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if touched := w.up(yaml); !slices.Equal(touched, []string{"api"}) || w.ids()["web"] != before["web"] {
				t.Errorf("touched %v", touched)
			}
			list, err := w.Containers(w.ctx)
			i := slices.IndexFunc(list, func(c stack.Container) bool { return c.ID == w.ids()["api"] })
			if err != nil || i < 0 || !slices.Equal(list[i].Networks, []string{back, w.project + "_front"}) {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}
