package gatetest

import (
	"slices"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// ruled fails the test where a finding comes from no rule of the gate.
func ruled(t testing.TB, g gate.Gate, f stack.Finding) {
	t.Helper()
	if !slices.ContainsFunc(slices.Concat(g.Rules, gate.Rules), func(r stack.Rule) bool { return r.ID == f.Rule }) {
		t.Errorf("a finding of no rule of %s: %+v", g.ID, f)
	}
}
