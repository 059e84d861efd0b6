package display

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// plainDisplay writes one line for each event, for CI logs.
type plainDisplay struct {
	mu      sync.Mutex
	out     io.Writer
	words   words
	verbose bool
	// shown is the last quarter of each thing's progress that was written.
	shown map[string]int64
	// width is that of the longest target's name so far.
	width int
	err   error
}

func (p *plainDisplay) Emit(e stack.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Kind == stack.EventProgress && !p.verbose && !p.quarter(e) {
		return
	}
	parts := []string{e.At.UTC().Format("2006-01-02T15:04:05.000Z")}
	if e.Target != "" {
		p.width = max(p.width, len(e.Target))
		parts = append(parts, fmt.Sprintf("%-*s", p.width+2, "["+p.words.line(e.Target)+"]"))
	}
	parts = append(parts, fmt.Sprintf("%-8s", p.words.line(string(e.Kind))))
	if t := p.words.title(e); t != "" {
		parts = append(parts, t)
	}
	if s := p.detail(e); s != "" {
		parts = append(parts, "– "+s)
	}
	if t := took(e.Took); t != "" {
		parts = append(parts, "("+t+")")
	}
	p.write(strings.TrimRight(strings.Join(parts, " "), " "))
}

func (p *plainDisplay) detail(e stack.Event) string {
	switch {
	case e.Gate != nil:
		return p.words.gate(e.Gate)
	case e.Kind == stack.EventProgress:
		return strings.TrimSpace(p.words.progress(e) + " " + p.words.line(e.Message))
	case e.Kind == stack.EventStep:
		return p.words.begins(e)
	}
	return p.words.line(e.Message)
}

// quarter reports whether progress has reached another quarter.
func (p *plainDisplay) quarter(e stack.Event) bool {
	if e.Total <= 0 {
		return false
	}
	q := 4 * e.Done / e.Total
	thing := e.Target + " " + e.Name
	last, seen := p.shown[thing]
	if seen && q == last {
		return false
	}
	p.shown[thing] = q
	return true
}

func (p *plainDisplay) write(line string) {
	if _, err := fmt.Fprintln(p.out, line); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *plainDisplay) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// jsonDisplay writes one JSON object for each event; the last one, the
// verdict, carries the report.
type jsonDisplay struct {
	mu    sync.Mutex
	out   io.Writer
	words words
	err   error
}

func (j *jsonDisplay) Emit(e stack.Event) {
	b, err := json.Marshal(e)
	if err == nil && j.words.redact != nil {
		b = j.words.redact(b)
	}
	if err != nil || !json.Valid(b) {
		// Masking broke it: a secret equals a number. Say that it happened.
		b, err = json.Marshal(stack.Event{At: e.At, Kind: e.Kind, Message: "withheld: it held a secret in a place where it could not be masked"})
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		_, err = j.out.Write(append(harmless(b), '\n'))
	}
	if err != nil && j.err == nil {
		j.err = err
	}
}

// harmless spells the characters of a JSON text that a terminal could act on
// as \uXXXX.
func harmless(b []byte) []byte {
	if redact.Printable(string(b)) == string(b) {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for _, r := range string(b) {
		if s := string(r); r != utf8.RuneError && redact.Printable(s) != s {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func (j *jsonDisplay) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// quietDisplay writes what went wrong and why the run is not good, and nothing else.
type quietDisplay struct {
	mu    sync.Mutex
	err   io.Writer
	words words
	fail  error
	// said are the targets of which something that went wrong was told.
	said map[string]bool
}

func (q *quietDisplay) told(target string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.said[target]
}

func (q *quietDisplay) Emit(e stack.Event) {
	var text string
	switch {
	case e.Kind == stack.EventFailed:
		text = q.words.title(e) + ": " + cmp.Or(q.words.line(e.Message), "failed")
	case e.Gate != nil && e.Gate.Status != stack.Passed && e.Gate.Status != stack.Skipped:
		text = q.words.title(e) + ": " + q.words.gate(e.Gate)
	case e.Kind == stack.EventVerdict && e.Report != nil && e.Report.Reason != "" && !q.told(e.Target):
		// What was refused has no step and no gate that failed.
		text = q.words.title(e) + ": " + q.words.line(e.Report.Reason)
		if e.Report.Fix != "" {
			text += "; " + q.words.line(e.Report.Fix)
		}
	default:
		return
	}
	if e.Target != "" {
		text = "[" + q.words.line(e.Target) + "] " + text
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.said[e.Target] = true
	if _, err := fmt.Fprintln(q.err, text); err != nil && q.fail == nil {
		q.fail = err
	}
}

func (q *quietDisplay) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fail
}
