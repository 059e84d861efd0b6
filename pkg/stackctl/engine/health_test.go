package engine

import (
	"context"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

func TestOneCountsAsUnhealthyByItsChecksAlone(t *testing.T) {
	bad, good := &container.HealthcheckResult{ExitCode: 1}, &container.HealthcheckResult{}
	for name, c := range map[string]struct {
		state   container.ContainerState
		health  container.Health
		retries int
		want    container.HealthStatus
	}{
		"as many failed as must":     {container.StateRunning, container.Health{Status: container.Unhealthy, FailingStreak: 2, Log: []*container.HealthcheckResult{bad}}, 2, container.Unhealthy},
		"the engine's own number":    {container.StateRunning, container.Health{Status: container.Unhealthy, FailingStreak: 3}, 0, container.Unhealthy},
		"one failed before a pause":  {container.StateRunning, container.Health{Status: container.Unhealthy, FailingStreak: 1, Log: []*container.HealthcheckResult{bad}}, 2, container.Starting},
		"a failed one did not count": {container.StateRunning, container.Health{Status: container.Unhealthy, Log: []*container.HealthcheckResult{bad}}, 2, container.Starting},
		"paused when it was well":    {container.StateRunning, container.Health{Status: container.Unhealthy, Log: []*container.HealthcheckResult{good}}, 2, container.Starting},
		"never checked":              {container.StateRunning, container.Health{Status: container.Unhealthy}, 2, container.Starting},
		"it is paused":               {container.StatePaused, container.Health{Status: container.Unhealthy}, 2, container.Unhealthy},
		"well":                       {container.StateRunning, container.Health{Status: container.Healthy}, 2, container.Healthy},
		"no health check":            {container.StateRunning, container.Health{}, 2, container.NoHealthcheck},
	} {
		in := container.InspectResponse{State: &container.State{Status: c.state, Health: &c.health},
			Config: &container.Config{Healthcheck: &container.HealthConfig{Retries: c.retries}}}
		if got := lookAt(in).health; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// unready is a service whose check fails until serving lets it pass.
func unready(name, interval, retries string) service {
	return service{name, "image: " + imageA + `
command: [sleep]
stop_signal: SIGTERM
healthcheck: {test: [CMD, /app, health], interval: ` + interval + `, timeout: 5s, retries: ` + retries + `}
`}
}

// serving makes a container's check pass from now on.
func (w *world) serving(id string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = w.Exec(ctx, id, "/app", "serve") }()
	w.t.Cleanup(func() { cancel(); <-ended })
	for w.ctx.Err() == nil {
		if out, err := w.Exec(w.ctx, id, "/app", "health"); err == nil && out.Exit == 0 {
			return
		}
	}
	w.t.Fatal("it does not serve")
}

// failedChecks waits until so many checks of a service have failed, and gives
// its container.
func (w *world) failedChecks(service string, n int) string {
	w.t.Helper()
	for ; w.ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		id := w.ids()[service]
		if id == "" {
			continue
		}
		res, err := w.api.ContainerInspect(w.ctx, id, client.ContainerInspectOptions{})
		if err == nil && res.Container.State.Health != nil && res.Container.State.Health.FailingStreak >= n {
			return id
		}
	}
	w.t.Fatalf("no %d checks of %s have failed", n, service)
	return ""
}

func TestOneWhoseChecksAreBegunAgainIsJudgedByANewOne(t *testing.T) {
	w := newWorld(t)
	ended := make(chan error, 1)
	go func() {
		_, err := w.Up(w.ctx, w.project, file(unready("api", "1s", "50")), nil, nil)
		ended <- err
	}()
	id := w.failedChecks("api", 1)
	if err := w.blink(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	w.failedChecks("api", 3) // the wait has seen it by now
	w.serving(id)
	if err := <-ended; err != nil {
		t.Errorf("it was given up: %v", err)
	}
}

func TestAnUnhealthyOneThatWasPausedIsJudgedByANewCheck(t *testing.T) {
	w := newWorld(t)
	yaml := file(unready("api", "5s", "1"))
	if _, err := w.Up(w.ctx, w.project, yaml, nil, nil); err == nil {
		t.Fatal("it is well without serving")
	}
	id := w.ids()["api"]
	w.serving(id)
	if _, err := w.api.ContainerPause(w.ctx, id, client.ContainerPauseOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Up(w.ctx, w.project, yaml, nil, nil); err != nil {
		t.Errorf("it was given up: %v", err)
	}
	if w.ids()["api"] != id {
		t.Error("it was made anew")
	}
}

func TestTheNextHealthCheckIsDueByTheRuleOfTheNudge(t *testing.T) {
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) time.Time { return started.Add(time.Duration(seconds) * time.Second) }
	in := container.InspectResponse{
		State:  &container.State{Status: container.StateRunning, Health: &container.Health{Status: container.Healthy}},
		Config: &container.Config{Healthcheck: &container.HealthConfig{Interval: 10 * time.Second, Timeout: 5 * time.Second}},
	}
	told := func(what string, wantLast, wantDue time.Time) {
		t.Helper()
		if last, due := lastAndNext(in, started); !last.Equal(wantLast) || !due.Equal(wantDue) {
			t.Errorf("%s: last %s, due %s", what, last, due)
		}
	}
	_, every := checksOf(in)
	told("never checked", time.Time{}, started.Add(every))
	in.State.Health.Log = []*container.HealthcheckResult{{End: at(-60)}}
	told("checked before it was started anew", time.Time{}, started.Add(every))
	in.State.Health.Log = append(in.State.Health.Log, &container.HealthcheckResult{End: at(60)})
	told("checked", at(60), at(60).Add(every))
	in.State.Status = container.StatePaused
	told("paused", time.Time{}, time.Time{})
	in.State.Status, in.State.Health = container.StateRunning, nil
	told("no health check", time.Time{}, time.Time{})
}
