package report

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string     `xml:"name,attr"`
	Class     string     `xml:"classname,attr"`
	Time      string     `xml:"time,attr"`
	Failure   *junitText `xml:"failure,omitempty"`
	Error     *junitText `xml:"error,omitempty"`
	Skipped   *junitText `xml:"skipped,omitempty"`
	SystemOut string     `xml:"system-out,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit is the report as CI systems read it: one suite for the steps, one for
// each phase of the gates, and the verdict itself where no case carries it.
func JUnit(r stack.Report) ([]byte, error) {
	all := junitSuites{Name: "stackctl " + line(r.Verb), Time: seconds(r.Took)}
	all.add(junitSteps(r))
	for _, phase := range phases(r.Gates) {
		suite := junitSuite{Name: "gates " + line(string(phase))}
		var took time.Duration
		for _, g := range r.Gates {
			if g.Phase == phase {
				suite.add(gateCase(g))
				took += g.Took
			}
		}
		suite.Time = seconds(took)
		all.add(suite)
	}
	if r.Verdict != stack.VerdictGood && all.Failures+all.Errors == 0 {
		suite := junitSuite{Name: "run", Time: seconds(r.Took)}
		text := redact.Printable(r.Reason + "\n" + r.Fix)
		suite.add(junitCase{Name: line(r.Verb), Class: "stackctl.run", Time: seconds(r.Took),
			Error: &junitText{Message: line(r.Reason), Type: line(string(r.Verdict)), Text: text}})
		all.add(suite)
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report as JUnit: %w", err)
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}

func (a *junitSuites) add(s junitSuite) {
	if s.Tests == 0 {
		return
	}
	a.Suites = append(a.Suites, s)
	a.Tests += s.Tests
	a.Failures += s.Failures
	a.Errors += s.Errors
	a.Skipped += s.Skipped
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func junitSteps(r stack.Report) junitSuite {
	suite := junitSuite{Name: "steps", Time: seconds(r.Took)}
	if !r.Started.IsZero() {
		suite.Timestamp = r.Started.UTC().Format("2006-01-02T15:04:05")
	}
	for i, st := range r.Steps {
		c := junitCase{Name: fmt.Sprintf("%02d %s %s", i+1, line(string(st.Step.Kind)), line(st.Step.Subject)),
			Class: "stackctl.step", Time: seconds(st.Took), SystemOut: line(st.Step.Cause)}
		if st.Error != "" {
			c.Failure = &junitText{Message: line(st.Error), Type: "step", Text: redact.Printable(st.Error)}
		}
		suite.add(c)
	}
	return suite
}

func gateCase(g stack.GateResult) junitCase {
	c := junitCase{Name: line(g.ID) + " " + line(g.Name), Class: "stackctl.gate." + line(g.ID), Time: seconds(g.Took),
		SystemOut: line(g.Question) + " Inspected " + denominator(g) + "."}
	for _, f := range g.Advice {
		c.SystemOut += "\nadvice " + line(f.Rule) + ": " + line(f.Subject) + ": " + line(f.Problem)
	}
	switch g.Status {
	case stack.Passed:
	case stack.Skipped:
		c.Skipped = &junitText{Message: line(g.Reason)}
	case stack.Failed:
		c.Failure = &junitText{Message: failure(g), Type: "gate", Text: findings(g)}
	default:
		c.Error = &junitText{Message: line(g.Reason), Type: line(string(g.Status)), Text: findings(g)}
	}
	return c
}

func failure(g stack.GateResult) string {
	switch len(g.Findings) {
	case 0:
		return line(g.Reason)
	case 1:
		return line(g.Findings[0].Rule) + ": " + line(g.Findings[0].Subject) + ": " + line(g.Findings[0].Problem)
	}
	return fmt.Sprintf("%d findings; first: %s: %s", len(g.Findings), line(g.Findings[0].Subject), line(g.Findings[0].Problem))
}

func findings(g stack.GateResult) string {
	var b strings.Builder
	if g.Reason != "" {
		fmt.Fprintf(&b, "%s\n", line(g.Reason))
	}
	for _, f := range g.Findings {
		fmt.Fprintf(&b, "%s: %s\n  rule:     %s\n  expected: %s\n  observed: %s\n  evidence: %s\n  where:    %s\n  fix:      %s\n",
			line(f.Subject), line(f.Problem), ruled(f), line(f.Expected), line(f.Observed), line(f.Evidence), place(f), line(f.Fix))
	}
	if g.Rerun != "" {
		fmt.Fprintf(&b, "again: %s\n", line(g.Rerun))
	}
	return b.String()
}

func phases(gates []stack.GateResult) []stack.Phase {
	var out []stack.Phase
	seen := map[stack.Phase]bool{}
	for _, p := range []stack.Phase{stack.PhaseStatic, stack.PhasePre, stack.PhasePost} {
		seen[p] = true
		out = append(out, p)
	}
	for _, g := range gates {
		if !seen[g.Phase] {
			seen[g.Phase] = true
			out = append(out, g.Phase)
		}
	}
	return out
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
