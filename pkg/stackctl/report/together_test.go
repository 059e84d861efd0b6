package report

import (
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatIsTheSameInSeveralPlacesIsToldOnce(t *testing.T) {
	limit := func(service string, line int) stack.Finding {
		return stack.Finding{Rule: "compose/mem-limit", Subject: "service " + service, Problem: "no memory limit", Fix: "write mem_limit", File: "compose.yaml", Line: line}
	}
	other := limit("cache", 9)
	other.Observed = "1 GB"
	got := together([]stack.Finding{limit("db", 3), other, limit("web", 12), {Rule: "compose/mem-limit", Subject: "container x", Problem: "no memory limit", Fix: "write mem_limit"}})
	want := []struct{ subject, where string }{{"service db, web, container x", "compose.yaml:3 and 2 more"}, {"service cache", "compose.yaml:9"}}
	if len(got) != len(want) {
		t.Fatalf("%d are told: %+v", len(got), got)
	}
	for i, w := range want {
		if got[i].Subject != w.subject || got[i].Where != w.where {
			t.Errorf("%q at %q, want %q at %q", got[i].Subject, got[i].Where, w.subject, w.where)
		}
	}
}
