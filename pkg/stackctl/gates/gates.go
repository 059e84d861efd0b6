// Package gates owns the one list of all gates, and the choice among them. It
// must not know what a gate looks at.
package gates

import (
	"fmt"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/acme"
	"stackctl/pkg/stackctl/gate/auth"
	"stackctl/pkg/stackctl/gate/compose"
	"stackctl/pkg/stackctl/gate/contract"
	"stackctl/pkg/stackctl/gate/declared"
	"stackctl/pkg/stackctl/gate/exposure"
	"stackctl/pkg/stackctl/gate/headers"
	"stackctl/pkg/stackctl/gate/health"
	"stackctl/pkg/stackctl/gate/hooks"
	"stackctl/pkg/stackctl/gate/jobs"
	"stackctl/pkg/stackctl/gate/schemas"
	"stackctl/pkg/stackctl/gate/stores"
	"stackctl/pkg/stackctl/stack"
)

// BuiltIn lists every gate in the order in which results are told. Within a
// phase the gates run side by side, so the order serves the reader: what
// would make the other answers worthless comes first.
func BuiltIn() []gate.Gate {
	return []gate.Gate{
		// Static: files only. The certificate authority first, because a wrong
		// one burns rate limits and trust the moment the edge starts; then the
		// contract, what the files expose, what they say to browsers, and the
		// rest of the rules.
		acme.Static(),
		contract.Static(),
		exposure.Declared(),
		headers.Declared(),
		compose.Declared(),
		// Pre-switch: the new release itself, before users. Ready first; then
		// that it speaks the contract, on a schema that fits, with jobs that run.
		health.Inside(),
		contract.Runtime(),
		schemas.Live(),
		jobs.Inside(),
		stores.Live(),
		// Post-switch: from outside, through the edge. The certificate first,
		// because every other answer comes over it; then what can be reached at
		// all, then how it answers, then what users and jobs do through it.
		acme.Served(),
		exposure.Reachable(),
		health.Public(),
		headers.Served(),
		auth.Guards(),
		auth.Walk(),
		auth.Guessing(),
		jobs.Public(),
		compose.Running(),
		// Last of all, and alone: who died of the questions is seen.
		compose.Steady(),
		// G10 is answered by the run's own evidence when the run ends; it stands
		// here so that `stackctl gates` tells of it.
		evidenceKept(),
	}
}

// evidenceKept describes gate G10. The evidence package answers it.
func evidenceKept() gate.Gate {
	return gate.Gate{
		ID: "G10", Name: "evidence", Phase: stack.PhasePost, Rules: evidence.Rules,
		Question:  "Is the run's own evidence complete, unaltered and free of secrets?",
		Refs:      []string{"SPEC §8", "ASVS 16.2.5", "ASVS 14.1.2"},
		Inspects:  "every artifact of the run: presence, hash, chain, signature, known secrets in every encoding",
		Artifacts: []string{"run.jsonl", "manifest.json", "attestation.dsse.json"},
	}
}

// All is the registry and the gates that a project declares itself. Within a
// phase they come last: they rest on what the others have judged.
func All(own []stack.OwnGate) []gate.Gate {
	all := BuiltIn()
	for _, o := range own {
		all = append(all, declared.One(o))
	}
	return all
}

// Rules are all rules that findings come from, family by family in the order of
// the list.
func Rules(own []stack.OwnGate) []stack.Rule {
	var out []stack.Rule
	add := func(list []stack.Rule) {
		for _, r := range list {
			if !slices.ContainsFunc(out, func(o stack.Rule) bool { return o.ID == r.ID }) {
				out = append(out, r)
			}
		}
	}
	for _, g := range All(own) {
		add(g.Rules)
	}
	add(hooks.Rules)
	add(gate.Rules)
	return out
}

// Fits refuses exceptions from rules that there are not, and from those of the
// evidence.
func Fits(c stack.Config) error {
	all := Rules(c.Gates.Own)
	for _, e := range c.Exceptions {
		if slices.ContainsFunc(evidence.Rules, func(r stack.Rule) bool { return r.ID == e.Rule }) {
			return stack.Usage(c.File, e.Line, fmt.Sprintf("exceptions: no exception excuses %s", e.Rule), "remove it: evidence that is altered, or tells a secret, is worth nothing")
		}
		if !slices.ContainsFunc(all, func(r stack.Rule) bool { return r.ID == e.Rule }) {
			return stack.Usage(c.File, e.Line, fmt.Sprintf("exceptions: there is no rule %q", e.Rule), "see `stackctl rules`; the finding in the report names its rule")
		}
	}
	return nil
}

// Select returns the gates of one phase (all phases where it is empty), and of
// those the ones with an ID in ids (all where there are none). An unknown ID
// is a usage error.
func Select(phase stack.Phase, ids []string, own ...stack.OwnGate) ([]gate.Gate, error) {
	all := All(own)
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(g gate.Gate) bool { return strings.EqualFold(g.ID, id) }) {
			return nil, stack.Fault(stack.CauseUsage, "select gate "+id, fmt.Errorf("there is no such gate"),
				"use one of "+strings.Join(gateIDs(all), ", "))
		}
	}
	return slices.DeleteFunc(all, func(g gate.Gate) bool {
		if phase != "" && g.Phase != phase || g.Check == nil {
			return true
		}
		return len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(g.ID, id) })
	}), nil
}

func gateIDs(gates []gate.Gate) []string {
	var ids []string
	for _, g := range gates {
		if !slices.Contains(ids, g.ID) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}
