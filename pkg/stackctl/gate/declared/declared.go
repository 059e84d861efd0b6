// Package declared owns the gates that a project declares in stackctl.yaml. It
// must not know the other families.
package declared

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// One makes a gate of a declaration in stackctl.yaml. From there on
// nothing tells it from a built-in one.
func One(o stack.OwnGate) gate.Gate {
	g := gate.Gate{
		Rules: []stack.Rule{rule(o)},
		ID:    o.ID, Name: o.Kind(), Question: o.Title, Phase: o.Phase,
		Refs:      []string{fmt.Sprintf("stackctl.yaml:%d", o.Line)},
		Inspects:  inspects(o),
		Artifacts: []string{artifact(o)},
		Slow:      o.Slow,
		Mutates:   o.Mutates != nil && *o.Mutates,
		Budget:    gate.Budget,
		Check:     func(ctx context.Context, s gate.Subject) (gate.Answer, error) { return check(ctx, s, o) },
	}
	// The budget leaves room for one command at its own limit.
	if o.Command != nil {
		g.Budget += o.Command.Timeout
	}
	if o.SQL != nil {
		g.Budget += o.SQL.Timeout
	}
	return g
}

// artifact is the name of a declared gate's evidence.
func artifact(o stack.OwnGate) string { return "gate-" + strings.ToLower(o.ID) + ".json" }

func inspects(o stack.OwnGate) string {
	switch {
	case o.HTTP != nil:
		where := "through the edge"
		if o.HTTP.Service != "" {
			where = fmt.Sprintf("on %s:%d", o.HTTP.Service, o.HTTP.Port)
		} else if o.Phase == stack.PhasePre {
			where = "on the new release"
		}
		times := ""
		if o.HTTP.Samples > 1 {
			times = fmt.Sprintf(", %d times", o.HTTP.Samples)
		}
		return fmt.Sprintf("%s %s %s%s", o.HTTP.Method, o.HTTP.Path, where, times)
	case o.Command != nil:
		return fmt.Sprintf("what %s says in %s", o.Command.Command[0], o.Command.Service)
	case o.SQL != nil:
		return "what a query gives in " + o.SQL.Service
	}
	return fmt.Sprintf("whether port %d of %s is %s", o.TCP.Port, cmp.Or(o.TCP.Service, "the edge's address"), o.TCP.Expect)
}

// look is one look of a declared gate.
type look struct {
	s      gate.Subject
	o      stack.OwnGate
	words  *strings.Replacer
	record record
	answer gate.Answer
}

// record is the artifact.
type record struct {
	Gate    stack.OwnGate `json:"gate"`
	Release string        `json:"release"`
	// Looked is what was asked, in order.
	Looked       []string          `json:"looked"`
	Expectations []*userExpected   `json:"expectations"`
	Attempts     []stack.Attempt   `json:"attempts,omitempty"`
	Latency      *stack.Latency    `json:"latency,omitempty"`
	Failures     map[string]int    `json:"failures,omitempty"`
	Seen         map[string]string `json:"seen,omitempty"`
}

// userExpected is one expectation, judged as often as there was an answer.
type userExpected struct {
	Subject  string `json:"subject"`
	Expected string `json:"expected"`
	// Observed is the first answer that was not as expected, else the last.
	Observed string `json:"observed"`
	Judged   int    `json:"judged"`
	Failed   int    `json:"failed"`
}

func check(ctx context.Context, s gate.Subject, o stack.OwnGate) (gate.Answer, error) {
	if name := o.Service(); name != "" {
		if _, there := s.Release.Service(name); !there {
			return gate.Answer{Skip: fmt.Sprintf("release %s has no service %s", s.Release.ID, name)}, nil
		}
	}
	l := &look{s: s, o: o, words: strings.NewReplacer("{release}", s.Release.ID, "{domain}", probe.Domain(s)),
		record: record{Gate: o, Release: s.Release.ID, Seen: map[string]string{}, Failures: map[string]int{}}}
	var err error
	switch {
	case o.HTTP != nil:
		err = l.http(ctx, *o.HTTP)
	case o.Command != nil:
		err = l.command(ctx, *o.Command)
	case o.SQL != nil:
		err = l.sql(ctx, *o.SQL)
	default:
		err = l.tcp(ctx, *o.TCP)
	}
	l.conclude()
	return l.answer, errors.Join(err, probe.JSON(s, artifact(o), l.record))
}

// expect notes one judgement of one expectation.
func (l *look) expect(subject, expected, observed string, ok bool) {
	i := slices.IndexFunc(l.record.Expectations, func(e *userExpected) bool { return e.Subject == subject && e.Expected == expected })
	if i < 0 {
		i = len(l.record.Expectations)
		l.record.Expectations = append(l.record.Expectations, &userExpected{Subject: subject, Expected: expected})
	}
	e := l.record.Expectations[i]
	e.Judged++
	if e.Failed == 0 {
		e.Observed = stack.Short(observed, 300)
	}
	if !ok {
		e.Failed++
	}
}

// conclude turns the expectations into the answer.
func (l *look) conclude() {
	a := &l.answer
	a.Of, a.Attempts = "expectations", l.record.Attempts
	for _, e := range l.record.Expectations {
		a.Inspected += e.Judged
		if e.Failed == 0 {
			continue
		}
		observed := e.Observed
		if e.Judged > 1 {
			observed = fmt.Sprintf("%s (%d of %d)", observed, e.Failed, e.Judged)
		}
		l.find(e.Subject, "not as expected", e.Expected, observed)
	}
}

// rule is what the findings of a declared gate come from: the project asked
// the question itself, so the answer counts under every policy.
func rule(o stack.OwnGate) stack.Rule {
	return stack.Rule{ID: "declared/" + strings.ToLower(o.ID), Level: stack.LevelDanger, Asks: o.Title,
		Source: fmt.Sprintf("stackctl.yaml:%d", o.Line), Fix: cmp.Or(o.Fix, "find out what changed; if the site is right, correct the gate")}
}

// find adds a finding with the place and the fix of the declaration.
func (l *look) find(subject, problem, expected, observed string) {
	l.answer.Findings = append(l.answer.Findings, stack.Finding{
		Rule: rule(l.o).ID, Subject: subject, Problem: problem, Expected: expected, Observed: observed, Evidence: artifact(l.o), Fix: rule(l.o).Fix,
		File: l.file(), Line: l.o.Line,
	})
}

// file is stackctl.yaml as the operator knows it.
func (l *look) file() string {
	if rel, err := filepath.Rel(l.s.Config.Root, l.s.Config.File); err == nil {
		return filepath.ToSlash(rel)
	}
	return l.s.Config.File
}

// looked notes what was asked.
func (l *look) looked(format string, args ...any) {
	l.record.Looked = append(l.record.Looked, fmt.Sprintf(format, args...))
}

// containers are where a service of this deployment runs.
func (l *look) containers(ctx context.Context, name string) ([]stack.Container, error) {
	if service, there := l.s.Release.Service(name); there && (service.Layer == stack.LayerData || service.Layer == stack.LayerEdge) {
		if l.s.Server == nil {
			return nil, errors.New("look from the server: no connection given")
		}
		c, err := probe.Lasting(ctx, l.s, name)
		return []stack.Container{c}, err
	}
	return probe.Containers(ctx, l.s, name)
}

// within reports whether a limit of a check's own ended it, not that of the gate.
func within(gate, own context.Context) bool { return gate.Err() == nil && own.Err() != nil }

// Fits refuses declared gates that look at a service that the release does
// not run, and header files that cannot be read.
func Fits(c stack.Config, r stack.Release) error {
	for _, o := range c.Gates.Own {
		bad := func(problem, fix string) error {
			return stack.Usage(c.File, o.Line, "gate "+o.ID+": "+problem, fix)
		}
		if o.HTTP != nil {
			if _, err := secrets(*o.HTTP); err != nil {
				return bad(err.Error(), "write the header's value into that file, and keep it out of version control")
			}
		}
		name := o.Service()
		if name == "" {
			continue
		}
		service, there := r.Service(name)
		switch {
		case !there:
			return bad(fmt.Sprintf("there is no service %q", name), "the compose files have "+strings.Join(services(r), ", "))
		case !service.Deployed:
			return bad(fmt.Sprintf("service %s is not deployed", name), "choose its profile under compose.profiles, or drop the gate")
		case service.OneShot:
			return bad(fmt.Sprintf("service %s runs once and has ended by then", name), "use one of "+strings.Join(services(r), ", "))
		case o.Phase == stack.PhasePre && service.Layer == stack.LayerEdge && o.HTTP != nil:
			return bad("before the switch, the edge leads to the old release", "use phase post-switch")
		}
	}
	return nil
}

// services are the services that a declared gate can look at.
func services(r stack.Release) []string {
	var names []string
	for _, s := range r.Services {
		if s.Deployed && !s.OneShot {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// wall bounds the samples of one look.
const wall = 45 * time.Second
