//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/stack"
)

func TestABareServerBecomesAVerifiedSite(t *testing.T) {
	p := newProject(t)
	p.provision()
	again := p.must(0, "provision")
	if !strings.Contains(again.out, "nothing changed") {
		t.Errorf("the second provision says:\n%s", again.out)
	}
	p.must(0, "deploy", "--all-tests")
	r := p.report()
	if r.Verdict != stack.VerdictGood || r.Live != r.Release || r.ExitCode != 0 {
		t.Errorf("verdict %s, live %s, release %s", r.Verdict, r.Live, r.Release)
	}
	for _, id := range []string{"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10"} {
		if !slices.ContainsFunc(r.Gates, func(g stack.GateResult) bool { return g.ID == id && g.Status == stack.Passed && g.Inspected > 0 }) {
			t.Errorf("gate %s did not pass with something inspected", id)
		}
	}
	if !serves(t, client(t)) {
		t.Error("the site does not answer")
	}
	everyArtifact(t, p)
}

func TestAStaffAccountIsMadeThroughExec(t *testing.T) {
	p := onGood(t)
	if r := p.stackctl("exec", "--stdin", "admin", "--", "/server", "create-staff", "--email", "nobody@example.org"); r.exit == 0 {
		t.Errorf("made without a password: %s%s", r.out, r.err)
	}
	made := p.with("correct horse battery staple 7\n", "exec", "--stdin", "admin", "--", "/server", "create-staff", "--email", "ada-"+time.Now().Format("150405")+"@example.org")
	if made.exit != 0 || strings.Contains(made.out+made.err, "battery") {
		t.Errorf("exit code %d\n%s%s", made.exit, made.out, made.err)
	}
}

// everyArtifact checks that a run holds every name of SPEC §8 and verifies.
func everyArtifact(t *testing.T, p project) {
	t.Helper()
	for _, name := range evidence.Names() {
		if _, err := os.Stat(filepath.Join(p.lastRun(), name)); err != nil {
			t.Errorf("artifact %s: %v", name, err)
		}
	}
	r := p.stackctl("evidence", "verify", p.lastRun())
	if r.exit != 5 || !strings.Contains(r.out, "nobody vouches for it") {
		t.Errorf("the evidence of an unsigned run verifies as: %s%s", r.out, r.err)
	}
}

// TestADeployWithNothingChanged deploys the release that serves once more, for
// people and for machines.
func TestADeployWithNothingChanged(t *testing.T) {
	p := ensureGood(t)
	p.must(0, "evidence", "keygen", filepath.Join(p.root, "evidence.key"))
	p.must(0, "evidence", "keygen", filepath.Join(p.root, "other.key"))
	p.edit("stackctl.yaml", "evidence:\n  dir: artifacts", "evidence:\n  dir: artifacts\n  key: evidence.key")
	before := onDroplet(t, "docker ps -q --no-trunc | sort")
	people := p.must(0, "deploy", "--verbose")
	report, first := p.report(), p.lastRun()
	machines := p.must(0, "deploy", "--output", "json")
	t.Run("touches no container", func(t *testing.T) {
		if after := onDroplet(t, "docker ps -q --no-trunc | sort"); after != before {
			t.Errorf("containers before:\n%safter:\n%s", before, after)
		}
		if i := slices.IndexFunc(report.Plan.Steps, moves); i >= 0 {
			t.Errorf("step %s", report.Plan.Steps[i])
		}
	})
	t.Run("takes one connection", func(t *testing.T) {
		w := report.Wire
		if w == nil || w.Connections != 1 {
			t.Fatalf("it took %+v", w)
		}
		t.Logf("%d SSH connection, %d commands and channels, %d tunnels, %d file operations, %d Docker calls, %d bytes sent, %d received",
			w.Connections, w.Sessions, w.Tunnels, w.Files, w.Calls, w.Sent, w.Received)
	})
	t.Run("tells no secret", func(t *testing.T) {
		texts := map[string]string{"stdout": people.out, "stderr": people.err, "json": machines.out + machines.err}
		entries, err := os.ReadDir(first)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			texts[e.Name()] = read(t, filepath.Join(first, e.Name()))
		}
		holdsNoSecret(t, texts)
	})
	t.Run("is one object a line for machines", func(t *testing.T) { p.speaksJSON(t, machines.out) })
	t.Run("leaves evidence that its key alone verifies", func(t *testing.T) { p.verifies(t, first) })
}

func holdsNoSecret(t *testing.T, texts map[string]string) {
	t.Helper()
	files, err := os.ReadDir(on(t).secrets)
	if err != nil || len(files) == 0 {
		t.Fatalf("no secrets: %v", err)
	}
	for _, f := range files {
		value := strings.TrimSpace(read(t, filepath.Join(on(t).secrets, f.Name())))
		for name, text := range texts {
			if strings.Contains(text, value) {
				t.Errorf("secret %s is in %s", f.Name(), name)
			}
		}
	}
}

func (p project) speaksJSON(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last stack.Event
	for _, line := range lines {
		last = stack.Event{}
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	if last.Kind != stack.EventVerdict || last.Report == nil || last.Report.Verdict != stack.VerdictGood {
		t.Errorf("the last line is %s", lines[len(lines)-1])
	}
	var status struct {
		Live       string            `json:"live"`
		Containers []stack.Container `json:"containers"`
	}
	if err := json.Unmarshal([]byte(p.must(0, "status", "--output", "json").out), &status); err != nil || status.Live == "" || len(status.Containers) < 10 {
		t.Errorf("status: %v, %+v", err, status)
	}
}

func (p project) verifies(t *testing.T, run string) {
	t.Helper()
	p.must(0, "evidence", "verify", run, "--key", filepath.Join(p.root, "evidence.key.pub"))
	p.must(1, "evidence", "verify", run, "--key", filepath.Join(p.root, "other.key.pub"))
	if err := os.WriteFile(filepath.Join(run, "plan.txt"), []byte("altered"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.must(1, "evidence", "verify", run, "--key", filepath.Join(p.root, "evidence.key.pub")); !strings.Contains(r.out, "plan.txt") {
		t.Errorf("got %s", r.out)
	}
}
