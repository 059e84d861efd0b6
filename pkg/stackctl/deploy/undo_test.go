//go:build linux

package deploy

import (
	"errors"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestAReleaseThatWasGoodStaysSoUntilAGateFails(t *testing.T) {
	for name, c := range map[string]struct {
		before stack.ReleaseState
		cause  stack.Cause
		want   stack.ReleaseState
	}{
		"a good one, and a step failed":          {stack.ReleaseGood, stack.CauseStep, ""},
		"a good one, and the operator stopped":   {stack.ReleaseGood, stack.CauseInterrupted, ""},
		"a good one, and a gate could not judge": {stack.ReleaseGood, stack.CauseUnjudged, ""},
		"a good one, and a gate failed":          {stack.ReleaseGood, stack.CauseGate, stack.ReleaseFailed},
		"a new one, and a step failed":           {stack.ReleaseStarted, stack.CauseStep, stack.ReleaseFailed},
		"a new one, and the operator stopped":    {stack.ReleaseStarted, stack.CauseInterrupted, stack.ReleaseFailed},
		"one that never came to the host":        {"", stack.CauseStep, ""},
	} {
		host := keeping{clock: time.Now, records: map[string][]byte{}}
		x := &executor{story: operator("/srv/shop", "run", 0), server: host, record: stack.ReleaseRecord{ID: "5f2c", State: c.before}}
		if err := x.fail(t.Context(), stack.Fault(c.cause, "start", errors.New("why"), "")); err != nil {
			t.Fatal(err)
		}
		var got stack.ReleaseState
		if len(host.records) > 0 {
			got = x.record.State
		}
		if got != c.want {
			t.Errorf("%s: it is written down as %q, want %q", name, got, c.want)
		}
	}
}
