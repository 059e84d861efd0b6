package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"

	"stackctl/pkg/stackctl/stack"
)

func TestUpTouchesNothingTheSecondTime(t *testing.T) {
	w := newWorld(t)
	yaml := file(
		healthy("db", imageA),
		service{"once", "image: " + imageA + "\ncommand: [print, migrated]\nx-stackctl: {run: once}\ndepends_on: {db: {condition: service_healthy}}"},
		healthy("api", imageA, "depends_on: {db: {condition: service_healthy}, once: {condition: service_completed_successfully}}"),
	)
	var mu sync.Mutex
	var story []string
	touched, err := w.Up(w.ctx, w.project, yaml, nil, func(service, state string) {
		mu.Lock()
		defer mu.Unlock()
		story = append(story, service+" "+state)
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"api", "db", "once"}; !slices.Equal(touched, want) {
		t.Errorf("touched %v, want %v", touched, want)
	}
	order := []string{"db starting", "db healthy", "once starting", "once completed", "api starting", "api healthy"}
	at := -1
	for _, s := range order {
		i := slices.Index(story, s)
		if i <= at {
			t.Errorf("%q is not in its place in %q", s, story)
		}
		at = i
	}
	before, _ := w.Containers(w.ctx)
	if touched := w.up(yaml); len(touched) != 0 {
		t.Errorf("the second time touched %v", touched)
	}
	after, _ := w.Containers(w.ctx)
	for _, c := range before {
		i := slices.IndexFunc(after, func(o stack.Container) bool { return o.ID == c.ID && o.Started.Equal(c.Started) })
		if c.Project == w.project && i < 0 {
			t.Errorf("container %s was replaced or restarted", c.Name)
		}
	}
}

func TestUpStartsOnlyTheNamedServicesAndWhatTheyNeed(t *testing.T) {
	w := newWorld(t)
	yaml := file(healthy("db", imageA), healthy("api", imageA, "depends_on: {db: {condition: service_healthy}}"), healthy("web", imageA))
	if touched := w.up(yaml, "api"); !slices.Equal(touched, []string{"api", "db"}) {
		t.Errorf("touched %v, want api and db", touched)
	}
	if _, err := w.Up(w.ctx, w.project, yaml, []string{"nothing"}, nil); err == nil || !strings.Contains(err.Error(), "nothing is not in project") {
		t.Errorf("an unknown service gave %v", err)
	}
}

func TestUpRecreatesOnlyTheChangedService(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("db", imageA), healthy("api", imageA)))
	before := w.ids()
	touched := w.up(file(healthy("db", imageA), healthy("api", imageA, "environment: {NEW: value}")))
	after := w.ids()
	if !slices.Equal(touched, []string{"api"}) || before["db"] != after["db"] || before["api"] == after["api"] {
		t.Errorf("touched %v; containers before %v, after %v", touched, before, after)
	}
	// Another image under the same definition counts too.
	touched = w.up(file(healthy("db", imageB), healthy("api", imageA, "environment: {NEW: value}")))
	if !slices.Equal(touched, []string{"db"}) {
		t.Errorf("a changed image touched %v", touched)
	}
}

func TestUpRecreatesWhenATagMoved(t *testing.T) {
	moving := "stackctl-engine-test/moving:" + random()
	var w *world
	t.Cleanup(func() { // after the containers are gone
		if err := w.RemoveImage(context.Background(), moving); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	w = newWorld(t)
	if err := w.Tag(w.ctx, imageA, moving); err != nil {
		t.Fatal(err)
	}
	yaml := file(healthy("api", moving))
	w.up(yaml)
	if err := w.Tag(w.ctx, imageB, moving); err != nil {
		t.Fatal(err)
	}
	touched := w.up(yaml)
	if !slices.Equal(touched, []string{"api"}) {
		t.Errorf("touched %v, want api", touched)
	}
}

func TestUpNamesTheMissingImage(t *testing.T) {
	w := newWorld(t)
	_, err := w.Up(w.ctx, w.project, file(healthy("db", imageA), healthy("api", "nowhere.invalid/none:1")), nil, nil)
	var missing *MissingImageError
	if !errors.As(err, &missing) || !slices.Equal(missing.Images, []string{"nowhere.invalid/none:1"}) {
		t.Fatalf("got %v, want the missing image named", err)
	}
	if ids := w.ids(); len(ids) != 0 {
		t.Errorf("containers were made: %v", ids)
	}
	id := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	_, err = w.Up(w.ctx, w.project, file(healthy("api", id)), nil, nil)
	if !errors.As(err, &missing) || !slices.Equal(missing.Images, []string{id}) {
		t.Errorf("got %v, want the missing ID named", err)
	}
}

func TestUpRunsAnImageByItsID(t *testing.T) {
	w := newWorld(t)
	list, err := w.Images(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(h stack.HostImage) bool { return slices.Contains(h.Tags, imageA) })
	yaml := file(healthy("api", list[i].ID))
	w.up(yaml)
	if touched := w.up(yaml); len(touched) != 0 {
		t.Errorf("the second time touched %v", touched)
	}
}

func TestUnhealthyServiceErrorTellsEverything(t *testing.T) {
	w := newWorld(t)
	_, err := w.Up(w.ctx, w.project, file(service{"api", "image: " + imageA + `
command: [serve]
healthcheck: {test: [CMD, /app, sick], interval: 50ms, timeout: 5s, retries: 2}`}), nil, nil)
	var s *ServiceError
	if !errors.As(err, &s) {
		t.Fatalf("got %v, want a ServiceError", err)
	}
	if s.Service != "api" || s.State != "running" || s.Health != "unhealthy" || s.Output != "database is away" || s.Container != w.project+"-api-1" {
		t.Errorf("got %+v", s)
	}
	for _, part := range []string{"service api is unhealthy", "state running", "database is away"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q: %v", part, err)
		}
	}
	if c := stack.CauseOf(err); c != stack.CauseStep {
		t.Errorf("cause %s, want step", c)
	}
	var out, errs bytes.Buffer
	if err := w.Logs(w.ctx, s.Container, stack.LogOptions{Tail: 5, Follow: false}, &out, &errs); err != nil || !strings.Contains(out.String(), "serving") {
		t.Errorf("logs gave %q, %v", out.String(), err)
	}
}

func TestExitedAndCrashingServicesFail(t *testing.T) {
	for _, c := range []struct{ name, restart, problem string }{
		{"exits", "no", "exited"},
		{"crashes", "always", "keeps crashing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.Up(w.ctx, w.project, file(service{"api", "image: " + imageA + `
command: [fail, "7"]
restart: "` + c.restart + `"
healthcheck: {test: [CMD, /app, health], interval: 60s}`}), nil, nil)
			var s *ServiceError
			if !errors.As(err, &s) {
				t.Fatalf("got %v, want a ServiceError", err)
			}
			if s.Problem != c.problem || s.ExitCode != 7 {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// Without a health check running is not enough: what ends a moment later was
// never ready.
func TestWhatHasNoHealthCheckMustHaveSettled(t *testing.T) {
	w := newWorld(t)
	_, err := w.Up(w.ctx, w.project, file(service{"api", "image: " + imageA + `
command: [fail, "7"]
restart: always
x-stackctl: {settle: 30s}`}), nil, nil)
	var s *ServiceError
	if !errors.As(err, &s) || s.Problem != "keeps crashing" {
		t.Fatalf("got %v, want a service that keeps crashing", err)
	}
	began := time.Now()
	w.up(file(service{"web", "image: " + imageA + "\ncommand: [serve]\nstop_signal: SIGTERM\nx-stackctl: {settle: 6s}"}))
	if took := time.Since(began); took < 6*time.Second {
		t.Errorf("ready after %s", took)
	}
	began = time.Now()
	w.up(file(service{"web", "image: " + imageA + "\ncommand: [serve]\nstop_signal: SIGTERM\nx-stackctl: {settle: 6s}"}))
	if took := time.Since(began); took >= 6*time.Second {
		t.Errorf("what runs already was waited for, %s", took)
	}
}

func TestFailedOneShotStopsWhatWaitsForIt(t *testing.T) {
	w := newWorld(t)
	yaml := file(
		service{"migrate", "image: " + imageA + "\ncommand: [fail, \"3\"]"},
		healthy("api", imageA, "depends_on: {migrate: {condition: service_completed_successfully}}"),
	)
	_, err := w.Up(w.ctx, w.project, yaml, nil, nil)
	var s *ServiceError
	if !errors.As(err, &s) || s.Service != "migrate" || s.ExitCode != 3 {
		t.Fatalf("got %v, want migrate's exit code 3", err)
	}
	list, _ := w.Containers(w.ctx)
	for _, c := range list {
		if c.Project == w.project && c.Service == "api" && c.State != "created" {
			t.Errorf("api is %s", c.State)
		}
	}
}

func TestDeadlineNamesTheServiceThatWasWaitedFor(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(w.ctx, 8*time.Second)
	defer cancel()
	_, err := w.Up(ctx, w.project, file(service{"slow", "image: " + imageA + `
command: [sleep]
healthcheck: {test: [CMD, /app, health], interval: 100ms, start_period: 60s, retries: 600}`}), nil, nil)
	var s *ServiceError
	if !errors.As(err, &s) || s.Service != "slow" || s.Health != "starting" || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want slow named as not ready in time", err)
	}
}

func TestCancelledWaitLeavesNoGoroutine(t *testing.T) {
	w := newWorld(t)
	yaml := file(service{"slow", "image: " + imageA + `
command: [sleep]
healthcheck: {test: [CMD, /app, health], interval: 10s}`})
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(w.ctx)
	e, err := Open(w.ctx, unix)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Up(ctx, w.project, yaml, nil, func(_, state string) {
		if state == "started" {
			cancel()
		}
	})
	cancel()
	if c := stack.CauseOf(err); c != stack.CauseInterrupted {
		t.Errorf("got %v with cause %s, want interrupted", err, c)
	}
	_ = e.Close()
	eventually(t, func() bool { return runtime.NumGoroutine() <= before }, func() string {
		b := make([]byte, 1<<20)
		return string(b[:runtime.Stack(b, true)])
	})
}

// eventually waits for a condition for at most 30 seconds.
func eventually(t testing.TB, ok func() bool, describe func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if ok() {
			return
		}
	}
	t.Fatalf("it did not happen: %s", describe())
}

func TestChangedVolumeIsNeverRemade(t *testing.T) {
	w := newWorld(t)
	yaml := func(label string) []byte {
		return append(file(healthy("db", imageA, "volumes: [\"data:/data\"]")), []byte("volumes: {data: {labels: {v: \""+label+"\"}}}\n")...)
	}
	w.up(yaml("1"))
	if _, err := w.Up(w.ctx, w.project, yaml("2"), nil, nil); err == nil || !strings.Contains(err.Error(), "stackctl never does") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestEveryDeclaredNetworkIsMade(t *testing.T) {
	w := newWorld(t)
	yaml := append(file(healthy("db", imageA, "networks: [data]")), []byte(
		"networks: {data: {name: "+w.project+"_data, internal: true}, app: {name: "+w.project+"_app}, gone: {name: nowhere, external: true}}\n"+
			"volumes: {gone: {name: nowhere, external: true}}\n")...)
	w.up(yaml, "db")
	networks, err := w.Networks(w.ctx)
	if err != nil || !slices.Contains(networks, w.project+"_app") || !slices.Contains(networks, w.project+"_data") {
		t.Errorf("networks are %v, %v", networks, err)
	}
}

func TestAContainerThatWasLeftHalfMadeIsMadeAnew(t *testing.T) {
	w := newWorld(t)
	yaml := append(file(healthy("api", imageA, "networks: [front, back]")), []byte(
		"networks: {front: {name: "+w.project+"_front}, back: {name: "+w.project+"_back}}\n")...)
	p, err := load(w.ctx, w.project, yaml)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.create(w.ctx, p, &events{}, api.RecreateDiverged); err != nil {
		t.Fatal(err)
	}
	half := w.ids()["api"]
	if _, err := w.api.NetworkDisconnect(w.ctx, w.project+"_back", client.NetworkDisconnectOptions{Container: half}); err != nil {
		t.Fatal(err)
	}
	w.up(yaml)
	res, err := w.api.ContainerInspect(w.ctx, w.ids()["api"], client.ContainerInspectOptions{})
	if err != nil || len(res.Container.NetworkSettings.Networks) != 2 || w.ids()["api"] == half {
		t.Errorf("%v; networks %v", err, res.Container.NetworkSettings)
	}
}

func TestOrphansStayUntilAskedFor(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA), healthy("old", imageA)))
	smaller := file(healthy("api", imageA))
	w.up(smaller)
	if w.ids()["old"] == "" {
		t.Fatal("the orphan was removed unasked")
	}
	if err := w.RemoveServices(w.ctx, w.project, []string{"old"}); err != nil || w.ids()["old"] != "" || w.ids()["api"] == "" {
		t.Errorf("%v; left %v", err, w.ids())
	}
}

func TestNothingIsPrinted(t *testing.T) {
	w := newWorld(t)
	r, p, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = p, p
	// The secret's uid makes Compose warn.
	secret := t.TempDir() + "/secret"
	_ = os.WriteFile(secret, []byte("x"), 0o644)
	yaml := append(file(healthy("api", imageA, "secrets: [{source: s, uid: \"1\"}]"), healthy("old", imageA)), []byte("secrets: {s: {file: "+secret+"}}\n")...)
	_, upErr := w.Up(w.ctx, w.project, yaml, nil, nil)
	_, missErr := w.Up(w.ctx, w.project, file(healthy("api", "nowhere.invalid/none:1")), nil, nil)
	os.Stdout, os.Stderr = stdout, stderr
	p.Close()
	if b, _ := io.ReadAll(r); len(b) != 0 {
		t.Errorf("printed %q", b)
	}
	if upErr != nil || missErr == nil {
		t.Errorf("up gave %v and %v", upErr, missErr)
	}
	// Its output was taken before the pipe was there.
	if logrus.StandardLogger().Out != io.Discard {
		t.Error("Compose's warnings go somewhere")
	}
}
