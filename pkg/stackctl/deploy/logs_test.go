package deploy

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// speaking is a server whose containers have log lines.
type speaking struct {
	node.Server
	now []stack.Container
}

func (s speaking) Containers(context.Context) ([]stack.Container, error) { return s.now, nil }
func (speaking) Logs(_ context.Context, id string, _ stack.LogOptions, out, _ io.Writer) error {
	_, err := io.WriteString(out, id+" says\n")
	return err
}

func TestWhatEndedByItselfIsToldOnceThoughItRunsAgain(t *testing.T) {
	of := func(service, health string, restarts int, hungry bool) stack.Container {
		return stack.Container{ID: service, Project: "shop-new", Service: service, Release: "new", State: "running", Health: health, Restarts: restarts, OutOfMemory: hungry}
	}
	var notes []string
	d := &Deployer{Now: time.Now, Emit: func(e stack.Event) { notes = append(notes, e.Message) }}
	x := &executor{story: d.begin("deploy"), server: speaking{now: []stack.Container{
		of("api", "healthy", 2, true), of("web", "healthy", 0, false), of("worker", "unhealthy", 0, false), of("admin", "starting", 1, false),
		{ID: "other", Project: "shop", Service: "edge", State: "running", Restarts: 9},
	}}}
	x.logs(t.Context(), "shop-new")
	x.logs(t.Context(), "shop-new") // a step that failed, and its undo
	for service, kept := range map[string]bool{"api": true, "admin": true, "worker": true, "web": false, "edge": false} {
		if _, there := x.report.Logs[service]; there != kept {
			t.Errorf("the lines of %s are kept: %t", service, there)
		}
	}
	said := strings.Join(notes, "\n")
	if len(notes) != 2 || !strings.Contains(said, "api of release new ended by itself and was started again (restarts so far: 2); it was killed for want of memory") ||
		!strings.Contains(said, "admin of release new ended by itself and was started again (restarts so far: 1)") {
		t.Errorf("it notes\n%s", said)
	}
}

func TestWhatALogSaysOfAStoreIsNotedOnce(t *testing.T) {
	var notes []string
	d := &Deployer{Now: time.Now, Emit: func(e stack.Event) { notes = append(notes, e.Message) }}
	x := &executor{story: d.begin("deploy")}
	for range 2 {
		x.keepLog("api", "FATAL: password authentication failed for user app\n")
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "refuses the password") {
		t.Errorf("it notes %q", notes)
	}
}
