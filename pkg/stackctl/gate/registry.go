package gate

import (
	"fmt"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Registry lists every gate in the order in which results are told. Within a
// phase the gates run side by side, so the order serves the reader: what
// would make the other answers worthless comes first.
func Registry() []Gate {
	return []Gate{
		// Static: files only. The certificate authority first, because a wrong
		// one burns rate limits and trust the moment the edge starts; then the
		// contract, what the files expose, what they say to browsers, and the
		// rest of the rules.
		acmeStatic(),
		contractStatic(),
		exposureDeclared(),
		headersDeclared(),
		composeDeclared(),
		// Pre-switch: the new release itself, before users. Ready first; then
		// that it speaks the contract, on a schema that fits, with jobs that run.
		health(),
		contractRuntime(),
		schema(),
		jobs(),
		// Post-switch: from outside, through the edge. The certificate first,
		// because every other answer comes over it; then what can be reached at
		// all, then how it answers, then what users and jobs do through it.
		acmeServed(),
		exposureReachable(),
		healthPublic(),
		headersServed(),
		authGuards(),
		auth(),
		authGuessing(),
		jobsPublic(),
		composeRunning(),
		// G10 is answered by the run's own evidence when the run ends; it stands
		// here so that `stackctl gates` tells of it.
		evidenceKept(),
	}
}

// evidenceKept describes gate G10. The evidence package answers it.
func evidenceKept() Gate {
	return Gate{
		ID: "G10", Name: "evidence", Phase: stack.PhasePost,
		Question:  "Is the run's own evidence complete, unaltered and free of secrets?",
		Refs:      []string{"SPEC §8", "ASVS 16.2.5", "ASVS 14.1.2"},
		Inspects:  "every artifact of the run: presence, hash, chain, signature, known secrets in every encoding",
		Artifacts: []string{"run.jsonl", "manifest.json", "attestation.dsse.json"},
	}
}

// All is the registry and the gates that a project declares itself. Within a
// phase they come last: they rest on what the others have judged.
func All(own []stack.OwnGate) []Gate {
	all := Registry()
	for _, o := range own {
		all = append(all, userGate(o))
	}
	return all
}

// Select gives the gates of one phase (all phases where it is empty), and of
// those the ones with an ID in ids (all where there are none). An unknown ID
// is a usage error.
func Select(phase stack.Phase, ids []string, own ...stack.OwnGate) ([]Gate, error) {
	all := All(own)
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(g Gate) bool { return strings.EqualFold(g.ID, id) }) {
			return nil, stack.Fault(stack.CauseUsage, "select gate "+id, fmt.Errorf("there is no such gate"),
				"use one of "+strings.Join(gateIDs(all), ", "))
		}
	}
	return slices.DeleteFunc(all, func(g Gate) bool {
		if phase != "" && g.Phase != phase || g.Check == nil {
			return true
		}
		return len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(g.ID, id) })
	}), nil
}

func gateIDs(gates []Gate) []string {
	var ids []string
	for _, g := range gates {
		if !slices.Contains(ids, g.ID) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}
