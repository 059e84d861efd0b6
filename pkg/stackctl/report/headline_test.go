package report

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatServesIsNotToldByARunThatDidNotLook(t *testing.T) {
	looked := stack.Plan{Release: "5f2c"}
	for says, r := range map[string]stack.Report{
		"A gate failed; nothing was changed":                                                     {Verdict: stack.VerdictGateFailed},
		"A step failed; nothing serves":                                                          {Verdict: stack.VerdictStepFailed, Plan: looked},
		"A gate failed; release 1d0a still serves":                                               {Verdict: stack.VerdictGateFailed, Before: "1d0a", Live: "1d0a"},
		"Interrupted; rolled back, release 1d0a serves":                                          {Verdict: stack.VerdictInterrupted, Before: "1d0a", Live: "1d0a", RolledBack: true, Plan: looked},
		"A step failed; release 1d0a was not brought back whole, see `stackctl status`":          {Verdict: stack.VerdictStepFailed, Before: "1d0a", Live: "1d0a", Unsettled: true, Plan: looked},
		"Could not go on; release 1d0a served when the run last looked":                          {Verdict: stack.VerdictRefused, Before: "1d0a", Live: "1d0a", Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
		"Could not go on; release 5f2c was switched to and is not judged, see `stackctl status`": {Verdict: stack.VerdictRefused, Before: "1d0a", Live: "5f2c", Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
		"Could not go on; what serves is not known, see `stackctl status`":                       {Verdict: stack.VerdictRefused, Before: "1d0a", Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
		"Could not go on; nothing served when the run last looked":                               {Verdict: stack.VerdictRefused, Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
	} {
		text, err := Text(r)
		if head, _, _ := strings.Cut(string(text), "\n"); err != nil || head != says {
			t.Errorf("it says %q, not %q (%v)", head, says, err)
		}
	}
}
