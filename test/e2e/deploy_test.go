//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
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
	p := ensureGood(t)
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

func TestNothingChangedTouchesNoContainer(t *testing.T) {
	p := ensureGood(t)
	before := onDroplet(t, "docker ps -q --no-trunc | sort")
	r := p.must(0, "deploy")
	if after := onDroplet(t, "docker ps -q --no-trunc | sort"); after != before {
		t.Errorf("containers before:\n%safter:\n%s", before, after)
	}
	for _, s := range p.report().Plan.Steps {
		if s.Kind != stack.StepGates && s.Kind != stack.StepCommit && s.Kind != stack.StepPrune {
			t.Errorf("step %s", s)
		}
	}
	_ = r
}

func TestSignedEvidenceVerifiesWithItsKeyAlone(t *testing.T) {
	p := ensureGood(t)
	p.must(0, "evidence", "keygen", filepath.Join(p.root, "evidence.key"))
	p.must(0, "evidence", "keygen", filepath.Join(p.root, "other.key"))
	p.edit("stackctl.yaml", "evidence:\n  dir: artifacts", "evidence:\n  dir: artifacts\n  key: evidence.key")
	p.must(0, "check")
	run := p.lastRun()
	p.must(0, "evidence", "verify", run, "--key", filepath.Join(p.root, "evidence.key.pub"))
	p.must(1, "evidence", "verify", run, "--key", filepath.Join(p.root, "other.key.pub"))
	if err := os.WriteFile(filepath.Join(run, "plan.txt"), []byte("altered"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.must(1, "evidence", "verify", run, "--key", filepath.Join(p.root, "evidence.key.pub")); !strings.Contains(r.out, "plan.txt") {
		t.Errorf("got %s", r.out)
	}
}

func TestNoSecretIsInAnyArtifactOrOnTheTerminal(t *testing.T) {
	p := ensureGood(t)
	r := p.must(0, "deploy", "--verbose")
	texts := map[string]string{"stdout": r.out, "stderr": r.err}
	entries, err := os.ReadDir(p.lastRun())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		texts[e.Name()] = read(t, filepath.Join(p.lastRun(), e.Name()))
	}
	files, err := os.ReadDir(secrets)
	if err != nil || len(files) == 0 {
		t.Fatalf("no secrets: %v", err)
	}
	for _, f := range files {
		value := strings.TrimSpace(read(t, filepath.Join(secrets, f.Name())))
		for name, text := range texts {
			if strings.Contains(text, value) {
				t.Errorf("secret %s is in %s", f.Name(), name)
			}
		}
	}
}

func TestOutputForMachinesIsOneObjectALine(t *testing.T) {
	p := ensureGood(t)
	r := p.must(0, "deploy", "--output", "json")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
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

// traffic sends requests until it is stopped and counts what failed.
type traffic struct {
	stop   chan struct{}
	done   chan struct{}
	sent   int
	failed []string
	gap    time.Duration
}

// load sends GETs and POSTs on keep-alive connections, about 100 a second.
func load(t *testing.T) *traffic {
	t.Helper()
	l := &traffic{stop: make(chan struct{}), done: make(chan struct{})}
	c := client(t)
	results := make(chan string, 1024)
	go func() {
		defer close(l.done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		limit := time.After(3 * time.Minute)
		waiting, last := 0, time.Now()
		count := func(r string) {
			waiting--
			if r != "" {
				l.failed = append(l.failed, r)
				return
			}
			if g := time.Since(last); g > l.gap {
				l.gap = g
			}
			last = time.Now()
		}
		stop := l.stop
		for i := 0; stop != nil || waiting > 0; i++ {
			select {
			case <-limit:
				return
			case <-stop:
				stop = nil
			case r := <-results:
				count(r)
			case <-tick.C:
				if stop == nil {
					continue
				}
				l.sent++
				waiting++
				go func() { results <- request(c, i) }()
			}
		}
	}()
	return l
}

// request makes one request; the answer is why it failed.
func request(c *http.Client, i int) string {
	var resp *http.Response
	var err error
	want := http.StatusOK
	switch i % 3 {
	case 0:
		resp, err = c.Get("https://" + droplet.Domain + "/api/version")
	case 1:
		resp, err = c.Get("https://" + droplet.Domain + "/")
	default:
		// Refused by the application for want of a session: it was answered.
		resp, err = c.Post("https://"+droplet.Domain+"/api/users/me", "application/json", strings.NewReader("{}"))
		want = 0
	}
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	discard(resp.Body)
	if want != 0 && resp.StatusCode != want || resp.StatusCode >= 500 || resp.StatusCode == http.StatusNotFound && i%3 != 2 {
		return resp.Status
	}
	return ""
}

func (l *traffic) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	<-l.done
	t.Logf("%d requests, %d lost, longest gap %s", l.sent, len(l.failed), l.gap.Round(time.Millisecond))
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests were lost, such as: %s", len(l.failed), l.sent, l.failed[0])
	}
	if l.sent < 20 {
		t.Errorf("only %d requests were sent", l.sent)
	}
}

func TestAChangedReleaseLosesNoRequestAndRollsBackByHand(t *testing.T) {
	p := ensureGood(t)
	first := p.report().Release
	p.write(".env", "LOG_LEVEL=debug\n")
	l := load(t)
	p.must(0, "deploy")
	second := p.report()
	if second.Release == first || second.Live != second.Release || second.Before != first {
		t.Errorf("before %s, release %s, live %s", second.Before, second.Release, second.Live)
	}
	p.must(0, "rollback")
	if live := p.report().Live; live != first {
		t.Errorf("after the rollback %s is live, want %s", live, first)
	}
	l.end(t)
}
