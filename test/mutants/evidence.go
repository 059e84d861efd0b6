package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// planted adds a line to an artifact while the run goes on, as soon as it is
// there: nothing writes this one a second time.
func planted(encode func(secret string) string) func(p *project, run string) {
	return func(p *project, run string) {
		name := filepath.Join(run, "compose.resolved.yml")
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(10 * time.Second); ; <-tick.C {
			text, err := os.ReadFile(name)
			if err == nil && len(text) > 0 {
				must(os.WriteFile(name, append(text, "# see "+encode(p.secret("postgres_password"))+" here\n"...), 0o600))
				return
			}
			if time.Now().After(end) {
				must(fmt.Errorf("%s is not written", name))
			}
		}
	}
}

// artifact alters one file of a run.
func artifact(name string, alter func(text string) string) func(p *project, run string) {
	return func(_ *project, run string) {
		file := filepath.Join(run, name)
		raw, err := os.ReadFile(file)
		must(err)
		must(os.WriteFile(file, []byte(alter(string(raw))), 0o600))
	}
}

func lines(text string) []string { return strings.SplitAfter(strings.TrimRight(text, "\n")+"\n", "\n") }

// evidenceMutants alter what a run leaves.
var evidenceMutants = []mutant{
	{name: "the database password in base64 in a report", row: 25, gates: "G10", args: "verify --gate G6", during: planted(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })},
	{name: "the database password in base64, one byte further", gates: "G10", args: "verify --gate G6", during: planted(func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("x" + s)) })},
	{name: "the database password in hex", gates: "G10", args: "verify --gate G6", during: planted(func(s string) string { return hex.EncodeToString([]byte(s)) })},
	{name: "the database password as it is", gates: "G10", args: "verify --gate G6", during: planted(func(s string) string { return s })},
	{name: "a foreign file in the run's folder", gates: "G10", during: func(_ *project, run string) {
		must(os.WriteFile(filepath.Join(run, "extra.txt"), []byte("hello\n"), 0o600))
	}},
	{name: "a report is changed", gates: "G10", after: artifact("report.json", func(t string) string { return strings.Replace(t, `"good"`, `"gode"`, 1) })},
	{name: "a byte of the plan is changed", gates: "G10", after: artifact("compose.resolved.yml", func(t string) string { return strings.Replace(t, "s", "S", 1) })},
	{name: "an artifact is missing", gates: "G10", after: func(_ *project, run string) { must(os.Remove(filepath.Join(run, "compose.resolved.yml"))) }},
	{name: "an artifact is added", gates: "G10", after: func(_ *project, run string) {
		must(os.WriteFile(filepath.Join(run, "late.txt"), []byte("x"), 0o600))
	}},
	{name: "an artifact is emptied", gates: "G10", after: artifact("report.html", func(string) string { return "" })},
	{name: "an artifact is replaced by a link", gates: "G10", after: func(_ *project, run string) {
		file := filepath.Join(run, "report.md")
		must(os.Rename(file, run+"-report.md"))
		must(os.Symlink(run+"-report.md", file))
	}},
	{name: "two events change places", gates: "G10", after: artifact("run.jsonl", func(t string) string {
		l := lines(t)
		l[1], l[2] = l[2], l[1]
		return strings.Join(l, "")
	})},
	{name: "an event is left out", gates: "G10", after: artifact("run.jsonl", func(t string) string {
		l := lines(t)
		return strings.Join(append(l[:2:2], l[3:]...), "")
	})},
	{name: "the log is cut off", gates: "G10", after: artifact("run.jsonl", func(t string) string { return strings.Join(lines(t)[:4], "") })},
	{name: "the manifest and the artifact are changed together", gates: "G10", after: func(_ *project, run string) {
		must(os.Remove(filepath.Join(run, "report.md")))
		artifact("manifest.json", func(t string) string { return strings.Replace(t, "report.md", "report.mo", 1) })(nil, run)
	}},
	{name: "the signature is another one", gates: "G10", after: artifact("attestation.dsse.json", func(t string) string {
		at := strings.Index(t, `"sig"`) + len(`"sig": "`)
		return t[:at] + "AAAA" + t[at+4:]
	})},
	{name: "the signature is gone", gates: "G10", after: func(_ *project, run string) { must(os.Remove(filepath.Join(run, "attestation.dsse.json"))) }},
	{name: "the run's folder is another run's", gates: "G10", after: artifact("run.jsonl", func(t string) string { return strings.ReplaceAll(t, "check", "chekc") })},
}
