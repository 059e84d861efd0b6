// Package hooks owns the question whether a hook that runs after something has
// done its work. It must not know what the hook is.
package hooks

import (
	"context"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

var afterRule = stack.Rule{
	ID: "hooks/after", Level: stack.LevelStrict, Source: "SPEC O3",
	Asks: "Did every hook that runs after something end well?",
	Fix:  "see its output among the evidence; what was deployed stays, run the hook by hand",
}

// Rules are what the findings come from.
var Rules = []stack.Rule{afterRule}

// After is the gate that runs one hook. run gives why it did not end well, and
// keeps its output; an error of its is that it was cut off.
func After(h stack.Hook, evidence string, run func(ctx context.Context) (problem string, err error)) gate.Gate {
	return gate.Gate{
		ID: h.At + "-" + h.Name, Name: "hook", Phase: stack.PhasePost, Budget: 2 * h.Timeout, Local: true,
		Question: "Did the hook " + h.Name + " at " + h.At + " end well?", Refs: []string{"SPEC O3"}, Rules: Rules,
		Check: func(ctx context.Context, _ gate.Subject) (gate.Answer, error) {
			a := gate.Answer{Inspected: 1, Of: "hooks"}
			problem, err := run(ctx)
			if problem != "" {
				a.Findings = []stack.Finding{{Rule: afterRule.ID, Subject: "hook " + h.At + " " + h.Name, Problem: "a hook did not end well",
					Expected: "exit code 0", Observed: problem, Evidence: evidence}}
			}
			return a, err
		},
	}
}
