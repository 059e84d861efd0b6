package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

const (
	// between is the time between the two looks.
	between = 500 * time.Millisecond
	// proven is how long a container must have run whose image and service have no
	// health check: many end only once they have waited for what is not there.
	proven = 25 * time.Second
	// recent is for how long an end by itself is told: what came back and has
	// run on for longer is past.
	recent = 10 * time.Minute
	// starts is how often a service may have ended until what it needs was there,
	// as many do that wait for a database by ending.
	starts = 2
)

// Steady looks last, after every other gate has asked its questions: what died
// of them, or dies by itself, is told before the release counts as good.
func Steady() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G9", Name: "steady", Phase: stack.PhasePost, Alone: true,
		Question: "Do the release's containers run on, and does no other release run beside it?",
		Refs:     []string{"SPEC S9", "SPEC D4", "ASVS 13.2.6"},
		Inspects: "each container of the project in two looks half a second apart, after all other gates, the second not before a container without a health check has run for 25 s: its start, its restarts, whether memory ended it, and whose release it is",
		Check:    steady,
	}
}

func steady(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	a := gate.Answer{Of: "containers, looked at twice"}
	if s.Server == nil {
		return a, errors.New("no connection to the server")
	}
	first, err := s.Server.Containers(ctx)
	if err != nil {
		return a, fmt.Errorf("list the host's containers: %w", err)
	}
	now, _ := probe.Now(ctx, s)
	probe.Wait(ctx, max(between, unproven(s, first, now)))
	now, _ = probe.Now(ctx, s)
	second, err := s.Server.Containers(ctx)
	if err != nil {
		return a, fmt.Errorf("list the host's containers again: %w", err)
	}
	for _, c := range second {
		svc, declared := s.Release.Service(c.Service)
		switch {
		case probe.Current(s, c) && declared && !svc.OneShot && !c.OneShot():
			a.Inspected++
			a.Findings = append(a.Findings, unsteady(svc, before(first, c), c, s.Started, now)...)
		case rival(s, c):
			a.Inspected++
			a.Findings = append(a.Findings, stack.Finding{Subject: "container " + c.Name, Rule: otherReleaseRule.ID, Problem: "a container of another release runs beside this one",
				Expected: "containers of release " + s.Release.ID, Observed: c.Service + " of release " + c.Release, Fix: otherReleaseRule.Fix})
		}
	}
	return a, nil
}

// unproven returns how long the youngest container of the release without a health
// check has yet to run.
func unproven(s gate.Subject, containers []stack.Container, now time.Time) time.Duration {
	var left time.Duration
	for _, c := range containers {
		svc, declared := s.Release.Service(c.Service)
		if probe.Current(s, c) && declared && !svc.OneShot && !c.OneShot() && c.State == "running" && (c.Health == "" || c.Health == "none") {
			left = max(left, proven-now.Sub(c.Started))
		}
	}
	return min(left, proven) // its clock may be another one
}

// before is the container as the first look saw it.
func before(first []stack.Container, c stack.Container) stack.Container {
	i := slices.IndexFunc(first, func(o stack.Container) bool { return o.ID == c.ID })
	if i < 0 {
		return c
	}
	return first[i]
}

// unsteady tells of a container that does not run on. begun are the containers
// as they were when the judgement began: what ended before that and came back
// has started.
func unsteady(svc stack.Service, was, c stack.Container, begun []stack.Container, now time.Time) []stack.Finding {
	tell := func(problem, observed string) []stack.Finding {
		f := containerFinding(steadyRule, svc, problem, "it runs on", observed, "see stackctl logs "+svc.Name)
		f.Subject = "container " + c.Name
		return []stack.Finding{f}
	}
	ended := "it ended by itself"
	if c.OutOfMemory {
		ended = "memory ran out and it was ended"
	}
	switch {
	case c.State == "restarting" || !c.Started.Equal(was.Started) || c.Restarts != was.Restarts:
		return tell("it does not stay up: "+ended+" between two looks", fmt.Sprintf("%s, %d restarts, then %s, %d restarts", was.State, was.Restarts, c.State, c.Restarts))
	case was.State == "running" && c.State != "running" && c.State != "paused":
		return tell(ended+" between two looks", c.State)
	case c.Restarts > allowed(begun, c) && now.Sub(c.Started) < recent:
		return tell(ended+" and was started again", fmt.Sprintf("%d restarts, the last one at %s", c.Restarts, c.Started.UTC().Format(time.RFC3339)))
	}
	return nil
}

// allowed is how often a container may have been started again.
func allowed(begun []stack.Container, c stack.Container) int {
	i := slices.IndexFunc(begun, func(o stack.Container) bool { return o.ID == c.ID })
	switch {
	case i >= 0:
		return begun[i].Restarts
	case c.OutOfMemory:
		return 0
	}
	return starts
}

// rival reports whether a container is of a release of this project that should
// not run any more.
func rival(s gate.Subject, c stack.Container) bool {
	mine := c.Labels[stack.LabelProject] == s.Release.Project && s.Release.Project != ""
	return mine && c.Active() && c.Release != "" && c.Release != s.Release.ID && !slices.Contains(s.Draining, c.Release)
}
