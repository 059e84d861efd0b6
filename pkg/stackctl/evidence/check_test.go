package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// tampering is one way to spoil a sealed run, and the name that it must get.
type tampering struct {
	name string
	do   func(t *testing.T, dir string)
	kind ProblemKind
	path string
}

func write(name, content string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// edit changes the content of a file.
func edit(name string, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		path := filepath.Join(dir, name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := change(slices.Clone(content))
		if bytes.Equal(changed, content) {
			t.Fatalf("the tampering left %s as it was", name)
		}
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(names ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		for _, name := range names {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// editLog changes the lines of run.jsonl.
func editLog(change func([][]byte) [][]byte) func(*testing.T, string) {
	return edit(runLog, func(b []byte) []byte {
		lines := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
		return append(bytes.Join(change(lines), []byte("\n")), '\n')
	})
}

// editManifest changes manifest.json and keeps it well-formed.
func editManifest(change func(*Manifest)) func(*testing.T, string) {
	return edit(manifest, func(b []byte) []byte {
		var m Manifest
		if err := json.Unmarshal(b, &m); err != nil {
			panic(err)
		}
		change(&m)
		out, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			panic(err)
		}
		return append(out, '\n')
	})
}

var tamperings = []tampering{
	{"an artifact changed", write("api-health.json", `{"status":"no"}`), Changed, "api-health.json"},
	{"one bit flipped", edit("report.html", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), Changed, "report.html"},
	{"an artifact cut", edit("report.json", func(b []byte) []byte { return b[:len(b)/2] }), Truncated, "report.json"},
	{"an artifact emptied", write("plan.txt", ""), Truncated, "plan.txt"},
	{"an artifact removed", remove("headers.json"), Missing, "headers.json"},
	{"an artifact added", write("more.json", `{}`), Added, "more.json"},
	{"a link in place of an artifact", func(t *testing.T, dir string) {
		remove("plan.txt")(t, dir)
		if err := os.Symlink("report.md", filepath.Join(dir, "plan.txt")); err != nil {
			t.Fatal(err)
		}
	}, Link, "plan.txt"},
	{"a link added", func(t *testing.T, dir string) {
		if err := os.Symlink("/etc/passwd", filepath.Join(dir, "extra.txt")); err != nil {
			t.Fatal(err)
		}
	}, Link, "extra.txt"},
	{"a folder added", func(t *testing.T, dir string) {
		if err := os.Mkdir(filepath.Join(dir, "sub.txt"), 0o700); err != nil {
			t.Fatal(err)
		}
	}, Folder, "sub.txt"},
	{"an odd name", write("..\x1b[31m.json", "x"), OddName, "...json"},
	{"a hidden file", write(".hidden", "x"), OddName, ".hidden"},
	{"a line of the log changed", editLog(func(l [][]byte) [][]byte { l[1] = bytes.Replace(l[1], []byte("one"), []byte("ONE"), 1); return l }), Changed, runLog},
	{"two lines of the log swapped", editLog(func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }), Reordered, runLog},
	{"a line of the log removed", editLog(func(l [][]byte) [][]byte { return slices.Delete(l, 1, 2) }), Missing, runLog},
	{"the first line of the log removed", editLog(func(l [][]byte) [][]byte { return l[1:] }), Missing, runLog},
	{"the last line of the log removed", editLog(func(l [][]byte) [][]byte { return l[:len(l)-1] }), Truncated, runLog},
	{"the log cut inside a line", edit(runLog, func(b []byte) []byte { return b[:len(b)-20] }), Truncated, runLog},
	{"the log emptied", write(runLog, ""), Truncated, runLog},
	{"a line of the log twice", editLog(func(l [][]byte) [][]byte { return slices.Insert(l, 2, l[1]) }), Reordered, runLog},
	{"the log removed", remove(runLog), Missing, runLog},
	{"a line added to the log, with a right hash", editLog(func(l [][]byte) [][]byte {
		return append(l, fmt.Appendf(nil, `{"seq":%d,"prev":%q,"at":"2026-03-14T09:26:53Z"}`, len(l), sum(l[len(l)-1])))
	}), Added, runLog},
	{"the verdict in the manifest changed", editManifest(func(m *Manifest) { m.Verdict, m.ExitCode = stack.VerdictGateFailed, 1 }), Changed, manifest},
	{"an artifact left out of the manifest and the folder", func(t *testing.T, dir string) {
		remove("exposure.json")(t, dir)
		editManifest(func(m *Manifest) {
			m.Artifacts = slices.DeleteFunc(m.Artifacts, func(s stack.FileSum) bool { return s.Path == "exposure.json" })
		})(t, dir)
	}, Missing, "exposure.json"},
	{"a path out of the folder in the manifest", editManifest(func(m *Manifest) { m.Artifacts[0].Path = "../../etc/passwd" }), OddName, "../../etc/passwd"},
	{"a path twice in the manifest", editManifest(func(m *Manifest) { m.Artifacts = append(m.Artifacts, m.Artifacts[0]) }), Changed, manifest},
	{"an unknown format", editManifest(func(m *Manifest) { m.Format = 9 }), Changed, manifest},
	{"the manifest is not JSON", write(manifest, "{"), Changed, manifest},
	{"the manifest removed", remove(manifest), Missing, manifest},
	{"the attestation removed", remove(attestation), Missing, attestation},
	{"the signature stripped", editEnvelope(func(m map[string]any) { m["signatures"] = []any{} }), Unsigned, attestation},
	{"the signature changed", editEnvelope(func(m map[string]any) {
		s := m["signatures"].([]any)[0].(map[string]any)
		s["sig"] = base64.StdEncoding.EncodeToString(make([]byte, ed25519.SignatureSize))
	}), Changed, attestation},
	{"the statement changed", editEnvelope(func(m map[string]any) {
		body, _ := base64.StdEncoding.DecodeString(m["payload"].(string))
		m["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(body, []byte("PASSED"), []byte("FAILED"), 1))
	}), Changed, attestation},
	{"a member added to the attestation", editEnvelope(func(m map[string]any) { m["extra"] = 1 }), Changed, attestation},
	{"the attestation is not JSON", write(attestation, "nothing"), Changed, attestation},
	{"manifest and attestation removed", remove(manifest, attestation), Incomplete, manifest},
}

func editEnvelope(change func(map[string]any)) func(*testing.T, string) {
	return edit(attestation, func(b []byte) []byte {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			panic(err)
		}
		change(m)
		out, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			panic(err)
		}
		return append(out, '\n')
	})
}

func TestTamperingIsRefusedByName(t *testing.T) {
	good, signer := sealed(t)
	for _, tt := range tamperings {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), filepath.Base(good))
			if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			tt.do(t, dir)
			c, err := Verify(dir, signer.Public())
			if err != nil {
				t.Fatal(err)
			}
			if c.Good() || c.Err() == nil {
				t.Fatal("it was accepted")
			}
			if !slices.ContainsFunc(c.Problems, func(p Problem) bool { return p.Kind == tt.kind && p.Path == tt.path }) {
				t.Errorf("no problem %q of %q in:\n%s", tt.kind, tt.path, c.Text())
			}
			if strings.Contains(c.Text(), "\x1b") {
				t.Errorf("the text steers a terminal: %q", c.Text())
			}
			if s := c.Status(); (tt.kind == Incomplete) != (s == "incomplete") {
				t.Errorf("status %s", s)
			}
		})
	}
}

func TestForgedRunIsRefused(t *testing.T) {
	dir, signer := sealed(t)
	edit("api-health.json", func([]byte) []byte { return []byte("{}") })(t, dir)
	content, err := os.ReadFile(filepath.Join(dir, "api-health.json"))
	if err != nil {
		t.Fatal(err)
	}
	editManifest(func(m *Manifest) {
		for i := range m.Artifacts {
			if m.Artifacts[i].Path == "api-health.json" {
				m.Artifacts[i] = stack.FileSum{Path: "api-health.json", Bytes: int64(len(content)), SHA256: sum(content)}
			}
		}
	})(t, dir)
	c, err := Verify(dir, signer.Public())
	if err != nil || c.Status() != "refused" {
		t.Fatalf("%v %s", err, c.Text())
	}
	got := fmt.Sprint(c.Problems)
	for _, want := range []string{"speaks of another manifest", "the manifest and the log disagree"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
}

func TestWrongKeyAndNoKey(t *testing.T) {
	dir, _ := sealed(t)
	c, err := Verify(dir, testSigner(t).Public())
	if err != nil || c.Problems[0].Kind != WrongKey || c.Status() != "refused" || stack.CauseOf(c.Err()) != stack.CauseGate {
		t.Errorf("%v %s", err, c.Text())
	}
	c, err = Verify(dir, nil)
	if err != nil || c.Problems[0].Kind != NoKey || c.Status() != "unsigned" || c.Good() {
		t.Errorf("%v %s", err, c.Text())
	}
}

func TestRenamedFolderIsRefused(t *testing.T) {
	dir, signer := sealed(t)
	other := filepath.Join(t.TempDir(), "20270101T000000Z-deploy-ffff")
	if err := os.Rename(dir, other); err != nil {
		t.Fatal(err)
	}
	if c, err := Verify(other, signer.Public()); err != nil || c.Good() {
		t.Errorf("%v %s", err, c.Text())
	}
}

func TestCrashLeavesIncompleteEvidence(t *testing.T) {
	run := open(t, known())
	if err := run.Artifact("plan.txt", []byte("[1] start\n")); err != nil {
		t.Fatal(err)
	}
	if err := run.Event(stack.Event{Kind: stack.EventStep, Name: "start"}); err != nil {
		t.Fatal(err)
	}
	run.Abandon() // nothing is sealed, as after kill -9
	c, err := Verify(run.Dir(), testSigner(t).Public())
	if err != nil || c.Status() != "incomplete" || c.Good() || c.Lines != 3 || c.Run != run.ID() {
		t.Errorf("%v %s", err, c.Text())
	}
	text, err := Show(run.Dir())
	if err != nil || !strings.Contains(text, "Incomplete") || !strings.Contains(text, "step") {
		t.Errorf("%v %s", err, text)
	}
}

func TestFolderThatIsNoRun(t *testing.T) {
	if _, err := Verify(filepath.Join(t.TempDir(), "none"), nil); stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("got %v", err)
	}
	if c, err := Verify(t.TempDir(), nil); err != nil || c.Good() || c.Status() != "refused" {
		t.Errorf("%v %s", err, c.Text())
	}
}

func TestTenThousandFilesAreBounded(t *testing.T) {
	dir, signer := sealed(t)
	for i := range 10_000 {
		if err := os.Link(filepath.Join(dir, "plan.txt"), filepath.Join(dir, fmt.Sprintf("x-%05d.txt", i))); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Verify(dir, signer.Public())
	if err != nil || c.Good() || len(c.Problems) != maxProblems+1 {
		t.Fatalf("%v, %d problems", err, len(c.Problems))
	}
	if last := c.Problems[maxProblems]; !strings.Contains(last.What, "9900 problems more") {
		t.Errorf("last = %+v", last)
	}
}

func TestDiffNamesWhatChanged(t *testing.T) {
	a, _ := sealed(t)
	run := open(t, known())
	r := sampleReport(run.ID())
	r.Verdict, r.Release = stack.VerdictGateFailed, "aaaaaaaaaaaa"
	r.Gates[0].Status = stack.Failed
	r.Gates[0].Findings = []stack.Finding{{Subject: "GET /", Problem: "too slow", Observed: "9 s"}}
	if err := run.Close(r, nil); err != nil {
		t.Fatal(err)
	}
	text, err := Diff(a, run.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"good", "gate-failed", "3f9ac01be27d", "→ aaaaaaaaaaaa", "+ G3 GET /: too slow (9 s)", "~ G3 post-switch: passed", "~ api-health.json", "- G10"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if same, err := Diff(a, a); err != nil || strings.Count(same, "\n") != 2 {
		t.Errorf("%v %s", err, same)
	}
}

func TestSigningKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := KeyGen(path); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := KeyGen(path); stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("a key must never be replaced: %v", err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(KeyVariable, string(content))
	fromEnv, err := LoadSigner("")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(KeyVariable, path)
	fromPath, err := LoadSigner("")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := LoadPublic(path + ".pub")
	if err != nil || !pub.Equal(fromEnv.Public()) || !pub.Equal(fromPath.Public()) {
		t.Errorf("%v: the keys differ", err)
	}
	t.Setenv(KeyVariable, "")
	if s, err := LoadSigner(""); s != nil || err != nil {
		t.Errorf("no key gives %v, %v", s, err)
	}
	for _, bad := range []string{"nothing", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		write("bad.pem", bad)(t, filepath.Dir(path))
		if _, err := LoadSigner(filepath.Join(filepath.Dir(path), "bad.pem")); stack.CauseOf(err) != stack.CauseUsage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func BenchmarkVerify1000Artifacts(b *testing.B) {
	now := clock()
	run, err := Open(b.TempDir(), NewID(now(), "deploy"), nil, now)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		if err := run.Artifact(fmt.Sprintf("more-%04d.txt", i), bytes.Repeat([]byte("a line of an artifact\n"), 500)); err != nil {
			b.Fatal(err)
		}
	}
	if err := run.Close(sampleReport(run.ID()), nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if c, err := Verify(run.Dir(), nil); err != nil || c.Status() != "unsigned" {
			b.Fatal(err, c.Text())
		}
	}
}

func FuzzChain(f *testing.F) {
	f.Add([]byte(`{"seq":0,"prev":"` + noLine + `"}` + "\n"))
	f.Add([]byte("{}\n{}\nx"))
	f.Fuzz(func(t *testing.T, content []byte) {
		links, problems := judgeChain(content)
		if len(problems) > 0 {
			return
		}
		prev := noLine
		for i, l := range links {
			if l.prev != prev || l.seq != i {
				t.Fatalf("a broken chain was accepted: %q", content)
			}
			prev = l.hash
		}
	})
}

// BenchmarkSeal is what evidence costs at the end of a run.
func BenchmarkSeal(b *testing.B) {
	content, err := os.ReadFile(filepath.Join("..", "report", "testdata", "bad.json"))
	if err != nil {
		b.Fatal(err)
	}
	var r stack.Report
	if err := json.Unmarshal(content, &r); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		now := clock()
		run, err := Open(b.TempDir(), NewID(now(), "deploy"), known(), now)
		if err != nil {
			b.Fatal(err)
		}
		r.Gates = append(r.Gates[:11:11], run.Judge(r))
		if err := run.Close(r, nil); err != nil {
			b.Fatal(err)
		}
	}
}
