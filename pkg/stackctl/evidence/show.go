package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"text/tabwriter"
	"time"

	"stackctl/pkg/stackctl/report"
	"stackctl/pkg/stackctl/stack"
)

// Text is a check as people read it.
func (c Check) Text() string {
	var b bytes.Buffer
	switch c.Status() {
	case "good":
		fmt.Fprintf(&b, "Good: run %s is whole and signed by %s\n", c.Run, c.Signer)
	case "unsigned":
		fmt.Fprintf(&b, "Whole, but nobody vouches for it: run %s\n", c.Run)
	case "incomplete":
		fmt.Fprintf(&b, "Incomplete: run %s was cut off before it was sealed\n", orDash(c.Run))
	default:
		fmt.Fprintf(&b, "REFUSED: the evidence of run %s is not as it was written\n", orDash(c.Run))
	}
	if m := c.Manifest; m != nil {
		fmt.Fprintf(&b, "  verdict %s (exit %d), %s of release %s to %s, sealed %s\n",
			oneLine(string(m.Verdict)), m.ExitCode, oneLine(m.Verb), orDash(oneLine(m.Release)), orDash(oneLine(m.Target)), m.Sealed.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "  %d files, %d lines in the chain\n", c.Files, c.Lines)
	if len(c.Problems) > 0 {
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, p := range c.Problems {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", p.Kind, p.Path, oneLine(p.What))
		}
		_ = w.Flush() // a bytes.Buffer takes everything
	}
	return b.String()
}

// Show returns a run's story from its artifacts, for people. It checks nothing
// but what it needs to read: Verify does that.
func Show(dir string) (string, error) {
	c, err := Verify(dir, nil)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	b.WriteString(c.Text())
	if r, err := readReport(dir); err == nil {
		text, err := report.Text(r)
		if err != nil {
			return "", err
		}
		b.WriteString("\n")
		b.Write(text)
	} else {
		fmt.Fprintf(&b, "\n%v\n", err)
	}
	b.WriteString("\nEvents\n")
	if content, err := readRegular(filepath.Join(dir, runLog)); err == nil {
		links, _, _ := readChain(content) // what can be read of it; Text names the break
		showEvents(&b, links)
	}
	b.WriteString("\nArtifacts\n")
	showArtifacts(&b, dir, c)
	return b.String(), nil
}

func showEvents(b *bytes.Buffer, links []link) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, l := range links {
		var e stack.Event
		if l.body.Event == nil || json.Unmarshal(l.body.Event, &e) != nil || e.Kind == stack.EventProgress {
			continue
		}
		text := oneLine(e.Message)
		if e.Gate != nil {
			text = fmt.Sprintf("%s, inspected %d %s", e.Gate.Status, e.Gate.Inspected, oneLine(e.Gate.Of))
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", l.body.At.UTC().Format("15:04:05.000"), oneLine(string(e.Kind)), oneLine(e.Name), text)
	}
	_ = w.Flush() // a bytes.Buffer takes everything
}

func showArtifacts(b *bytes.Buffer, dir string, c Check) {
	if c.Manifest == nil {
		b.WriteString("  the run was not sealed\n")
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, a := range c.Manifest.Artifacts {
		note := ""
		if content, err := readRegular(filepath.Join(dir, a.Path)); err == nil {
			note = absentReason(content)
		}
		fmt.Fprintf(w, "  %s\t%d\t%.12s\t%s\n", oneLine(a.Path), a.Bytes, a.SHA256, note)
	}
	_ = w.Flush() // a bytes.Buffer takes everything
}

// absentReason is why an artifact holds nothing; empty if it does hold something.
func absentReason(content []byte) string {
	var a struct {
		Absent bool
		Reason string
	}
	if len(content) < 64<<10 && json.Unmarshal(content, &a) == nil && a.Absent {
		return "absent: " + oneLine(a.Reason)
	}
	for _, prefix := range []string{"# absent: ", "absent: "} {
		if bytes.HasPrefix(content, []byte(prefix)) {
			return "absent: " + oneLine(string(content[len(prefix):]))
		}
	}
	return ""
}

func readReport(dir string) (stack.Report, error) {
	var r stack.Report
	content, err := readRegular(filepath.Join(dir, "report.json"))
	if err != nil {
		return r, fmt.Errorf("read report.json: %w", plainError(err))
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, errors.New("read report.json: it is not a report")
	}
	return r, nil
}

// Diff tells in what two runs differ, for people: verdict, release, gates,
// findings, artifacts.
func Diff(a, b string) (string, error) {
	left, err := diffSide(a)
	if err != nil {
		return "", err
	}
	right, err := diffSide(b)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "- %s\n+ %s\n", left.check.Run, right.check.Run)
	l, r := left.report, right.report
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, f := range []struct{ name, a, b string }{
		{"evidence", left.check.Status(), right.check.Status()}, {"verb", l.Verb, r.Verb}, {"target", l.Target, r.Target},
		{"verdict", string(l.Verdict), string(r.Verdict)}, {"reason", l.Reason, r.Reason}, {"release", l.Release, r.Release},
		{"commit", l.Commit, r.Commit}, {"live", l.Live, r.Live},
		{"took", l.Took.Round(time.Millisecond).String(), r.Took.Round(time.Millisecond).String()},
	} {
		if f.a != f.b {
			fmt.Fprintf(w, "  %s\t%s\t→ %s\n", f.name, orDash(oneLine(f.a)), orDash(oneLine(f.b)))
		}
	}
	_ = w.Flush() // a bytes.Buffer takes everything
	diffMaps(&out, "Gates", gateStates(l), gateStates(r))
	diffMaps(&out, "Findings", findingStates(l), findingStates(r))
	diffMaps(&out, "Artifacts", left.files, right.files)
	return out.String(), nil
}

// side is one of two runs that are compared.
type side struct {
	check  Check
	report stack.Report
	files  map[string]string
}

func diffSide(dir string) (side, error) {
	c, err := Verify(dir, nil)
	if err != nil {
		return side{}, err
	}
	s := side{check: c, files: map[string]string{}}
	if s.report, err = readReport(dir); err != nil {
		return s, stack.Fault(stack.CauseUsage, "compare "+dir, err, `"stackctl evidence show" tells what is left of it`)
	}
	if c.Manifest == nil {
		return s, nil
	}
	for _, f := range c.Manifest.Artifacts {
		if !isReport(f.Path) && f.Path != runLog { // these differ in every run
			s.files[f.Path] = fmt.Sprintf("%d bytes, %.12s", f.Bytes, f.SHA256)
		}
	}
	return s, nil
}

func gateStates(r stack.Report) map[string]string {
	out := map[string]string{}
	for _, g := range r.Gates {
		out[oneLine(g.ID+" "+string(g.Phase))] = fmt.Sprintf("%s, %d %s", g.Status, g.Inspected, oneLine(g.Of))
	}
	return out
}

func findingStates(r stack.Report) map[string]string {
	out := map[string]string{}
	for _, g := range r.Gates {
		for _, f := range g.Findings {
			out[oneLine(g.ID+" "+f.Subject+": "+f.Problem)] = oneLine(f.Observed)
		}
	}
	return out
}

func diffMaps(b *bytes.Buffer, title string, left, right map[string]string) {
	keys := map[string]bool{}
	for k := range left {
		keys[k] = true
	}
	for k := range right {
		keys[k] = true
	}
	names := make([]string, 0, len(keys))
	for k := range keys {
		if left[k] != right[k] {
			names = append(names, k)
		}
	}
	sort.Strings(names)
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, k := range names {
		l, inLeft := left[k]
		r, inRight := right[k]
		switch {
		case !inRight:
			fmt.Fprintf(b, "  - %s (%s)\n", k, l)
		case !inLeft:
			fmt.Fprintf(b, "  + %s (%s)\n", k, r)
		default:
			fmt.Fprintf(b, "  ~ %s: %s → %s\n", k, l, r)
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
