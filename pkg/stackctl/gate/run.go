package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// sideBySide is how many gates look at once. More would make the timing of
// one gate the load of another.
const sideBySide = 4

// grace is how long a gate may take to notice that its budget is spent.
const grace = 2 * time.Second

// Run lets the gates look, independent ones side by side, each within its
// budget. Results come in the order of gates. A gate that panics or errs
// could not judge; the others go on.
func Run(ctx context.Context, gates []Gate, s Subject, emit stack.Emit) []stack.GateResult {
	return runAt(ctx, gates, s, emit, time.Now())
}

func runAt(ctx context.Context, gates []Gate, s Subject, emit stack.Emit, now time.Time) []stack.GateResult {
	results := make([]stack.GateResult, len(gates))
	slots := make(chan struct{}, sideBySide)
	if s.Pace >= slowPace {
		slots = make(chan struct{}, 1)
	}
	if s.Server != nil {
		s.Server = listed(s.Server)
	}
	var wg sync.WaitGroup
	look := func(i int) {
		results[i] = runOne(ctx, gates[i], s)
		accept(&results[i], gates[i], s.Config.Exceptions, now, firstOf(gates, i))
		advise(&results[i], s.Config.Policy)
		require(&results[i], gates[i], s)
		if emit != nil {
			r := results[i]
			emit(stack.Event{At: time.Now(), Kind: stack.EventGate, Name: r.ID, Message: summary(r), Took: r.Took, Gate: &r})
		}
	}
	for i, g := range gates {
		if g.First {
			look(i)
		}
	}
	for i, g := range gates {
		if g.Alone || g.First {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			look(i)
		}()
	}
	wg.Wait()
	for i, g := range gates {
		if g.Alone {
			look(i)
		}
	}
	return results
}

// firstOf reports whether no gate before i has the same ID.
func firstOf(gates []Gate, i int) bool {
	return !slices.ContainsFunc(gates[:i], func(g Gate) bool { return g.ID == gates[i].ID })
}

func runOne(ctx context.Context, g Gate, s Subject) stack.GateResult {
	r := stack.GateResult{
		ID: g.ID, Name: g.Name, Question: g.Question, Phase: g.Phase, Refs: g.Refs,
		Started: time.Now(), Rerun: rerun(s, g),
	}
	if reason := skip(g, s); reason != "" {
		r.Status, r.Reason = stack.Skipped, reason
		return r
	}
	kept := &keptNames{sink: s.Artifacts}
	s.Artifacts = kept
	answer, err := check(ctx, g, s)
	if err != nil && ctx.Err() != nil {
		// What a gate says then is how it noticed, in the words of whatever it was doing.
		err = fmt.Errorf("cut off: %w", context.Cause(ctx))
	}
	var gone NotRunning
	if errors.As(err, &gone) {
		answer.Inspected, answer.Findings, err = max(answer.Inspected, 1), append(answer.Findings, gone.finding()), nil
	}
	r.Took = time.Since(r.Started)
	r.Inspected, r.Of = answer.Inspected, answer.Of
	if unknown := level(g, s, answer.Findings); len(unknown) > 0 {
		err = errors.Join(err, fmt.Errorf("the gate itself broke: findings of no rule of its own: %q", unknown))
	}
	r.Findings, r.Attempts, r.Latencies = answer.Findings, answer.Attempts, answer.Latencies
	r.Evidence = kept.names()
	judge(&r, answer, err)
	return r
}

// judge decides how the gate ended. What was found stands, also where the
// gate could not look at everything.
func judge(r *stack.GateResult, a Answer, err error) {
	switch {
	case err != nil:
		r.Reason = err.Error()
		r.Status = stack.CouldNotJudge
		if len(a.Findings) > 0 {
			r.Status = stack.Failed
		}
	case len(a.Findings) > 0:
		r.Status = stack.Failed
	case a.Skip != "":
		r.Status, r.Reason = stack.Skipped, a.Skip
	case a.Inspected == 0:
		r.Status = stack.Failed
		r.Findings = []stack.Finding{{
			Rule: inspectedRule.ID, Level: inspectedRule.Level, Subject: "gate " + r.ID, Problem: "nothing was inspected",
			Expected: "at least one of the " + cmp.Or(a.Of, "things that it judges"), Observed: "0",
			Fix: inspectedRule.Fix,
		}}
	default:
		r.Status = stack.Passed
	}
}

// skip returns the reason for not letting a gate look, where there is one.
func skip(g Gate, s Subject) string {
	switch {
	case s.Config.Traefik.Own && len(s.Config.Routes) == 0 && slices.Contains(ofTheEdge, g.ID):
		return "nothing is routed: there is no edge"
	case g.Slow && !s.All:
		return "slow; runs under --all-tests"
	case g.Mutates && !s.All && !s.Target.Mutate:
		return "changes something on the site; runs under --all-tests, or on a target with `mutate: true`"
	}
	return ""
}

// ofTheEdge are the gates that ask about nothing but what the edge serves.
var ofTheEdge = []string{"G1", "G3", "G8"}

// check calls the gate within its budget. A gate that does not notice that
// the budget is spent is left behind, not waited for.
func check(ctx context.Context, g Gate, s Subject) (Answer, error) {
	if g.Check == nil {
		return Answer{Skip: "judged by the evidence of the run, not by a look at the site"}, nil
	}
	if (g.Phase == stack.PhasePre || g.Phase == stack.PhasePost) && s.Server == nil && !g.Local {
		return Answer{}, errors.New("no connection to the server")
	}
	limit := g.Budget
	if limit == 0 {
		limit = Budget
	}
	limit = s.Stretch(limit)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type ended struct {
		answer Answer
		err    error
	}
	done := make(chan ended, 1)
	go func() {
		var e ended
		defer func() {
			if p := recover(); p != nil {
				e.err = fmt.Errorf("the gate itself broke: %v at %s", p, PanicPlace())
			}
			done <- e
		}()
		e.answer, e.err = g.Check(ctx, s)
	}()
	select {
	case e := <-done:
		return e.answer, e.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case e := <-done:
		return e.answer, e.err
	case <-late.C:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return Answer{}, fmt.Errorf("no answer within %s", limit)
		}
		return Answer{}, ctx.Err()
	}
}

// PanicPlace is the line that broke, for the report.
func PanicPlace() string {
	lines := strings.Split(string(debug.Stack()), "\n")
	seen := false
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "panic(") {
			seen = true
		}
		if i := strings.LastIndex(l, "/"); seen && strings.Contains(l, "/gate/") && strings.Contains(l, ".go:") && i >= 0 {
			place, _, _ := strings.Cut(l[i+1:], " ")
			return place
		}
	}
	return "an unknown place"
}

// rerun is the command that runs this gate alone.
func rerun(s Subject, g Gate) string {
	if s.Target.Name == "" {
		return "stackctl verify --gate " + g.ID
	}
	return "stackctl verify --target " + s.Target.Name + " --gate " + g.ID
}

// summary is one line for the event.
func summary(r stack.GateResult) string {
	text := fmt.Sprintf("%s %s", r.Name, r.Status)
	if r.Status != stack.Skipped {
		text += fmt.Sprintf(", inspected %d %s", r.Inspected, r.Of)
	}
	if n := len(r.Findings); n > 0 {
		text += fmt.Sprintf(", %d findings", n)
	}
	if n := len(r.Advice); n > 0 {
		text += fmt.Sprintf(", %d pieces of advice", n)
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

// keptNames remembers which artifacts a gate wrote.
type keptNames struct {
	sink Sink
	mu   sync.Mutex
	list []string
}

// Artifact passes the artifact on.
func (k *keptNames) Artifact(name string, content []byte) error {
	k.mu.Lock()
	if !slices.Contains(k.list, name) {
		k.list = append(k.list, name)
	}
	k.mu.Unlock()
	if k.sink == nil {
		return nil
	}
	return k.sink.Artifact(name, content)
}

func (k *keptNames) names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.list)
}
