package report

import (
	"bytes"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// maxMarkdownLog bounds one service's log in the Markdown report, so that it
// fits a CI step summary.
const maxMarkdownLog = 8 << 10

// Markdown is the report for a CI step summary.
func Markdown(r stack.Report) ([]byte, error) {
	s := read(r)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s %s\n\n", markdownMark(r.Verdict), md(s.headline()))
	if s.Reason != "" {
		fmt.Fprintf(&b, "%s\n\n", md(s.Reason))
	}
	if s.Fix != "" {
		fmt.Fprintf(&b, "**Next:** %s\n\n", md(s.Fix))
	}
	b.WriteString("| | |\n|---|---|\n")
	for _, f := range s.facts() {
		fmt.Fprintf(&b, "| %s | %s |\n", f.Name, md(f.Value))
	}
	for _, g := range s.Failed {
		markdownGate(&b, "Failed", g)
	}
	for _, g := range s.Unjudged {
		markdownGate(&b, "Could not judge", g)
	}
	s.markdownSteps(&b)
	s.markdownLists(&b)
	return b.Bytes(), nil
}

func markdownMark(v stack.Verdict) string {
	switch v {
	case stack.VerdictGood:
		return "✅"
	case stack.VerdictUnjudged, stack.VerdictInterrupted:
		return "⚠️"
	}
	return "❌"
}

func markdownGate(b *bytes.Buffer, word string, g stack.GateResult) {
	fmt.Fprintf(b, "\n## %s: %s %s (%s)\n\n", word, md(g.ID), md(g.Name), md(string(g.Phase)))
	fmt.Fprintf(b, "Inspected %s.", md(denominator(g)))
	if g.Reason != "" {
		fmt.Fprintf(b, " %s", md(g.Reason))
	}
	b.WriteString("\n\n")
	for _, f := range together(g.Findings) {
		fmt.Fprintf(b, "- **%s**: %s\n", md(f.Subject), md(f.Problem))
		for _, p := range []fact{{"rule", md(ruled(f.Finding))}, {"expected", md(f.Expected)}, {"observed", md(f.Observed)},
			{"evidence", md(f.Evidence)}, {"where", md(f.Where)}, {"fix", md(f.Fix)}} {
			if p.Value != "" {
				fmt.Fprintf(b, "  - %s: %s\n", p.Name, p.Value)
			}
		}
	}
	if g.Rerun != "" {
		fmt.Fprintf(b, "\nAgain: %s\n", code(g.Rerun))
	}
}

func (s story) markdownSteps(b *bytes.Buffer) {
	for _, st := range s.FailedSteps {
		fmt.Fprintf(b, "\n## Failed step: %s\n\n%s\n", md(st.Step.String()), fence(st.Error))
	}
	for _, name := range spoke(s.Logs) {
		text := s.Logs[name]
		if len(text) > maxMarkdownLog {
			text = "…\n" + text[len(text)-maxMarkdownLog:]
		}
		fmt.Fprintf(b, "\n## Last lines of %s\n\n%s\n", md(name), fence(text))
	}
}

func (s story) markdownLists(b *bytes.Buffer) {
	if len(s.Advice) > 0 {
		b.WriteString("\n## Advice\n\n| rule | finding | fix |\n|---|---|---|\n")
		for _, f := range s.Pieces() {
			fmt.Fprintf(b, "| %s | %s: %s | %s |\n", md(f.Rule), md(f.Subject), md(f.Problem), md(f.Fix))
		}
	}
	if len(s.Unused) > 0 {
		b.WriteString("\n## Exceptions that nothing needed\n\n")
		for _, e := range s.Unused {
			fmt.Fprintf(b, "- %s\n", md(excuse(e)))
		}
	}
	if len(s.Accepted) > 0 {
		b.WriteString("\n## Accepted exceptions\n\n| rule | finding | owner | until | reason |\n|---|---|---|---|---|\n")
		for _, a := range s.Accepted {
			e := a.Finding.Exception
			if e == nil {
				e = &stack.Exception{}
			}
			fmt.Fprintf(b, "| %s | %s: %s | %s | %s | %s |\n", md(a.Finding.Rule), md(a.Finding.Subject), md(a.Finding.Problem), md(e.Owner), md(e.Expires), md(e.Reason))
		}
	}
	if len(s.Skipped) > 0 {
		b.WriteString("\n## Skipped\n\n| gate | | phase | reason |\n|---|---|---|---|\n")
		for _, g := range s.Skipped {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", md(g.ID), md(g.Name), md(string(g.Phase)), md(g.Reason))
		}
	}
	if len(s.Passed) > 0 {
		b.WriteString("\n## Passed\n\n| gate | | phase | inspected | took |\n|---|---|---|---|---|\n")
		for _, g := range s.Passed {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", md(g.ID), md(g.Name), md(string(g.Phase)), md(denominator(g)), duration(g.Took))
		}
	}
	if len(s.Steps) > 0 {
		b.WriteString("\n## Steps\n\n| | step | why | took | |\n|---|---|---|---|---|\n")
		for i, st := range s.Steps {
			fmt.Fprintf(b, "| %d | %s %s | %s | %s | %s |\n", i+1, md(string(st.Step.Kind)), md(st.Step.Subject), md(st.Step.Cause), duration(st.Took), md(st.Detail))
		}
	}
}

// marks are the characters that Markdown or HTML in it could act on.
var marks = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "|", `\|`, "~", `\~`, "#", `\#`, "!", `\!`, "$", `\$`,
	" @", " @\u200b", "(@", "(@\u200b")

// md is text from outside as one line of Markdown that says what it says.
func md(s string) string { return marks.Replace(line(s)) }

// code is one line as inline code.
func code(s string) string { return "`" + strings.ReplaceAll(line(s), "`", "'") + "`" }

// fence is a block of text that cannot end its own fence.
func fence(s string) string {
	s = strings.ReplaceAll(strings.TrimRight(redact.Printable(s), "\n"), "```", "'''")
	return "```text\n" + s + "\n```"
}
