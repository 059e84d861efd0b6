package gate

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestPolicy(t *testing.T) {
	mild := stack.Finding{Rule: "test/mild", Subject: "thing b", Problem: "odd", Expected: "x", Observed: "y"}
	for _, c := range []struct {
		name             string
		policy           stack.Policy
		found            []stack.Finding
		status           stack.Status
		findings, advice int
	}{
		{"no policy is strict", "", []stack.Finding{mild}, stack.Failed, 1, 0},
		{"strict", stack.PolicyStrict, []stack.Finding{mild}, stack.Failed, 1, 0},
		{"standard takes what is strict as advice", stack.PolicyStandard, []stack.Finding{mild}, stack.Passed, 0, 1},
		{"standard fails on danger", stack.PolicyStandard, []stack.Finding{mild, wrong}, stack.Failed, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runGates(Subject{Config: stack.Config{Policy: c.policy}}, Gate{ID: "G1", Rules: ofTest, Check: answering3(c.found...)})[0]
			if r.Status != c.status || len(r.Findings) != c.findings || len(r.Advice) != c.advice {
				t.Fatalf("%s, findings %+v, advice %+v", r.Status, r.Findings, r.Advice)
			}
			for _, f := range append(r.Findings, r.Advice...) {
				if f.Level == "" || f.Fix == "" {
					t.Errorf("no level or no fix: %+v", f)
				}
			}
		})
	}
}

// A finding of no rule is a fault of the gate, never a pass and never advice.
func TestAFindingOfNoRuleIsNoPass(t *testing.T) {
	for _, id := range []string{"", "test/none"} {
		found := wrong
		found.Rule = id
		r := runGates(Subject{Config: stack.Config{Policy: stack.PolicyStandard}}, Gate{ID: "G1", Rules: ofTest, Check: answering3(found)})[0]
		if r.Status != stack.Failed || !strings.Contains(r.Reason, "of no rule") {
			t.Errorf("%q: %s %s", id, r.Status, r.Reason)
		}
	}
}

func TestARequiredGateMayNotBeSkipped(t *testing.T) {
	skipped := Gate{ID: "G2", Rules: ofTest, Check: skipping}
	s := Subject{Config: stack.Config{Gates: stack.Gates{Require: []string{"g2"}}}}
	if r := runGates(s, skipped)[0]; r.Status != stack.Failed || r.Findings[0].Rule != "gate/required" || !strings.Contains(r.Findings[0].Observed, "no contract") {
		t.Errorf("%s %+v", r.Status, r.Findings)
	}
	if r := runGates(Subject{}, skipped)[0]; r.Status != stack.Skipped {
		t.Errorf("not required: %s", r.Status)
	}
	skipped.Slow = true
	if r := runGates(s, skipped)[0]; r.Status != stack.Skipped {
		t.Errorf("required, but of --all-tests: %s", r.Status)
	}
}

func TestUnusedExceptions(t *testing.T) {
	needed := stack.Exception{Rule: "test/one", Subject: "thing a", Owner: "ops", Reason: "r", Expires: "2031-01-01"}
	idle, foreign := needed, needed
	idle.Subject, foreign.Rule = "thing z", "other/one"
	s := Subject{Config: stack.Config{Exceptions: []stack.Exception{needed, idle, foreign}}}
	before := Gate{ID: "G1", Name: "a", Phase: stack.PhaseStatic, Rules: ofTest, Check: answering3(wrong)}
	after := Gate{ID: "G1", Name: "a", Phase: stack.PhasePost, Rules: ofTest, Check: answering3()}
	results := runGates(s, before, after)
	if got := Unused(results, []Gate{before, after}, s.Config.Exceptions); len(got) != 1 || got[0] != idle {
		t.Errorf("%+v", got)
	}
	// What has not looked yet may need it still.
	if got := Unused(results[:1], []Gate{before, after}, s.Config.Exceptions); len(got) != 0 {
		t.Errorf("before the last look: %+v", got)
	}
}

// TestWhatIsNotDeployedIsAdvice holds that the files' dangers of a service whose profile
// is not named are told, and are in the way under policy strict alone; and that what is
// seen on the server, which names no file, is judged all the same.
func TestWhatIsNotDeployedIsAdvice(t *testing.T) {
	release := stack.Release{Services: []stack.Service{{Name: "debug", Profiles: []string{"debug"}}, {Name: "web"}}}
	for _, c := range []struct {
		name     string
		policy   stack.Policy
		profiles []string
		file     string
		status   stack.Status
		level    stack.Level
	}{
		{"standard", stack.PolicyStandard, nil, "compose.yaml", stack.Passed, stack.LevelStrict},
		{"strict", stack.PolicyStrict, nil, "compose.yaml", stack.Failed, stack.LevelStrict},
		{"its profile is named", stack.PolicyStandard, []string{"debug"}, "compose.yaml", stack.Failed, stack.LevelDanger},
		{"it runs all the same", stack.PolicyStandard, nil, "", stack.Failed, stack.LevelDanger},
	} {
		found := wrong
		found.Subject, found.File = "service debug", c.file
		s := Subject{Release: release, Config: stack.Config{Policy: c.policy, Compose: stack.Compose{Profiles: c.profiles}}}
		r := runGates(s, Gate{ID: "G1", Rules: ofTest, Check: answering3(found)})[0]
		if r.Status != c.status {
			t.Errorf("%s: %s, want %s", c.name, r.Status, c.status)
		}
		for _, f := range append(r.Findings, r.Advice...) {
			if told := strings.Contains(f.Observed, "profile debug, not deployed"); f.Level != c.level || told != (c.level == stack.LevelStrict) {
				t.Errorf("%s: level %s, observed %q", c.name, f.Level, f.Observed)
			}
		}
	}
}
