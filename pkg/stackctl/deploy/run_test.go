package deploy

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

func TestAStepThatFailedAsTheConnectionWentIsNoFailureOfTheStep(t *testing.T) {
	step := stack.Fault(stack.CauseStep, "write a file", io.EOF, "")
	s := operator(t.TempDir(), "ada@one", 0)
	for name, c := range map[string]struct {
		end  error
		want stack.Cause
	}{
		"the connection": {stack.Fault(stack.CauseUnreachable, "hold the lock", io.EOF, ""), stack.CauseUnreachable},
		"the lock":       {stack.Fault(stack.CauseLocked, "hold the lock", node.ErrLockLost, ""), stack.CauseLocked},
		"the operator":   {context.Canceled, stack.CauseStep}, // the exit code says it
	} {
		ctx, end := context.WithCancelCause(t.Context())
		end(c.end)
		if got := s.cut(ctx, told{}, step); stack.CauseOf(got) != c.want || !errors.Is(got, io.EOF) {
			t.Errorf("%s: %v", name, got)
		}
		if forsaken(ctx, s.cut(ctx, told{}, step)) != (c.want != stack.CauseStep) {
			t.Errorf("%s: the run may go on at the server: %t", name, c.want != stack.CauseStep)
		}
	}
	if got := s.cut(t.Context(), told{}, step); stack.CauseOf(got) != stack.CauseStep {
		t.Errorf("on a server that answers: %v", got)
	}
}

func TestARunThatMayTouchTheServerNoMoreTellsWhatItKnows(t *testing.T) {
	led := []stack.Step{{Kind: stack.StepStart}, {Kind: stack.StepSwitch}}
	for name, c := range map[string]struct {
		applied []stack.Step
		turned  time.Time
		live    string
	}{
		"before the switch": {led[:1], time.Time{}, "old"},
		"in the switch":     {led, time.Time{}, ""},
		"after the switch":  {led, time.Now(), "new"},
	} {
		x := &executor{story: operator(t.TempDir(), "ada@one", 0), want: Wanted{Release: stack.Release{ID: "new"}}, applied: c.applied, turned: c.turned}
		x.report.Before, x.report.Live = "old", "old"
		x.abandon()
		if !x.report.Unseen || x.report.Live != c.live {
			t.Errorf("%s: live is %q", name, x.report.Live)
		}
	}
}
