package compose

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
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
		"one that drains then":             {func(a, b *stack.Container) { old(a, "running"); a.Release = "bbbbbbbbbbbb"; *b = *a }, ""},
		"another project's":                {func(a, b *stack.Container) { old(a, "running"); a.Labels[stack.LabelProject] = "stack2"; *b = *a }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Draining = []string{"bbbbbbbbbbbb"}
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

// TestWhatHasNoHealthCheckIsLookedAtOnceItHasRunForAWhile: a worker that gives up on
// its queue after 20 s ends after every other gate has passed.
func TestWhatHasNoHealthCheckIsLookedAtOnceItHasRunForAWhile(t *testing.T) {
	for name, c := range map[string]struct {
		health string
		ran    time.Duration
		caught bool
		waits  time.Duration
	}{
		"no health check":            {"", 3 * time.Second, true, 22 * time.Second},
		"none is said":               {"none", 3 * time.Second, true, 22 * time.Second},
		"no health check, for long":  {"", time.Hour, false, between},
		"a health check that passes": {"healthy", 3 * time.Second, false, between},
		"by a clock that is ahead":   {"", -time.Hour, true, proven},
	} {
		t.Run(name, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				one := stack.Container{ID: "1", Name: "api-1", Service: "api", Project: d.Release.AppProject(), Release: d.Release.ID, State: "running", Started: began.Add(-c.ran), Health: c.health}
				d.Server = &dying{Server: d.Fake, one: one, at: began.Add(20 * time.Second)}
				a, err := steady(t.Context(), d.Subject)
				if err != nil || (len(a.Findings) > 0) != c.caught {
					t.Errorf("found %v, %v", a.Findings, err)
				}
				if took := time.Since(began); took != c.waits {
					t.Errorf("it looked for %s, want %s", took, c.waits)
				}
			})
		})
	}
}

// dying is a server whose one container ends at some time; its clock is the test's.
type dying struct {
	gate.Server
	one stack.Container
	at  time.Time
}

func (d *dying) Containers(context.Context) ([]stack.Container, error) {
	c := d.one
	if !time.Now().Before(d.at) {
		c.State = "exited"
	}
	return []stack.Container{c}, nil
}

func (d *dying) Run(context.Context, ...string) (stack.Output, error) {
	return stack.Output{Stdout: fmt.Appendf(nil, "%d.%09d\n", time.Now().Unix(), time.Now().Nanosecond())}, nil
}
