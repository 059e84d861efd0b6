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

// each writes every byte in a format.
func each(text, format string) string {
	out := ""
	for _, b := range []byte(text) {
		out += fmt.Sprintf(format, b)
	}
	return out
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
	{name: "the database password in base64 in a report", row: 25, gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })},
	{name: "the database password in base64, one byte further", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("x" + s)) })},
	{name: "the database password in hex", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(s string) string { return hex.EncodeToString([]byte(s)) })},
	{name: "the database password as it is", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(s string) string { return s })},
	{name: "the database password in base64 for URLs", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte("x" + v)) })},
	{name: "the database password in base64, two bytes further, in short lines", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string {
		text := base64.StdEncoding.EncodeToString([]byte("postgres:" + v + "@db"))
		return text[:20] + "\n# " + text[20:]
	})},
	{name: "the database password in capital hex", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return strings.ToUpper(hex.EncodeToString([]byte(v))) })},
	{name: "the database password percent-encoded, every byte", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return each(v, "%%%02X") })},
	{name: "the database password in JSON escapes", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return each(v, `\u%04x`) })},
	{name: "the database password in XML references", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return each(v, "&#x%x;") })},
	{name: "the database password in a URL", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return "postgres://app:" + v + "@postgres:5432/app?sslmode=disable" })},
	{name: "the database password in shell quotes", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return "PGPASSWORD='" + v + "' psql" })},
	{name: "the database password in hex with colons", gates: "G10", rule: "evidence/no-secret", args: "verify --gate G6", during: planted(func(v string) string { return strings.TrimSuffix(each(v, "%02x:"), ":") })},
	{name: "a foreign file in the run's folder", gates: "G10", rule: "evidence/whole", during: func(_ *project, run string) {
		must(os.WriteFile(filepath.Join(run, "extra.txt"), []byte("hello\n"), 0o600))
	}},
	{name: "a report is changed", gates: "G10", rule: "evidence/whole", after: artifact("report.json", func(t string) string { return strings.Replace(t, `"good"`, `"gode"`, 1) })},
	{name: "a byte of the plan is changed", gates: "G10", rule: "evidence/whole", after: artifact("compose.resolved.yml", func(t string) string { return strings.Replace(t, "s", "S", 1) })},
	{name: "a hidden file is added", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) {
		must(os.WriteFile(filepath.Join(run, ".note"), []byte("x"), 0o600))
	}},
	{name: "a folder is added", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) {
		must(os.MkdirAll(filepath.Join(run, "more"), 0o700))
		must(os.WriteFile(filepath.Join(run, "more", "x.txt"), []byte("x"), 0o600))
	}},
	{name: "an event is told twice", gates: "G10", rule: "evidence/whole", after: artifact("run.jsonl", func(t string) string {
		l := lines(t)
		return strings.Join(append(l[:2:2], l[1:]...), "")
	})},
	{name: "a line is added to the log", gates: "G10", rule: "evidence/whole", after: artifact("run.jsonl", func(t string) string { return t + "\n" })},
	{name: "the last event is left out", gates: "G10", rule: "evidence/whole", after: artifact("run.jsonl", func(t string) string {
		l := lines(t)
		return strings.Join(l[:len(l)-2], "")
	})},
	{name: "two artifacts change their names", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) {
		a, b, spare := filepath.Join(run, "report.md"), filepath.Join(run, "junit.xml"), filepath.Join(run, "spare")
		must(os.Rename(a, spare))
		must(os.Rename(b, a))
		must(os.Rename(spare, b))
	}},
	{name: "the manifest is emptied", gates: "G10", rule: "evidence/whole", after: artifact("manifest.json", func(string) string { return "{}\n" })},
	{name: "the attestation says another verdict", gates: "G10", rule: "evidence/whole", after: artifact("attestation.dsse.json", func(t string) string {
		at := strings.Index(t, `"payload": "`) + len(`"payload": "`)
		end := at + strings.Index(t[at:], `"`)
		raw, err := base64.StdEncoding.DecodeString(t[at:end])
		must(err)
		return t[:at] + base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(raw), "PASSED", "FAILED", 1)+" ")) + t[end:]
	})},
	{name: "an artifact is missing", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) { must(os.Remove(filepath.Join(run, "compose.resolved.yml"))) }},
	{name: "an artifact is added", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) {
		must(os.WriteFile(filepath.Join(run, "late.txt"), []byte("x"), 0o600))
	}},
	{name: "an artifact is emptied", gates: "G10", rule: "evidence/whole", after: artifact("report.html", func(string) string { return "" })},
	{name: "an artifact is replaced by a link", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) {
		file := filepath.Join(run, "report.md")
		must(os.Rename(file, run+"-report.md"))
		must(os.Symlink(run+"-report.md", file))
	}},
	{name: "two events change places", gates: "G10", rule: "evidence/whole", after: artifact("run.jsonl", func(t string) string {
		l := lines(t)
		l[1], l[2] = l[2], l[1]
		return strings.Join(l, "")
	})},
	{name: "an event is left out", gates: "G10", rule: "evidence/whole", after: artifact("run.jsonl", func(t string) string {
		l := lines(t)
		return strings.Join(append(l[:2:2], l[3:]...), "")
	})},
	{name: "the log is cut off", gates: "G10", rule: "evidence/whole", after: artifact("run.jsonl", func(t string) string { return strings.Join(lines(t)[:4], "") })},
	{name: "the manifest and the artifact are changed together", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) {
		must(os.Remove(filepath.Join(run, "report.md")))
		artifact("manifest.json", func(t string) string { return strings.Replace(t, "report.md", "report.mo", 1) })(nil, run)
	}},
	{name: "the signature is another one", gates: "G10", rule: "evidence/whole", after: artifact("attestation.dsse.json", func(t string) string {
		at := strings.Index(t, `"sig"`) + len(`"sig": "`)
		return t[:at] + "AAAA" + t[at+4:]
	})},
	{name: "the signature is gone", gates: "G10", rule: "evidence/whole", after: func(_ *project, run string) { must(os.Remove(filepath.Join(run, "attestation.dsse.json"))) }},
	{name: "the run's folder is another run's", gates: "G10", rule: "evidence/whole", after: artifact("run.jsonl", func(t string) string { return strings.ReplaceAll(t, "check", "chekc") })},
}
