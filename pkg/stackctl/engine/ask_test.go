package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"stackctl/pkg/stackctl/stack"
)

func TestOneIsReadyWhenItsOwnCommandPasses(t *testing.T) {
	w := newWorld(t)
	yaml := file(service{"api", "image: " + imageA + `
command: [serve]
healthcheck: {test: [CMD, /app, health], interval: 10m, timeout: 5s}
`})
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute) // the Engine's first look comes after ten
	defer cancel()
	if _, err := w.Up(ctx, w.project, yaml, nil, nil); err != nil {
		t.Fatal(err)
	}
	if h := w.healthOf("api"); h != "healthy" {
		t.Errorf("it is %s for the one that asked", h)
	}
	other, err := Open(w.ctx, unix)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w.Engine = other
	if h := w.healthOf("api"); h != "healthy" {
		t.Errorf("it is %s for another", h)
	}
}

func TestAStoreIsReadyWhenTheEngineSaysSo(t *testing.T) {
	w := newWorld(t)
	yaml := file(service{"db", "image: " + imageA + `
command: [serve]
labels: {` + stack.LabelLayer + `: ` + string(stack.LayerData) + `}
healthcheck: {test: [CMD, /app, health], interval: 10m, timeout: 5s}
`})
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Second)
	defer cancel()
	if _, err := w.Up(ctx, w.project, yaml, nil, nil); err == nil {
		t.Error("it counts as ready before the Engine has looked")
	}
	if h := w.healthOf("db"); h != "starting" {
		t.Errorf("it is %s", h)
	}
}

func TestOneThatIsAskedUntilItServes(t *testing.T) {
	w := newWorld(t)
	ended := make(chan error, 1)
	go func() {
		_, err := w.Up(w.ctx, w.project, file(unready("api", "10m", "1")), nil, nil)
		ended <- err
	}()
	id := w.failedChecks("api", 0)
	select {
	case err := <-ended:
		t.Fatalf("it is ready before it serves: %v", err)
	case <-time.After(2 * firstAsk):
	}
	w.serving(id)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// healthOf is a service's health as an observation tells it.
func (w *world) healthOf(service string) string {
	w.t.Helper()
	all, err := w.Containers(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c stack.Container) bool { return c.Project == w.project && c.Service == service })
	if i < 0 {
		w.t.Fatalf("%s has no container", service)
	}
	return all[i].Health
}

func TestTheHealthCommandIsTheEngines(t *testing.T) {
	for name, c := range map[string]struct {
		test, shell, want []string
	}{
		"words":          {[]string{"CMD", "/app", "health"}, nil, []string{"/app", "health"}},
		"a line":         {[]string{"CMD-SHELL", "curl -f localhost || exit 1"}, nil, []string{"/bin/sh", "-c", "curl -f localhost || exit 1"}},
		"another shell":  {[]string{"CMD-SHELL", "true"}, []string{"/bin/bash", "-ec"}, []string{"/bin/bash", "-ec", "true"}},
		"none":           {[]string{"NONE"}, nil, nil},
		"the image's":    {nil, nil, nil},
		"nothing to run": {[]string{"CMD"}, nil, nil},
	} {
		got := healthCommand(container.InspectResponse{Config: &container.Config{Shell: c.shell, Healthcheck: &container.HealthConfig{Test: c.test}}})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOnlyWhatHasJustStartedIsAsked(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	fresh := func() container.InspectResponse {
		return container.InspectResponse{
			State: &container.State{Status: container.StateRunning, StartedAt: now.Add(-time.Second).Format(time.RFC3339Nano),
				Health: &container.Health{Status: container.Starting}},
			Config: &container.Config{Labels: map[string]string{stack.LabelProject: "x"}, Healthcheck: &container.HealthConfig{Test: []string{"CMD", "true"}}},
		}
	}
	for name, c := range map[string]struct {
		change func(*container.InspectResponse)
		want   bool
	}{
		"it has just started":              {func(*container.InspectResponse) {}, true},
		"it lost its checks":               {func(c *container.InspectResponse) { c.State.StartedAt = now.Add(-time.Hour).Format(time.RFC3339Nano) }, false},
		"somebody else's":                  {func(c *container.InspectResponse) { c.Config.Labels = nil }, false},
		"the Engine has found it ill":      {func(c *container.InspectResponse) { c.State.Health.Status = container.Unhealthy }, false},
		"it has ended":                     {func(c *container.InspectResponse) { c.State.Status = container.StateExited }, false},
		"without a health check":           {func(c *container.InspectResponse) { c.State.Health = nil }, false},
		"a store":                          {func(c *container.InspectResponse) { c.Config.Labels[stack.LabelLayer] = string(stack.LayerData) }, false},
		"nobody knows when it was started": {func(c *container.InspectResponse) { c.State.StartedAt = "" }, false},
	} {
		in := fresh()
		c.change(&in)
		if got := askable(in, now); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
