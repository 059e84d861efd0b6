// Package report owns how a run's report looks: text, JSON, JUnit, Markdown
// and one HTML page. It reads a stack.Report and nothing else; it must not
// know how a deployment is made, judged or kept. Text that comes from outside
// is harmless in every format.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// story is a report put in the order in which people read it.
type story struct {
	stack.Report
	Failed, Unjudged, Skipped, Passed []stack.GateResult
	Accepted, Advice                  []accepted
	FailedSteps                       []stack.StepResult
}

// accepted is a finding that is not in the way: an exception covers it, or it
// is advice.
type accepted struct {
	Gate    stack.GateResult
	Finding stack.Finding
}

func read(r stack.Report) story {
	s := story{Report: r}
	for _, g := range r.Gates {
		switch g.Status {
		case stack.Passed:
			s.Passed = append(s.Passed, g)
		case stack.Skipped:
			s.Skipped = append(s.Skipped, g)
		case stack.Failed:
			s.Failed = append(s.Failed, g)
		default: // an unknown end is never a pass
			s.Unjudged = append(s.Unjudged, g)
		}
		for _, f := range g.Accepted {
			s.Accepted = append(s.Accepted, accepted{g, f})
		}
		for _, f := range g.Advice {
			s.Advice = append(s.Advice, accepted{g, f})
		}
	}
	for _, st := range r.Steps {
		told := st.Step.Kind == stack.StepGates && len(s.Failed)+len(s.Unjudged) > 0
		if st.Error != "" && !told { // failed gates tell their step
			s.FailedSteps = append(s.FailedSteps, st)
		}
	}
	return s
}

// headline is the verdict in one sentence.
func (s story) headline() string {
	switch s.Verdict {
	case stack.VerdictGood:
		return s.good()
	case stack.VerdictGateFailed:
		return "A gate failed" + s.still()
	case stack.VerdictUnjudged:
		return "A gate could not judge" + s.still()
	case stack.VerdictStepFailed:
		return "A step failed" + s.still()
	case stack.VerdictRefused:
		if len(s.Steps) == 0 {
			return "Refused; nothing was changed"
		}
		return "Could not go on" + s.still()
	case stack.VerdictInterrupted:
		return "Interrupted" + s.still()
	}
	return "Ended without a known verdict: " + line(string(s.Verdict))
}

func (s story) good() string {
	if s.Live == "" {
		return "Good"
	}
	if s.Before == s.Live {
		return fmt.Sprintf("Good: release %s is live, as before", line(s.Live))
	}
	return fmt.Sprintf("Good: release %s is live", line(s.Live))
}

// still returns which release users see after a bad end.
func (s story) still() string {
	switch {
	case s.Unseen && s.Live == "" && s.Plan.Release == "":
		return "; nothing was changed"
	case s.Unseen && s.Live == "" && s.Before == "":
		return "; nothing served when the run last looked"
	case s.Unseen && s.Live == "":
		return "; what serves is not known, see `stackctl status`"
	case s.Unseen && s.Live == s.Before:
		return fmt.Sprintf("; release %s served when the run last looked", line(s.Live))
	case s.Unseen:
		return fmt.Sprintf("; release %s was switched to and is not judged, see `stackctl status`", line(s.Live))
	case s.Unsettled && s.Live != "" && s.Live == s.Release && s.Before != s.Release:
		return fmt.Sprintf("; release %s still serves, for what served before could not be brought back, see `stackctl status`", line(s.Live))
	case s.Unsettled && s.Live != "":
		return fmt.Sprintf("; release %s was not brought back whole, see `stackctl status`", line(s.Live))
	case s.RolledBack:
		return fmt.Sprintf("; rolled back, release %s serves", line(s.Live))
	case s.Live == "" && s.Plan.Release == "": // the run never looked at what serves
		return "; nothing was changed"
	case s.Live == "":
		return cmp.Or(s.adopted(), "; nothing serves")
	case s.Live == s.Before:
		return fmt.Sprintf("; release %s still serves", line(s.Live))
	}
	return fmt.Sprintf("; release %s serves", line(s.Live))
}

// adopted returns what became of a site that docker compose served before; empty:
// it served none.
func (s story) adopted() string {
	set := false
	for _, st := range s.Steps {
		set = set || st.Step.Kind == stack.StepAdopt
		if st.Step.Kind == stack.StepReinstate && st.Error == "" {
			return "; what docker compose started serves again"
		}
	}
	switch {
	case !slices.ContainsFunc(s.Plan.Steps, func(st stack.Step) bool { return st.Kind == stack.StepAdopt }):
		return ""
	case !set:
		return "; what docker compose started still serves"
	}
	return "; what docker compose started waits aside, see `docker ps -a` on the host"
}

// word is a short name of the verdict.
func (s story) word() string {
	switch s.Verdict {
	case stack.VerdictGood:
		return "Good"
	case stack.VerdictUnjudged:
		return "Not judged"
	case stack.VerdictInterrupted:
		return "Interrupted"
	case stack.VerdictRefused:
		return "Refused"
	}
	return "Failed"
}

// counts is how many gates ended each way, as text.
func (s story) counts() string {
	text := fmt.Sprintf("%d passed, %d failed, %d could not judge, %d skipped",
		len(s.Passed), len(s.Failed), len(s.Unjudged), len(s.Skipped))
	if n := len(s.Pieces()); n > 0 {
		text += fmt.Sprintf(", %d pieces of advice", n)
	}
	return text
}

// denominator is what a gate inspected: "41 routes".
func denominator(g stack.GateResult) string {
	if g.Of == "" {
		return fmt.Sprint(g.Inspected)
	}
	return fmt.Sprintf("%d %s", g.Inspected, line(g.Of))
}

// ruled is the rule and level that a finding comes from: "compose/user, strict".
func ruled(f stack.Finding) string {
	if f.Rule == "" {
		return ""
	}
	return line(f.Rule) + ", " + line(string(f.Level))
}

// excuse is the exception's own line in a report: "compose/user service web".
func excuse(e stack.Exception) string { return line(e.Rule) + " " + line(e.Subject) }

// place is where a finding can be fixed: "compose/stack.yaml:41".
func place(f stack.Finding) string {
	if f.File == "" {
		return ""
	}
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", line(f.File), f.Line)
	}
	return line(f.File)
}

// line is text from outside, harmless and on one line.
func line(s string) string { return redact.Line(s) }

// duration is a time as people read it: 0.4 ms, 123 ms, 4.21 s, 1 min 23 s.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d == 0:
		return "0 s"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// moment is a point in time, in UTC, to the second.
func moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// bytesText is a size as people read it.
func bytesText(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, names := float64(n), []string{"kB", "MB", "GB", "TB"}
	k := -1
	for value >= unit && k < len(names)-1 {
		value /= unit
		k++
	}
	return fmt.Sprintf("%.1f %s", value, names[k])
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// spoke names the services that logged anything: one that was only created did not.
func spoke(logs map[string]string) []string {
	return slices.DeleteFunc(sorted(logs), func(name string) bool { return strings.TrimSpace(logs[name]) == "" })
}

// indent puts a prefix before each line of a text from outside.
func indent(s, prefix string) string {
	s = strings.TrimRight(redact.Printable(s), "\n")
	return prefix + strings.ReplaceAll(s, "\n", "\n"+prefix)
}

// plural is a count with its noun: "1 error", "40 samples".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
