package evidence

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sort"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// evidenceGate is gate G10 without an answer.
func evidenceGate() stack.GateResult {
	return stack.GateResult{ID: "G10", Name: "evidence", Phase: stack.PhasePost, Of: "artifacts",
		Question: "Are the run's artifacts complete and unaltered, and free of secrets?",
		Refs:     []string{"SPEC §8", "ASVS 16.2.5", "ASVS 14.2.4"}, Rerun: "stackctl evidence verify"}
}

// Judge answers gate G10 over a run's folder before or after it is sealed:
// every artifact is there, its sum is the one in the chain, the chain is
// unbroken, and no secret is in any of them, in any encoding.
func Judge(dir string, r *redact.Redactor) stack.GateResult { return judge(dir, r, nil) }

// judge leaves the pattern net out for files whose sums are cleared.
func judge(dir string, r *redact.Redactor, cleared map[string]bool) stack.GateResult {
	g := evidenceGate()
	g.Rerun = "stackctl evidence verify " + dir
	c := Check{Dir: dir}
	files, err := c.list(dir)
	if err != nil {
		g.Status, g.Reason = stack.CouldNotJudge, fmt.Sprintf("read %s: %v", dir, plainError(err))
		return g
	}
	sums := chainSums(c.chain(dir, files))
	for _, name := range slices.Concat(reports, required) {
		if !files[name] {
			c.problem(Missing, name, "every run holds it")
		}
	}
	for _, p := range c.Problems {
		g.Findings = append(g.Findings, stack.Finding{Rule: wholeRule.ID, Level: wholeRule.Level, Subject: p.Path, Problem: string(p.Kind), Expected: "whole, as it was written", Observed: p.What,
			Evidence: runLog, Fix: "find out who else writes to " + dir + ", then run again"})
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		content, err := readRegular(filepath.Join(dir, name))
		if err != nil {
			g.Status, g.Reason = stack.CouldNotJudge, fmt.Sprintf("read %s: %v", name, plainError(err))
			return g
		}
		g.Inspected++
		g.Findings = append(g.Findings, alteredFindings(name, content, sums)...)
		leaks, err := leakFindings(name, content, r, cleared[sum(content)] || cleared != nil && name == runLog)
		if err != nil {
			g.Status, g.Reason = stack.CouldNotJudge, err.Error()
			return g
		}
		g.Findings = append(g.Findings, leaks...)
	}
	g.Status = stack.Passed
	if len(g.Findings) > 0 || g.Inspected == 0 {
		g.Status = stack.Failed
	}
	return g
}

func alteredFindings(name string, content []byte, sums map[string]stack.FileSum) []stack.Finding {
	if name == runLog || name == manifest || name == attestation {
		return nil
	}
	f := stack.Finding{Rule: wholeRule.ID, Level: wholeRule.Level, Subject: name, Evidence: name, Fix: wholeRule.Fix}
	s, ok := sums[name]
	switch {
	case !ok:
		f.Problem, f.Expected, f.Observed = string(Added), "written by the run", "the log does not tell of it"
	case s.SHA256 != sum(content):
		f.Problem, f.Expected, f.Observed = string(Changed), "SHA-256 "+s.SHA256, "SHA-256 "+sum(content)
	default:
		return nil
	}
	return []stack.Finding{f}
}

// leakFindings tells of secrets in one artifact: by name and place, never by
// value.
func leakFindings(name string, content []byte, r *redact.Redactor, cleared bool) ([]stack.Finding, error) {
	var out []stack.Finding
	found := func(what string, line int) {
		out = append(out, stack.Finding{Rule: noSecretRule.ID, Level: noSecretRule.Level, Subject: name, Problem: "it holds the secret " + redact.Mark(what), Expected: "no secret, in no encoding",
			Observed: fmt.Sprintf("line %d", line), Evidence: name, Fix: noSecretRule.Fix})
	}
	texts := [][]byte{content}
	if name == attestation {
		texts = append(texts, payload(content))
	}
	for _, text := range texts {
		for _, h := range r.Find(text) {
			found(h.Name, 1+countLines(text[:h.Start]))
		}
	}
	if cleared {
		return out, nil
	}
	err := eachText(name, content, func(text []byte, line int) error {
		patterns, err := redact.Patterns(text)
		for _, p := range patterns {
			found(p.Rule, line+p.Line)
		}
		return err
	})
	return out, err
}

// eachText gives the pattern net what it looks at: the log event by event,
// as it was masked, and nothing of the files that hold sums alone.
func eachText(name string, content []byte, look func(text []byte, line int) error) error {
	switch name {
	case manifest, attestation:
		return nil
	case runLog:
		links, _, _ := readChain(content) // a break is a finding already
		for i, l := range links {
			if err := look(l.body.Event, i); err != nil {
				return err
			}
		}
		return nil
	}
	return look(content, 0)
}

// payload is the decoded statement of an attestation; nothing if it has none.
func payload(content []byte) []byte {
	var e dsse.Envelope
	if json.Unmarshal(content, &e) != nil {
		return nil
	}
	body, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil {
		return nil
	}
	return body
}

func countLines(b []byte) int {
	n := 0
	for _, c := range b {
		if c == '\n' {
			n++
		}
	}
	return n
}
