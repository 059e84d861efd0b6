package gates

import (
	"cmp"
	"os"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/hooks"
	"stackctl/pkg/stackctl/stack"
)

// TestRulesAreWhole walks the rules of all families: each has an ID of its own
// family, a level, a question, a source and a fix.
func TestRulesAreWhole(t *testing.T) {
	family := map[string]string{"G1": "acme", "G2": "contract", "G3": "health", "G4": "auth", "G5": "exposure", "G6": "schema", "G7": "jobs", "G8": "headers", "G9": "compose", "G10": "evidence"}
	beside := map[string]string{"stores": "stores"} // a family of its own under another's ID
	check := func(prefix string, r stack.Rule) {
		if !strings.HasPrefix(r.ID, prefix+"/") || r.ID == prefix+"/" {
			t.Errorf("%s is a rule of %s", r.ID, prefix)
		}
		if r.Level != stack.LevelDanger && r.Level != stack.LevelStrict {
			t.Errorf("%s: level %q", r.ID, r.Level)
		}
		if !strings.HasSuffix(r.Asks, "?") || r.Source == "" || r.Fix == "" {
			t.Errorf("%s is not whole: %+v", r.ID, r)
		}
	}
	for _, g := range BuiltIn() {
		seen := map[string]bool{}
		for _, r := range g.Rules {
			check(cmp.Or(beside[g.Name], family[g.ID]), r)
			if seen[r.ID] {
				t.Errorf("two rules are called %s", r.ID)
			}
			seen[r.ID] = true
		}
		if len(seen) == 0 {
			t.Errorf("%s %s has no rules", g.ID, g.Name)
		}
	}
	for _, r := range gate.Rules {
		check("gate", r)
	}
	for _, r := range hooks.Rules {
		check("hooks", r)
	}
}

func TestFitsRefusesExceptionsFromNoRule(t *testing.T) {
	c := stack.Config{File: "stackctl.yaml", Exceptions: []stack.Exception{{Rule: "compose/user", Subject: "service web"}}}
	if err := Fits(c); err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"compose/users", "evidence/no-secret"} {
		c.Exceptions[0].Rule = rule
		if err := Fits(c); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), rule) {
			t.Errorf("%v", err)
		}
	}
}

// TestThePageOfRulesIsFresh holds docs/rules.md to the rules.
func TestThePageOfRulesIsFresh(t *testing.T) {
	have, err := os.ReadFile("../../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != Page() {
		t.Error("docs/rules.md is stale; run `go generate ./pkg/stackctl/gates`")
	}
}
