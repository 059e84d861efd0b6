package evidence

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

const (
	secret = `s3cr3t "pa/ss'word`
	marker = "an-unrelated-marker-7f3a"
)

// clock ticks a millisecond at each look.
func clock() func() time.Time {
	var mu sync.Mutex
	t := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		t = t.Add(time.Millisecond)
		return t
	}
}

func open(t *testing.T, r *redact.Redactor) *Run {
	t.Helper()
	now := clock()
	run, err := Open(t.TempDir(), NewID(now(), "deploy"), r, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(run.Abandon)
	return run
}

func known() *redact.Redactor {
	return redact.New(map[string]string{"postgres_password": secret})
}

// sampleReport is a short report of a good deploy.
func sampleReport(id string) stack.Report {
	return stack.Report{Run: id, Verb: "deploy", Verdict: stack.VerdictGood, Project: "stack", Target: "production",
		Release: "3f9ac01be27d", Commit: "9b1d5e7", Live: "3f9ac01be27d", Gates: []stack.GateResult{
			{ID: "G3", Name: "Health", Phase: stack.PhasePost, Status: stack.Passed, Inspected: 3, Of: "endpoints"},
			{ID: "G7", Name: "Jobs", Phase: stack.PhasePost, Status: stack.Skipped, Reason: "not asked for"}}}
}

// sealed makes a good, signed run and gives its folder and signer.
func sealed(t *testing.T) (string, *Signer) {
	t.Helper()
	run := open(t, known())
	signer := testSigner(t)
	for _, name := range []string{"one", "two", "three"} {
		if err := run.Event(stack.Event{Kind: stack.EventDone, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Artifact("api-health.json", []byte(`{"status":"ok"}`)); err != nil {
		t.Fatal(err)
	}
	r := sampleReport(run.ID())
	r.Gates = append(r.Gates, run.Judge(r))
	if err := run.Close(r, signer); err != nil {
		t.Fatal(err)
	}
	return run.Dir(), signer
}

func testSigner(t *testing.T) *Signer {
	t.Helper()
	t.Setenv(KeyVariable, "")
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := KeyGen(path); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(path)
	if err != nil || s == nil {
		t.Fatal(s, err)
	}
	return s
}

func TestGoodRunVerifies(t *testing.T) {
	dir, signer := sealed(t)
	c, err := Verify(dir, signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Good() || c.Status() != "good" || c.Err() != nil {
		t.Fatalf("%s", c.Text())
	}
	for _, name := range Names() {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
}

func TestReportHoldsTheEvidenceGate(t *testing.T) {
	dir, _ := sealed(t)
	r, err := readReport(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := r.Gates[len(r.Gates)-1]
	if last.ID != "G10" || last.Status != stack.Passed || last.Inspected < len(reports)+len(required) {
		t.Errorf("G10 = %+v", last)
	}
	if r.Artifacts["celery-ping.json"] == "" || r.Artifacts["api-health.json"] != "" {
		t.Errorf("absent = %v", r.Artifacts)
	}
	if len(r.Manifest) < len(required) {
		t.Errorf("the report lists %d artifacts", len(r.Manifest))
	}
}

func TestAbsentArtifactsKeepTheShapeOfTheirType(t *testing.T) {
	run := open(t, nil)
	r := stack.Report{Run: run.ID(), Verb: "deploy", Verdict: stack.VerdictRefused, ExitCode: 2, Reason: "stackctl.yaml:7: unknown key\nimagess",
		Artifacts: map[string]string{"images.json": "no space left", "user-1.json": "no space left"}}
	if err := run.Close(r, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		content, err := os.ReadFile(filepath.Join(run.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Ext(name) {
		case ".json":
			if !json.Valid(content) {
				t.Errorf("%s is not JSON", name)
			}
		case ".yml":
			var v any
			if err := yaml.Unmarshal(content, &v); err != nil || v != nil {
				t.Errorf("%s: %v %v", name, v, err)
			}
		case ".pem":
			if block, _ := pem.Decode(content); block != nil {
				t.Errorf("%s holds a block", name)
			}
		}
		if name == "plan.txt" && !strings.Contains(string(content), "unknown key imagess") {
			t.Errorf("%s does not say why: %s", name, content)
		}
	}
	kept, err := readReport(run.Dir())
	if err != nil || kept.Artifacts["images.json"] != "no space left" || kept.Artifacts["user-1.json"] != "no space left" {
		t.Errorf("%v: what could not be kept is forgotten: %v", err, kept.Artifacts)
	}
	c, err := Verify(run.Dir(), nil)
	if err != nil || c.Status() != "unsigned" || c.Err() == nil || stack.CauseOf(c.Err()) != stack.CauseUnjudged {
		t.Errorf("%v %s", err, c.Text())
	}
}

func TestUnwritableFolderIsAUsageError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(file, NewID(time.Now(), "deploy"), nil, time.Now)
	if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "evidence.dir") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.TempDir(), "../escape", nil, time.Now); err == nil {
		t.Error("a run's name with a path must be refused")
	}
}

func TestOddArtifactNamesAreRefused(t *testing.T) {
	run := open(t, nil)
	for _, name := range []string{"", ".", "..", "../x.json", "a/b.json", "manifest.json", "run.jsonl", "report.html", ".hidden.json",
		"UPPER.json", "a\x00.json", "a.exe", "a b.json", strings.Repeat("a", 300) + ".json"} {
		if err := run.Artifact(name, []byte("x")); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	for _, name := range []string{"plan.txt", "user-gate-1.json", "api-7f2c.log", "logs.api.txt"} {
		if err := run.Artifact(name, []byte("x")); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// canaries are the encodings of GATES.md G10.
var canaries = map[string]func(string) string{
	"raw":     func(s string) string { return s },
	"base64":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64b": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u" + s)) },
	"base64c": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("us" + s)) },
	"url64":   func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"hex":     func(s string) string { return hex.EncodeToString([]byte(s)) },
	"json":    func(s string) string { b, _ := json.Marshal(s); return string(b) },
	"percent": func(s string) string { return fmt.Sprintf("%%%x", []byte(s[:1])) + s[1:] },
	"u00xx": func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return b.String()
	},
	"url": func(s string) string { return "postgres://u:" + strings.ReplaceAll(s, "/", "%2F") + "@db/app" },
}

// planted is the secret in every encoding, each on a line with the marker.
func planted() string {
	var b strings.Builder
	for _, encode := range canaries {
		b.WriteString(marker + " " + encode(secret) + "\n")
	}
	return b.String()
}

func TestCanariesReachNoArtifact(t *testing.T) {
	r, text := known(), planted()
	run := open(t, r)
	report := sampleReport(run.ID())
	report.Reason, report.Fix, report.URL, report.Host = text, text, text, text
	report.Logs = map[string]string{"api": text}
	report.Tools = map[string]string{"tool": text}
	report.Gates[0].Findings = []stack.Finding{{Subject: text, Problem: text, Expected: text, Observed: text, Fix: text}}
	report.Steps = []stack.StepResult{{Error: text, Detail: text}}
	for _, name := range required {
		if err := run.Artifact(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Artifact("extra.json", []byte(`{"log":`+quote(text)+`}`)); err != nil {
		t.Fatal(err)
	}
	if err := run.Event(stack.Event{Kind: stack.EventNote, Name: text, Message: text}); err != nil {
		t.Fatal(err)
	}
	if g := run.Judge(report); g.Status != stack.Passed {
		t.Errorf("G10 = %+v", g)
	}
	if err := run.Close(report, testSigner(t)); err != nil {
		t.Fatal(err)
	}
	survived := 0
	for name, content := range contents(t, run.Dir()) {
		for _, h := range r.Find(content) {
			t.Errorf("%s: a secret came through: %s", name, content[max(h.Start-20, 0):h.End])
		}
		if strings.HasSuffix(name, ".json") && !json.Valid(content) && !slices.Contains(required, name) {
			t.Errorf("%s is no JSON any more", name)
		}
		survived += bytes.Count(content, []byte(marker))
	}
	if survived < len(canaries)*(len(required)+10) {
		t.Errorf("the marker survived %d times", survived)
	}
	if g := Judge(run.Dir(), r); g.Status != stack.Passed {
		t.Errorf("G10 afterwards = %+v", g.Findings)
	}
}

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if out[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestJudgeFindsAPlantedSecret(t *testing.T) {
	run := open(t, nil) // nothing is redacted
	for kind, encode := range canaries {
		if err := run.Artifact("canary-"+kind+".txt", []byte("line\n"+encode(secret))); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Close(sampleReport(run.ID()), nil); err != nil {
		t.Fatal(err)
	}
	g := Judge(run.Dir(), known())
	found := map[string]string{}
	for _, f := range g.Findings {
		found[f.Subject] = f.Observed
	}
	for kind := range canaries {
		if found["canary-"+kind+".txt"] != "line 2" {
			t.Errorf("%s was not found: %v", kind, found)
		}
	}
	if g.Status != stack.Failed {
		t.Errorf("G10 is %s", g.Status)
	}
}

func TestJudgeFindsAnUndeclaredToken(t *testing.T) {
	token := "gh" + "p_" + "9aB3dE7fG1hJ5kL8mN2pQ6rS4tU0vW3xY7zA" // put together, so that no scanner finds one here
	dir, _ := sealed(t)
	if err := os.WriteFile(filepath.Join(dir, "plan.txt"), []byte("one\npushed with "+token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := Judge(dir, nil)
	for _, f := range g.Findings {
		if f.Subject == "plan.txt" && strings.Contains(f.Problem, "github-pat") && f.Observed == "line 2" {
			return
		}
	}
	t.Errorf("G10 = %+v", g.Findings)
}

func TestJudgeSeesMissingAndChangedArtifacts(t *testing.T) {
	dir, _ := sealed(t)
	if err := os.Remove(filepath.Join(dir, "plan.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "headers.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := Judge(dir, known())
	got := map[string]string{}
	for _, f := range g.Findings {
		got[f.Subject] = f.Problem
	}
	if g.Status != stack.Failed || got["plan.txt"] != "missing" || got["headers.json"] != "changed" {
		t.Errorf("G10 = %v", got)
	}
}

func TestConcurrentWritesKeepTheChain(t *testing.T) {
	run := open(t, known())
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := run.Event(stack.Event{Kind: stack.EventProgress, Name: fmt.Sprint(i), Message: secret}); err != nil {
				t.Error(err)
			}
			if err := run.Artifact(fmt.Sprintf("extra-%d.txt", i), []byte(secret)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	signer := testSigner(t)
	if err := run.Close(sampleReport(run.ID()), signer); err != nil {
		t.Fatal(err)
	}
	if c, err := Verify(run.Dir(), signer.Public()); err != nil || !c.Good() {
		t.Errorf("%v %s", err, c.Text())
	}
	if err := run.Event(stack.Event{}); err == nil {
		t.Error("an event after Close must be refused")
	}
}
