package gate

import (
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// The rules of every gate.
var (
	inspectedRule = stack.Rule{
		ID: "gate/inspected", Level: stack.LevelDanger, Source: "SPEC §8",
		Asks: "Did the gate find anything to look at?",
		Fix:  "see why the gate found nothing to look at: the release, the target's domain, the Traefik files",
	}
	runningRule = stack.Rule{
		ID: "gate/running", Level: stack.LevelDanger, Source: "SPEC D4",
		Asks: "Does the service run that the gate asks?",
		Fix:  "see its log, then deploy again",
	}
	exceptionRule = stack.Rule{
		ID: "gate/exception", Level: stack.LevelDanger, Source: "SPEC §8",
		Asks: "Is every exception whole, and not expired?",
		Fix:  "solve what it excuses, or renew it in stackctl.yaml with owner, reason and a date",
	}
	requiredRule = stack.Rule{
		ID: "gate/required", Level: stack.LevelDanger, Source: "stackctl.yaml, gates.require",
		Asks: "Did every gate look that gates.require names?",
		Fix:  "configure what the gate looks at, or take it out of gates.require",
	}
)

// Rules are what the findings of all gates alike come from.
var Rules = []stack.Rule{inspectedRule, runningRule, exceptionRule, requiredRule}

// ruleOf is the rule of an ID; known is false where the gate has none of it.
func ruleOf(g Gate, id string) (rule stack.Rule, known bool) {
	for _, list := range [][]stack.Rule{g.Rules, Rules} {
		if i := slices.IndexFunc(list, func(r stack.Rule) bool { return r.ID == id }); i >= 0 {
			return list[i], true
		}
	}
	return stack.Rule{}, false
}

// level fills in the level of every finding, and the fix where it has none of
// its own. What the files say of a service that is not deployed weighs less. A finding of no rule of the gate is a fault of the gate, and counts
// like danger; unknown lists what was named instead.
func level(g Gate, s Subject, found []stack.Finding) (unknown []string) {
	for i := range found {
		rule, known := ruleOf(g, found[i].Rule)
		if !known {
			unknown = append(unknown, found[i].Rule)
			rule.Level = stack.LevelDanger
		}
		found[i].Level = rule.Level
		if profiles := undeployed(s, found[i]); len(profiles) > 0 {
			found[i].Level = stack.LevelStrict
			found[i].Observed += " (profile " + strings.Join(profiles, ", ") + ", not deployed)"
		}
		if found[i].Fix == "" {
			found[i].Fix = rule.Fix
		}
	}
	return unknown
}

// undeployed are the profiles of the service of which a finding says what its file
// has, where none of them is deployed: it does no harm until one is. What is seen on
// the server names no file.
func undeployed(s Subject, f stack.Finding) []string {
	name, of := strings.CutPrefix(f.Subject, "service ")
	svc, known := s.Release.Service(name)
	if !of || !known || f.File == "" || s.Config.Compose.Deploys(svc.Profiles) {
		return nil
	}
	return svc.Profiles
}

// advise takes findings of level strict out of the way under PolicyStandard.
func advise(r *stack.GateResult, policy stack.Policy) {
	if policy != stack.PolicyStandard {
		return
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f stack.Finding) bool {
		if f.Level != stack.LevelStrict {
			return false
		}
		r.Advice = append(r.Advice, f)
		return true
	})
	settle(r)
}

// require fails a gate that was skipped although gates.require names it. What
// runs under --all-tests alone may be skipped without it.
func require(r *stack.GateResult, g Gate, s Subject) {
	if r.Status != stack.Skipped || skip(g, s) != "" || !slices.ContainsFunc(s.Config.Gates.Require, func(id string) bool { return strings.EqualFold(id, r.ID) }) {
		return
	}
	r.Status = stack.Failed
	r.Findings = []stack.Finding{{
		Rule: requiredRule.ID, Level: requiredRule.Level, Subject: "gate " + r.ID, Problem: "a gate that is required had nothing to look at",
		Expected: "what it looks at, configured", Observed: r.Reason, Fix: requiredRule.Fix,
	}}
}
