package compose

import (
	"context"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

// looks is a server whose containers change from one look to the next.
type looks struct {
	gate.Server
	lists [][]stack.Container
	n     int
}

func (l *looks) Containers(context.Context) ([]stack.Container, error) {
	l.n++
	return l.lists[min(l.n, len(l.lists))-1], nil
}

func TestSteadyCatchesWhatDoesNotRunOn(t *testing.T) {
	hours, moment := time.Now().Add(-5*time.Hour), time.Now().Add(-time.Minute)
	for name, m := range map[string]struct {
		change func(first, second *stack.Container)
		want   string
	}{
		"steady":                           {func(_, _ *stack.Container) {}, ""},
		"started again between the looks":  {func(_, b *stack.Container) { b.Started = moment }, "between two looks"},
		"counts a restart":                 {func(_, b *stack.Container) { b.Restarts = 1 }, "between two looks"},
		"waits to be restarted":            {func(a, b *stack.Container) { a.State, b.State = "restarting", "restarting" }, "does not stay up"},
		"ended between the looks":          {func(_, b *stack.Container) { b.State = "exited" }, "exited"},
		"ended for want of memory":         {func(_, b *stack.Container) { b.State, b.OutOfMemory = "exited", true }, "memory ran out"},
		"restarted while the gates asked":  {func(a, b *stack.Container) { a.Restarts, a.Started = 3, moment; *b = *a }, "3 restarts"},
		"memory ended it while they asked": {func(a, b *stack.Container) { a.Restarts, a.Started, a.OutOfMemory = 1, moment, true; *b = *a }, "memory ran out"},
		"restarted long ago":               {func(a, b *stack.Container) { a.Restarts = 7; *b = *a }, ""},
		"an old worker":                    {func(a, b *stack.Container) { old(a, "running"); *b = *a }, "another release runs beside"},
		"an old worker that is paused":     {func(a, b *stack.Container) { old(a, "paused"); *b = *a }, "another release runs beside"},
		"an old worker that is stopped":    {func(a, b *stack.Container) { old(a, "exited"); *b = *a }, ""},
		"the release before, which drains": {func(a, b *stack.Container) { old(a, "running"); a.Release = "bbbbbbbbbbbb"; *b = *a }, ""},
		"another project's":                {func(a, b *stack.Container) { old(a, "running"); a.Labels[stack.LabelProject] = "stack2"; *b = *a }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Before = &gate.Before{ID: "bbbbbbbbbbbb"}
			list := func() []stack.Container {
				return []stack.Container{
					{ID: "1", Name: "api-1", Service: "api", Project: d.Release.AppProject(), Release: d.Release.ID, State: "running", Started: hours, Labels: map[string]string{stack.LabelProject: "stack"}},
					{ID: "2", Name: "web-1", Service: "web", Project: d.Release.AppProject(), Release: d.Release.ID, State: "running", Started: hours},
				}
			}
			first, second := list(), list()
			m.change(&first[0], &second[0])
			d.Server = &looks{Server: d.Fake, lists: [][]stack.Container{first, second}}
			if m.want == "" {
				gatetest.Passes(t, Steady(), d.Subject)
				return
			}
			gatetest.Catches(t, Steady(), d.Subject, m.want)
		})
	}
}

func old(c *stack.Container, state string) {
	c.State, c.Release, c.Project, c.Service, c.Name = state, "cccccccccccc", stack.AppProject("stack", "cccccccccccc"), "worker", "old-worker-1"
}

// TestAServiceThatEndedUntilItsDatabaseWasThereHasStarted: what counts is what
// ends once the release is judged.
func TestAServiceThatEndedUntilItsDatabaseWasThereHasStarted(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	c := stack.Container{ID: "1", Name: "api-1", Service: "api", Project: d.Release.AppProject(), Release: d.Release.ID, State: "running", Started: time.Now().Add(-time.Minute), Restarts: 4}
	d.Started = []stack.Container{c}
	d.Server = &looks{Server: d.Fake, lists: [][]stack.Container{{c}}}
	gatetest.Passes(t, Steady(), d.Subject)
	c.Restarts++
	d.Server = &looks{Server: d.Fake, lists: [][]stack.Container{{c}}}
	gatetest.Catches(t, Steady(), d.Subject, "started again")
}
