package report

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"stackctl/pkg/stackctl/stack"
)

// screen is how many lines a terminal shows, more or less.
const screen = 40

// Text is the summary for a terminal: verdict first, then what to do, then
// the rest, and the verdict again where the first has left the screen. It holds no
// escape sequences.
func Text(r stack.Report) ([]byte, error) {
	s := read(r)
	var b bytes.Buffer
	s.textHead(&b)
	for _, g := range s.Failed {
		textGate(&b, "FAILED", g)
	}
	for _, g := range s.Unjudged {
		textGate(&b, "COULD NOT JUDGE", g)
	}
	s.textSteps(&b)
	s.textLogs(&b)
	s.textAdvice(&b)
	if len(s.Accepted) > 0 {
		b.WriteString("\nAccepted exceptions\n")
		for _, a := range s.Accepted {
			fmt.Fprintf(&b, "  %s %s: %s\n", line(a.Finding.Rule), line(a.Finding.Subject), line(a.Finding.Problem))
			if e := a.Finding.Exception; e != nil {
				fmt.Fprintf(&b, "      %s, until %s: %s\n", line(e.Owner), line(e.Expires), line(e.Reason))
			}
		}
	}
	if len(s.Unused) > 0 {
		b.WriteString("\nExceptions that nothing needed; take them out of stackctl.yaml\n")
		for _, e := range s.Unused {
			fmt.Fprintf(&b, "  %s\n", excuse(e))
		}
	}
	if len(s.Skipped) > 0 {
		b.WriteString("\nSkipped\n")
		table(&b, s.Skipped, func(g stack.GateResult) string { return line(g.Reason) })
	}
	if len(s.Passed) > 0 {
		b.WriteString("\nPassed\n")
		table(&b, s.Passed, func(g stack.GateResult) string { return denominator(g) + "\t" + duration(g.Took) })
	}
	if bytes.Count(b.Bytes(), []byte("\n")) > screen {
		fmt.Fprintf(&b, "\n%s\n", s.headline())
		reason, _, _ := strings.Cut(s.Reason, "\n")
		textWhy(&b, reason, s.Fix)
	}
	return b.Bytes(), nil
}

// textAdvice tells of what the policy lets pass.
func (s story) textAdvice(b *bytes.Buffer) {
	if len(s.Advice) == 0 {
		return
	}
	fmt.Fprintf(b, "\nAdvice (policy standard; none of it is in the way)\n")
	for _, f := range s.Pieces() {
		fmt.Fprintf(b, "  %s  %s: %s\n      → %s\n", line(f.Rule), line(f.Subject), line(f.Problem), line(f.Fix))
	}
}

func (s story) textHead(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s\n", s.headline())
	textWhy(b, s.Reason, s.Fix)
	b.WriteString("\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, f := range s.facts() {
		fmt.Fprintf(w, "  %s\t%s\n", f.Name, f.Value)
	}
	_ = w.Flush() // a bytes.Buffer takes everything
}

// textWhy writes why a run ended as it did, and what to do.
func textWhy(b *bytes.Buffer, reason, fix string) {
	if reason != "" {
		fmt.Fprintf(b, "%s\n", indent(reason, "  "))
	}
	if fix != "" {
		fmt.Fprintf(b, "  → %s\n", line(fix))
	}
}

// fact is one line of the head of a report.
type fact struct{ Name, Value string }

// facts are what a report says about its run, without what is empty.
func (s story) facts() []fact {
	release := line(s.Release)
	switch {
	case s.Before == "" || s.Before == s.Release:
	case s.Release == "": // refused before one was picked
		release = "none (live: " + line(s.Before) + ")"
	default:
		release += " (before: " + line(s.Before) + ")"
	}
	target := line(s.Target)
	if s.Host != "" {
		target += " (" + line(s.Host) + ")"
	}
	all := []fact{
		{"site", line(s.URL)}, {"target", target}, {"project", line(s.Project)},
		{"release", release}, {"commit", line(s.Commit)},
		{"run", line(s.Run)}, {"verb", line(s.Verb)},
		{"started", moment(s.Started)}, {"took", duration(s.Took)},
		{"gates", s.counts()},
	}
	var out []fact
	for _, f := range all {
		if f.Value != "" && f.Value != "–" {
			out = append(out, f)
		}
	}
	return out
}

func textGate(b *bytes.Buffer, word string, g stack.GateResult) {
	fmt.Fprintf(b, "\n%s  %s %s (%s), inspected %s\n", word, line(g.ID), line(g.Name), line(string(g.Phase)), denominator(g))
	if g.Reason != "" {
		fmt.Fprintf(b, "  %s\n", line(g.Reason))
	}
	for _, f := range together(g.Findings) {
		fmt.Fprintf(b, "  • %s: %s\n", line(f.Subject), line(f.Problem))
		for _, p := range []fact{{"rule", ruled(f.Finding)}, {"expected", line(f.Expected)}, {"observed", line(f.Observed)},
			{"evidence", line(f.Evidence)}, {"where", f.Where}, {"fix", line(f.Fix)}} {
			if p.Value != "" {
				fmt.Fprintf(b, "      %-8s  %s\n", p.Name, p.Value)
			}
		}
	}
	if g.Rerun != "" {
		fmt.Fprintf(b, "  again: %s\n", line(g.Rerun))
	}
}

func (s story) textSteps(b *bytes.Buffer) {
	for _, st := range s.FailedSteps {
		fmt.Fprintf(b, "\nFAILED STEP  %s after %s\n%s\n", line(st.Step.String()), duration(st.Took), indent(st.Error, "  "))
	}
}

func (s story) textLogs(b *bytes.Buffer) {
	for _, name := range spoke(s.Logs) {
		fmt.Fprintf(b, "\nLast lines of %s\n%s\n", line(name), indent(s.Logs[name], "  | "))
	}
}

func table(b *bytes.Buffer, gates []stack.GateResult, tail func(stack.GateResult) string) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, g := range gates {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", line(g.ID), line(g.Name), line(string(g.Phase)), strings.TrimSpace(tail(g)))
	}
	_ = w.Flush() // a bytes.Buffer takes everything
}
