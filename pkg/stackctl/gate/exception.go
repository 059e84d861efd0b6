package gate

import (
	"fmt"
	"slices"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// accept moves findings that a valid exception covers out of the way. An
// exception covers the findings of one rule on one subject. An expired or
// incomplete one is itself a finding of the gate that has its rule; reportOwn
// keeps it from being told twice where a gate looks in two phases.
func accept(r *stack.GateResult, g Gate, exceptions []stack.Exception, now time.Time, reportOwn bool) {
	if r.Status == stack.Skipped {
		return
	}
	var faults []stack.Finding
	for i := range exceptions {
		e := exceptions[i]
		if _, mine := ruleOf(g, e.Rule); !mine {
			continue
		}
		if f, bad := exceptionFault(e, now); bad {
			if reportOwn {
				faults = append(faults, f)
			}
			continue
		}
		covers := func(f stack.Finding) bool {
			if f.Rule != e.Rule || f.Subject != e.Subject {
				return false
			}
			f.Exception = &e
			r.Accepted = append(r.Accepted, f)
			return true
		}
		r.Findings = slices.DeleteFunc(r.Findings, covers)
		r.Advice = slices.DeleteFunc(r.Advice, covers)
	}
	r.Findings = append(r.Findings, faults...)
	settle(r)
}

// settle lets the status follow the findings that are left.
func settle(r *stack.GateResult) {
	switch {
	case len(r.Findings) > 0 && r.Status == stack.Passed:
		r.Status = stack.Failed
	case len(r.Findings) == 0 && r.Status == stack.Failed && r.Reason == "":
		r.Status = stack.Passed
	case len(r.Findings) == 0 && r.Status == stack.Failed:
		r.Status = stack.CouldNotJudge
	}
}

// exceptionFault returns what is wrong with an exception itself. An exception
// holds through its expiry day, UTC.
func exceptionFault(e stack.Exception, now time.Time) (stack.Finding, bool) {
	f := stack.Finding{
		Rule: exceptionRule.ID, Level: exceptionRule.Level, Subject: "exception " + e.Rule + " " + e.Subject, Fix: exceptionRule.Fix,
	}
	day, err := time.Parse(time.DateOnly, e.Expires)
	switch {
	case e.Subject == "" || e.Owner == "" || e.Reason == "":
		f.Problem, f.Expected = "the exception is incomplete", "subject, owner and reason"
		f.Observed = fmt.Sprintf("subject %q, owner %q, reason %q", e.Subject, e.Owner, e.Reason)
	case err != nil:
		f.Problem, f.Expected, f.Observed = "the exception has no expiry date", "a date such as 2030-01-31", fmt.Sprintf("%q", e.Expires)
	case !now.UTC().Before(day.AddDate(0, 0, 1)):
		f.Problem, f.Expected, f.Observed = "the exception has expired", "a date in the future", e.Expires
	default:
		return stack.Finding{}, false
	}
	return f, true
}

// Unused are the exceptions that no result of a run needed, although all gates
// that have their rule looked.
func Unused(results []stack.GateResult, gates []Gate, exceptions []stack.Exception) []stack.Exception {
	looked := func(e stack.Exception) bool {
		asks := 0
		for _, g := range gates {
			if _, mine := ruleOf(g, e.Rule); !mine {
				continue
			}
			asks++
			if !slices.ContainsFunc(results, func(r stack.GateResult) bool {
				return r.ID == g.ID && r.Name == g.Name && r.Phase == g.Phase && r.Status != stack.Skipped
			}) {
				return false
			}
		}
		return asks > 0
	}
	var out []stack.Exception
	for _, e := range exceptions {
		used := slices.ContainsFunc(results, func(r stack.GateResult) bool {
			return slices.ContainsFunc(r.Accepted, func(f stack.Finding) bool { return f.Rule == e.Rule && f.Subject == e.Subject })
		})
		if !used && looked(e) {
			out = append(out, e)
		}
	}
	return out
}
