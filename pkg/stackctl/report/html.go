package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"line": line, "text": redact.Printable, "duration": duration, "moment": moment, "bytes": bytesText,
	"denominator": denominator, "together": together, "ruled": ruled, "excuse": excuse, "sorted": sortedLogs, "short": short,
	"inc": func(i int) int { return i + 1 },
}).Parse(pageText))

// htmlPage is what the template shows.
type htmlPage struct {
	story
	Tone     string // good, bad or unsure
	Headline string
	Word     string
	Facts    []fact
	Cards    []card
	Tiles    []tile
	Timeline timeline
	Pictures []picture
	Files    []file
	Tools    []fact
}

// tile is one count at the top of the page.
type tile struct {
	Tone, Label string
	Count       int
}

// card is a gate that needs attention.
type card struct {
	Gate        stack.GateResult
	Tone, Label string
}

// file is one artifact in the page's manifest.
type file struct {
	Path, SHA256, Absent string
	Bytes                int64
}

// HTML is the report as one page: no network, no script, light and dark, fit
// for print.
func HTML(r stack.Report) ([]byte, error) {
	s := read(r)
	p := htmlPage{story: s, Tone: tone(r.Verdict), Headline: s.headline(), Word: s.word(), Facts: s.facts(),
		Timeline: newTimeline(r), Pictures: pictures(r), Files: files(r)}
	p.Tiles = []tile{{"good", "passed", len(s.Passed)}, {"bad", "failed", len(s.Failed)},
		{"unsure", "could not judge", len(s.Unjudged)}, {"quiet", "skipped", len(s.Skipped)}}
	for _, g := range s.Failed {
		p.Cards = append(p.Cards, card{g, "bad", "failed"})
	}
	for _, g := range s.Unjudged {
		p.Cards = append(p.Cards, card{g, "unsure", "could not judge"})
	}
	for _, name := range sorted(r.Tools) {
		p.Tools = append(p.Tools, fact{line(name), line(r.Tools[name])})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("write the report as HTML: %w", err)
	}
	return b.Bytes(), nil
}

func tone(v stack.Verdict) string {
	switch v {
	case stack.VerdictGood:
		return "good"
	case stack.VerdictUnjudged, stack.VerdictInterrupted:
		return "unsure"
	}
	return "bad"
}

// files are the artifacts with their sums, and those that hold nothing.
func files(r stack.Report) []file {
	var out []file
	for _, f := range r.Manifest {
		out = append(out, file{Path: line(f.Path), SHA256: f.SHA256, Bytes: f.Bytes, Absent: line(r.Artifacts[f.Path])})
	}
	for _, name := range sorted(r.Artifacts) {
		if r.Artifacts[name] != "" && !listed(r.Manifest, name) {
			out = append(out, file{Path: line(name), Absent: line(r.Artifacts[name])})
		}
	}
	return out
}

func listed(list []stack.FileSum, path string) bool {
	for _, f := range list {
		if f.Path == path {
			return true
		}
	}
	return false
}

// logLines is one service's log on the page.
type logLines struct{ Service, Text string }

func sortedLogs(m map[string]string) []logLines {
	var out []logLines
	for _, name := range spoke(m) {
		out = append(out, logLines{line(name), redact.Printable(m[name])})
	}
	return out
}

// short is the beginning of a hash.
func short(s string) string {
	if len(s) > 12 {
		return s[:12]
	}
	return s
}
