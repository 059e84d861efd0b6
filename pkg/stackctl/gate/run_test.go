package gate

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func answering3(found ...stack.Finding) func(context.Context, Subject) (Answer, error) {
	return func(context.Context, Subject) (Answer, error) {
		return Answer{Inspected: 3, Of: "things", Findings: found}, nil
	}
}

// oneRule is what the findings of these tests come from, mildRule of level strict.
var (
	oneRule  = stack.Rule{ID: "test/one", Level: stack.LevelDanger, Asks: "one?", Source: "x", Fix: "z"}
	mildRule = stack.Rule{ID: "test/mild", Level: stack.LevelStrict, Asks: "mild?", Source: "x", Fix: "milder"}
	ofTest   = []stack.Rule{oneRule, mildRule}
)

var wrong = stack.Finding{Rule: "test/one", Level: stack.LevelDanger, Subject: "thing a", Problem: "broken", Expected: "x", Observed: "y", Fix: "z"}

func runGates(s Subject, gates ...Gate) []stack.GateResult {
	return runAt(context.Background(), gates, s, nil, time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC))
}

func skipping(context.Context, Subject) (Answer, error) {
	return Answer{Skip: "stackctl.yaml names no contract"}, nil
}

func TestRunTellsEachEndApart(t *testing.T) {
	gates := []Gate{
		{ID: "G1", Check: answering3()},
		{ID: "G2", Rules: ofTest, Check: answering3(wrong)},
		{ID: "G3", Check: func(context.Context, Subject) (Answer, error) { return Answer{}, errors.New("connection lost") }},
		{ID: "G4", Check: func(context.Context, Subject) (Answer, error) { panic("index out of range") }},
		{ID: "G5", Check: func(context.Context, Subject) (Answer, error) { return Answer{Of: "ports"}, nil }},
		{ID: "G6", Check: func(context.Context, Subject) (Answer, error) { return Answer{Skip: "no database"}, nil }},
		{ID: "G7", Rules: ofTest, Check: func(context.Context, Subject) (Answer, error) {
			return Answer{Inspected: 1, Findings: []stack.Finding{wrong}}, errors.New("then the connection was lost")
		}},
		{ID: "G8", Slow: true, Check: answering3()},
		{ID: "G9", Mutates: true, Check: answering3()},
		{ID: "G10"},
	}
	want := []stack.Status{stack.Passed, stack.Failed, stack.CouldNotJudge, stack.CouldNotJudge, stack.Failed, stack.Skipped, stack.Failed, stack.Skipped, stack.Skipped, stack.Skipped}
	got := runGates(Subject{Target: stack.Target{Name: "prod"}}, gates...)
	for i, r := range got {
		if r.ID != gates[i].ID || r.Status != want[i] {
			t.Errorf("%s %s %q, want %s", r.ID, r.Status, r.Reason, want[i])
		}
		if r.Status != stack.Passed && r.Status != stack.Failed && r.Reason == "" {
			t.Errorf("%s %s without a reason", r.ID, r.Status)
		}
		if r.Rerun != "stackctl verify --target prod --gate "+r.ID {
			t.Errorf("rerun %q", r.Rerun)
		}
	}
	if !strings.Contains(got[3].Reason, "index out of range") || !strings.Contains(got[3].Reason, "run_test.go") {
		t.Errorf("a panic is told as %q", got[3].Reason)
	}
	if f := got[4].Findings; len(f) != 1 || !strings.Contains(f[0].Expected, "ports") {
		t.Errorf("nothing inspected is told as %+v", f)
	}
}

func TestNoGateOfWhatRunsPassesWithoutAServer(t *testing.T) {
	for _, phase := range []stack.Phase{stack.PhasePre, stack.PhasePost} {
		r := runGates(Subject{}, Gate{ID: "G1", Phase: phase, Check: answering3()})[0]
		if r.Status != stack.CouldNotJudge || !strings.Contains(r.Reason, "no connection to the server") {
			t.Errorf("%s: %s %q", phase, r.Status, r.Reason)
		}
	}
}

func TestRunLetsSlowAndMutatingGatesLook(t *testing.T) {
	slow, mutates := Gate{ID: "G1", Slow: true, Check: answering3()}, Gate{ID: "G2", Mutates: true, Check: answering3()}
	for _, c := range []struct {
		all, mutate bool
		want        [2]stack.Status
	}{
		{false, false, [2]stack.Status{stack.Skipped, stack.Skipped}},
		{false, true, [2]stack.Status{stack.Skipped, stack.Passed}},
		{true, false, [2]stack.Status{stack.Passed, stack.Passed}},
	} {
		got := runGates(Subject{All: c.all, Target: stack.Target{Mutate: c.mutate}}, slow, mutates)
		if got[0].Status != c.want[0] || got[1].Status != c.want[1] {
			t.Errorf("%+v: %s %s", c, got[0].Status, got[1].Status)
		}
	}
}

func TestExceptions(t *testing.T) {
	good := stack.Exception{Rule: "test/one", Subject: "thing a", Owner: "ops", Reason: "vendor", Expires: "2030-06-15"}
	change := func(f func(*stack.Exception)) stack.Exception { e := good; f(&e); return e }
	other := wrong
	other.Subject = "thing ab"
	for _, c := range []struct {
		name     string
		e        stack.Exception
		found    []stack.Finding
		status   stack.Status
		findings int
	}{
		{"covers, on its last day", good, []stack.Finding{wrong}, stack.Passed, 0},
		{"covers this and no other", good, []stack.Finding{wrong, other}, stack.Failed, 1},
		{"another rule of the gate", change(func(e *stack.Exception) { e.Rule = "test/mild" }), []stack.Finding{wrong}, stack.Failed, 1},
		{"another gate's", change(func(e *stack.Exception) { e.Rule = "other/one" }), []stack.Finding{wrong}, stack.Failed, 1},
		{"expired yesterday", change(func(e *stack.Exception) { e.Expires = "2030-06-14" }), []stack.Finding{wrong}, stack.Failed, 2},
		{"expired and needed no more", change(func(e *stack.Exception) { e.Expires = "2030-06-14" }), nil, stack.Failed, 1},
		{"no owner", change(func(e *stack.Exception) { e.Owner = "" }), []stack.Finding{wrong}, stack.Failed, 2},
		{"no reason", change(func(e *stack.Exception) { e.Reason = "" }), []stack.Finding{wrong}, stack.Failed, 2},
		{"no date", change(func(e *stack.Exception) { e.Expires = "" }), []stack.Finding{wrong}, stack.Failed, 2},
		{"an odd date", change(func(e *stack.Exception) { e.Expires = "next year" }), []stack.Finding{wrong}, stack.Failed, 2},
		{"matches everything", change(func(e *stack.Exception) { e.Subject = "" }), []stack.Finding{wrong}, stack.Failed, 2},
		{"a part of the name", change(func(e *stack.Exception) { e.Subject = "thing" }), []stack.Finding{wrong}, stack.Failed, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Subject{Config: stack.Config{Exceptions: []stack.Exception{c.e}}}
			r := runGates(s, Gate{ID: "G1", Rules: ofTest, Check: answering3(c.found...)})[0]
			if r.Status != c.status || len(r.Findings) != c.findings {
				t.Errorf("%s, %+v", r.Status, r.Findings)
			}
			if c.status == stack.Passed && (len(r.Accepted) != 1 || r.Accepted[0].Exception == nil || r.Accepted[0].Exception.Owner != "ops") {
				t.Errorf("accepted %+v", r.Accepted)
			}
		})
	}
}

// An exception excuses what was found, not what could not be looked at.
func TestAnExceptionDoesNotHideWhatWasNotJudged(t *testing.T) {
	s := Subject{Config: stack.Config{Exceptions: []stack.Exception{{Rule: "test/one", Subject: "thing a", Owner: "ops", Reason: "r", Expires: "2031-01-01"}}}}
	r := runGates(s, Gate{ID: "G1", Rules: ofTest, Check: func(context.Context, Subject) (Answer, error) {
		return Answer{Inspected: 1, Findings: []stack.Finding{wrong}}, errors.New("lost")
	}})[0]
	if r.Status != stack.CouldNotJudge {
		t.Errorf("%s %q", r.Status, r.Reason)
	}
}

func TestAnExpiredExceptionIsToldOncePerGate(t *testing.T) {
	s := Subject{Server: &slowLister{}, Config: stack.Config{Exceptions: []stack.Exception{{Rule: "test/one", Subject: "x", Owner: "o", Reason: "r", Expires: "2020-01-01"}}}}
	got := runGates(s, Gate{ID: "G1", Rules: ofTest, Phase: stack.PhaseStatic, Check: answering3()}, Gate{ID: "G1", Rules: ofTest, Phase: stack.PhasePost, Check: answering3()})
	if got[0].Status != stack.Failed || got[1].Status != stack.Passed {
		t.Errorf("%s and %s", got[0].Status, got[1].Status)
	}
}

func TestRunIsBoundedInTime(t *testing.T) {
	stuck := Gate{ID: "G1", Budget: 50 * time.Millisecond, Check: func(context.Context, Subject) (Answer, error) { select {} }}
	polite := Gate{ID: "G2", Budget: 50 * time.Millisecond, Check: func(ctx context.Context, _ Subject) (Answer, error) {
		<-ctx.Done()
		return Answer{}, ctx.Err()
	}}
	began := time.Now()
	got := runGates(Subject{}, stuck, polite)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, r := range got {
		if r.Status != stack.CouldNotJudge {
			t.Errorf("%s %s", r.ID, r.Status)
		}
	}
}

func TestAGateThatIsCutOffSaysByWhat(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gates := []Gate{{ID: "G5", Check: func(context.Context, Subject) (Answer, error) {
		cancel(errors.New("interrupt signal received"))
		return Answer{}, errors.New("dial tcp 203.0.113.7:22: operation was canceled")
	}}}
	if r := Run(ctx, gates, Subject{}, nil)[0]; r.Status != stack.CouldNotJudge || r.Reason != "cut off: interrupt signal received" {
		t.Errorf("%s %q", r.Status, r.Reason)
	}
}

func TestRunWaitsForTheFirstGate(t *testing.T) {
	var ready atomic.Bool
	rest := func(context.Context, Subject) (Answer, error) {
		if !ready.Load() {
			t.Error("a gate looked before the first one had answered")
		}
		return Answer{Inspected: 1}, nil
	}
	first := func(context.Context, Subject) (Answer, error) {
		time.Sleep(20 * time.Millisecond) // longer than the others need to begin
		ready.Store(true)
		return Answer{Inspected: 1}, nil
	}
	Run(context.Background(), []Gate{{ID: "G2", Check: rest}, {ID: "G1", First: true, Check: first}, {ID: "G3", Check: rest}}, Subject{}, nil)
}

func TestRunGoesSideBySideAndAloneAfterwards(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	alone := true
	both := make(chan struct{})
	var once sync.Once
	side := func(ctx context.Context, _ Subject) (Answer, error) {
		mu.Lock()
		now++
		most = max(most, now)
		if now == 2 {
			once.Do(func() { close(both) })
		}
		mu.Unlock()
		select {
		case <-both:
		case <-ctx.Done():
		}
		mu.Lock()
		now--
		mu.Unlock()
		return Answer{Inspected: 1}, nil
	}
	single := func(context.Context, Subject) (Answer, error) {
		mu.Lock()
		defer mu.Unlock()
		alone = alone && now == 0
		return Answer{Inspected: 1}, nil
	}
	gates := []Gate{{ID: "G0", Alone: true, Check: single}}
	for range 3 * sideBySide {
		gates = append(gates, Gate{ID: "G1", Budget: 10 * time.Second, Check: side})
	}
	var events []string
	got := Run(context.Background(), gates, Subject{}, func(e stack.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e.Name)
		if e.Kind != stack.EventGate || e.Gate == nil {
			t.Errorf("event %+v", e)
		}
	})
	if most < 2 || most > sideBySide || !alone {
		t.Errorf("%d at once, alone %v", most, alone)
	}
	if got[0].ID != "G0" || len(events) != len(gates) || events[len(events)-1] != "G0" {
		t.Errorf("first result %s, events %v", got[0].ID, events)
	}
}
