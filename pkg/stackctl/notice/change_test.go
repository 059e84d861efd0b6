package notice

import (
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func report(v stack.Verdict, findings ...string) stack.Report {
	r := stack.Report{Project: "shop", Target: "prod", URL: "https://shop.example/", Verb: "verify", Run: "run-2", Verdict: v, Started: time.Unix(100, 0), Live: "abc"}
	for _, f := range findings {
		rule, subject, _ := strings.Cut(f, " ")
		r.Gates = append(r.Gates, stack.GateResult{ID: "G", Findings: []stack.Finding{{Rule: rule, Subject: subject, Problem: "is bad"}}})
	}
	return r
}

func TestOneNoticeForEachChange(t *testing.T) {
	var s State
	known := false
	for i, c := range []struct {
		r     stack.Report
		sends bool
	}{
		{report(stack.VerdictGood), false}, // nothing was known, and nothing is wrong
		{report(stack.VerdictGood), false},
		{report(stack.VerdictGateFailed, "acme/served shop.example"), true},
		{report(stack.VerdictGateFailed, "acme/served shop.example"), false},
		{report(stack.VerdictInterrupted), false},
		{report(stack.VerdictRefused), false}, // bad settings say nothing of the site
		{report(stack.VerdictGateFailed, "acme/served shop.example", "exposure/open port 22"), true},
		{report(stack.VerdictUnjudged), true},
		{report(stack.VerdictGood), true},
		{report(stack.VerdictGood), false},
	} {
		var n *Notice
		s, n = Change(s, known, c.r, "report.html")
		known = known || s.Verdict != ""
		if (n != nil) != c.sends {
			t.Errorf("%d: %s: %+v", i, c.r.Verdict, n)
		}
	}
	away := report(stack.VerdictRefused)
	away.ExitCode = unreachable
	if _, n := Change(s, true, away, ""); n == nil || n.Before != stack.VerdictGood {
		t.Error("a server that cannot be reached is no change")
	}
	if _, n := Change(State{}, false, report(stack.VerdictGateFailed, "a/b c"), ""); n == nil {
		t.Error("a first look that finds something tells nobody")
	}
}

func TestANoticeTellsWhatCameAndWent(t *testing.T) {
	before := State{Verdict: stack.VerdictGateFailed, Findings: []string{"acme/served shop.example"}}
	_, n := Change(before, true, report(stack.VerdictGateFailed, "exposure/open port 6379"), "https://ci.example/r")
	text := n.Text()
	for _, wants := range []string{"shop prod: gate-failed\n", "new: port 6379: is bad (exposure/open)", "gone: acme/served shop.example", "report: https://ci.example/r", "site: https://shop.example/"} {
		if !strings.Contains(text, wants) {
			t.Errorf("%q is not in\n%s", wants, text)
		}
	}
	_, n = Change(before, true, report(stack.VerdictGood), "")
	if n.Title() != "shop prod: good (was gate-failed)" {
		t.Error(n.Title())
	}
}
