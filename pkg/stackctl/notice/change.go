// Package notice owns what people are told when a verdict changes: whether it
// did, in which words, and the way to them. It must not know how a verdict came
// about, and nothing that happens here changes one.
package notice

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// State is what was last known of a target.
type State struct {
	Verdict stack.Verdict `json:"verdict"`
	// Findings are the rules and subjects of what was found.
	Findings []string  `json:"findings,omitempty"`
	Run      string    `json:"run"`
	Since    time.Time `json:"since"`
}

// Finding is one finding, as people are told.
type Finding struct {
	Rule    string `json:"rule"`
	Subject string `json:"subject"`
	Problem string `json:"problem"`
}

// Notice is one change, as machines get it.
type Notice struct {
	Version string        `json:"version"` // "notice/v1"
	Project string        `json:"project"`
	Target  string        `json:"target"`
	URL     string        `json:"url"`
	Verb    string        `json:"verb"`
	Run     string        `json:"run"`
	Verdict stack.Verdict `json:"verdict"`
	// Before is empty where nothing was known.
	Before stack.Verdict `json:"before"`
	Reason string        `json:"reason,omitempty"`
	Fix    string        `json:"fix,omitempty"`
	Live   string        `json:"live"`
	// New and Gone are the findings that came and those that went.
	New  []Finding `json:"new"`
	Gone []string  `json:"gone"`
	// Report is where the run's report is: a URL or a file.
	Report string    `json:"report"`
	At     time.Time `json:"at"`
}

// Change reports whether a run changed what is known of a target: another verdict,
// or other findings. A run that says nothing of the site, because it was
// interrupted, misused or kept out by a lock, changes nothing. It is pure.
func Change(before State, known bool, r stack.Report, report string) (State, *Notice) {
	if !speaks(r) {
		return before, nil
	}
	at := r.Started.Add(r.Took).UTC()
	now := State{Verdict: r.Verdict, Run: r.Run, Since: at}
	n := &Notice{Version: "notice/v1", Project: r.Project, Target: r.Target, URL: r.URL, Verb: r.Verb, Run: r.Run, Verdict: r.Verdict,
		Before: before.Verdict, Reason: r.Reason, Fix: r.Fix, Live: r.Live, Report: report, At: at}
	now.Findings, n.New, n.Gone = compare(before.Findings, r.Gates)
	switch {
	case !known && r.Verdict == stack.VerdictGood:
		return now, nil
	case known && now.Verdict == before.Verdict && slices.Equal(now.Findings, before.Findings):
		before.Run = r.Run
		return before, nil
	}
	return now, n
}

// compare lists the findings of a run, those that came and those that went.
func compare(before []string, gates []stack.GateResult) (now []string, came []Finding, went []string) {
	came, went = []Finding{}, []string{} // never null in JSON
	for _, g := range gates {
		for _, f := range g.Findings {
			key := f.Rule + " " + f.Subject
			if slices.Contains(now, key) {
				continue
			}
			now = append(now, key)
			if !slices.Contains(before, key) {
				came = append(came, Finding{f.Rule, f.Subject, f.Problem})
			}
		}
	}
	sort.Strings(now)
	for _, key := range before {
		if !slices.Contains(now, key) {
			went = append(went, key)
		}
	}
	return now, came, went
}

// unreachable is the exit code of a run that found no server.
const unreachable = 3

func speaks(r stack.Report) bool {
	switch r.Verdict {
	case stack.VerdictGood, stack.VerdictGateFailed, stack.VerdictUnjudged, stack.VerdictStepFailed:
		return true
	case stack.VerdictRefused:
		return r.ExitCode == unreachable
	}
	return false
}

// Title is the change in one line.
func (n Notice) Title() string {
	text := fmt.Sprintf("%s %s: %s", n.Project, n.Target, n.Verdict)
	if n.Before != "" && n.Before != n.Verdict {
		text += " (was " + string(n.Before) + ")"
	}
	return text
}

// most is how many findings are told in words.
const most = 10

// Text is the change for people.
func (n Notice) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", n.Title())
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line("reason", n.Reason)
	line("fix", n.Fix)
	for i, f := range n.New {
		if i == most {
			fmt.Fprintf(&b, "and %d more findings\n", len(n.New)-most)
			break
		}
		fmt.Fprintf(&b, "new: %s: %s (%s)\n", f.Subject, f.Problem, f.Rule)
	}
	for i, key := range n.Gone {
		if i == most {
			break
		}
		fmt.Fprintf(&b, "gone: %s\n", key)
	}
	line("live", n.Live)
	line("site", n.URL)
	line("report", n.Report)
	return b.String()
}
