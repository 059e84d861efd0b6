package deploy

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"
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
	if got := s.cut(t.Context(), told{answer: "down\n"}, step); stack.CauseOf(got) != stack.CauseUnreachable || !errors.Is(got, io.EOF) {
		t.Errorf("on a server that shuts down: %v", got)
	}
}

// leading is a server whose edge leads to release 5f2c00000000.
type leading struct{ told }

func (leading) List(context.Context, string) ([]fs.FileInfo, error) {
	file, err := fs.Stat(fstest.MapFS{"routes.yml": {}}, "routes.yml")
	return []fs.FileInfo{file}, err
}

func (leading) ReadFile(context.Context, string) ([]byte, error) {
	return []byte("# stackctl: release 5f2c00000000\n"), nil
}

func TestAnUndoOnAServerThatWentAwayClaimsNothing(t *testing.T) {
	failure := stack.Fault(stack.CauseGate, "judge", io.EOF, "")
	for name, c := range map[string]struct {
		answer    string
		applied   stack.Kind
		live      string
		unseen    bool
		unsettled bool
	}{
		"it answers":             {"", stack.StepSwitch, "5f2c00000000", false, true},
		"it shuts down":          {"down\n", stack.StepStart, "old", true, false},
		"it shuts down switched": {"down\n", stack.StepSwitch, "", true, false},
	} {
		x := &executor{story: operator(t.TempDir(), "ada@one", 0), server: leading{told{answer: c.answer}}, applied: []stack.Step{{Kind: c.applied}}}
		x.report.Live = "old"
		err := x.stranded(t.Context(), failure, io.ErrUnexpectedEOF)
		if x.report.Live != c.live || x.report.Unseen != c.unseen || x.report.Unsettled != c.unsettled {
			t.Errorf("%s: live %q, unseen %t, unsettled %t", name, x.report.Live, x.report.Unseen, x.report.Unsettled)
		}
		if want := map[bool]stack.Cause{true: stack.CauseUnreachable, false: stack.CauseGate}[c.unseen]; stack.CauseOf(err) != want || !errors.Is(err, failure) {
			t.Errorf("%s: %v", name, err)
		}
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
