package report

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatServesIsNotToldByARunThatDidNotLook(t *testing.T) {
	looked := stack.Plan{Release: "5f2c"}
	adopt, back := stack.Step{Kind: stack.StepAdopt}, stack.Step{Kind: stack.StepReinstate}
	adopting := stack.Plan{Release: "5f2c", Steps: []stack.Step{adopt}}
	set := stack.StepResult{Step: adopt}
	for says, r := range map[string]stack.Report{
		"A step failed; what docker compose started still serves":                                                           {Verdict: stack.VerdictStepFailed, Plan: adopting},
		"A gate failed; what docker compose started serves again":                                                           {Verdict: stack.VerdictGateFailed, Plan: adopting, Steps: []stack.StepResult{set, {Step: back}}},
		"A step failed; what docker compose started serves again":                                                           {Verdict: stack.VerdictStepFailed, Plan: looked, Steps: []stack.StepResult{{Step: back}}},
		"Interrupted; what docker compose started waits aside, see `docker ps -a` on the host":                              {Verdict: stack.VerdictInterrupted, Plan: adopting, Steps: []stack.StepResult{set, {Step: back, Error: "no"}}},
		"A gate failed; nothing was changed":                                                                                {Verdict: stack.VerdictGateFailed},
		"A step failed; nothing serves":                                                                                     {Verdict: stack.VerdictStepFailed, Plan: looked},
		"A gate failed; release 1d0a still serves":                                                                          {Verdict: stack.VerdictGateFailed, Before: "1d0a", Live: "1d0a"},
		"Interrupted; rolled back, release 1d0a serves":                                                                     {Verdict: stack.VerdictInterrupted, Before: "1d0a", Live: "1d0a", RolledBack: true, Plan: looked},
		"A step failed; release 1d0a was not brought back whole, see `stackctl status`":                                     {Verdict: stack.VerdictStepFailed, Before: "1d0a", Live: "1d0a", Unsettled: true, Plan: looked},
		"A gate failed; release 5f2c still serves, for what served before could not be brought back, see `stackctl status`": {Verdict: stack.VerdictGateFailed, Release: "5f2c", Before: "1d0a", Live: "5f2c", Unsettled: true, Plan: looked},
		"Could not go on; release 1d0a served when the run last looked":                                                     {Verdict: stack.VerdictRefused, Before: "1d0a", Live: "1d0a", Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
		"Could not go on; release 5f2c was switched to and is not judged, see `stackctl status`":                            {Verdict: stack.VerdictRefused, Before: "1d0a", Live: "5f2c", Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
		"Could not go on; what serves is not known, see `stackctl status`":                                                  {Verdict: stack.VerdictRefused, Before: "1d0a", Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
		"Could not go on; nothing served when the run last looked":                                                          {Verdict: stack.VerdictRefused, Unseen: true, Plan: looked, Steps: []stack.StepResult{{}}},
	} {
		text, err := Text(r)
		if head, _, _ := strings.Cut(string(text), "\n"); err != nil || head != says {
			t.Errorf("it says %q, not %q (%v)", head, says, err)
		}
	}
}
