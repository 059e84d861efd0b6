//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// withTwoTargets is a project with the droplet as one target, and one that
// nobody answers for.
func withTwoTargets(t *testing.T) project {
	t.Helper()
	p := newProject(t)
	here := "    " + strings.ReplaceAll(strings.TrimSpace(read(t, filepath.Join(p.root, ".stackctl", "sandbox", "target.yaml"))), "\n", "\n    ")
	gone := strings.Replace(here, "port: 22\n", "port: 2299\n", 1)
	if gone == here {
		t.Fatal("the droplet's target has no port to change")
	}
	p.write("stackctl.yaml", read(t, filepath.Join(p.root, "stackctl.yaml"))+"\ntargets:\n  here:\n"+here+"\n  gone:\n"+gone+"\n")
	return p
}

func TestATargetThatCannotBeReachedHurtsNoOther(t *testing.T) {
	ensureGood(t)
	p := withTwoTargets(t)
	r := p.must(3, "deploy", "--all-targets")
	for _, want := range []string{"[here] ", "[gone] ", "deploy: 1 of 2 targets good, exit code 3"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in\n%s", want, r.out)
		}
	}
	files, err := filepath.Glob(filepath.Join(p.root, "artifacts", "*", "report.json"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d reports, %v", len(files), err)
	}
	for _, f := range files {
		var report stack.Report
		if err := json.Unmarshal([]byte(read(t, f)), &report); err != nil {
			t.Fatal(err)
		}
		if want := map[string]stack.Verdict{"here": stack.VerdictGood, "gone": stack.VerdictRefused}[report.Target]; report.Verdict != want {
			t.Errorf("%s: verdict %s, want %s", report.Target, report.Verdict, want)
		}
	}
	made := p.must(3, "provision", "--all-targets")
	for _, want := range []string{"[here] ", "is ready: nothing changed", "[gone] ", "provision: 1 of 2 targets ready, exit code 3"} {
		if !strings.Contains(made.out+made.err, want) {
			t.Errorf("%q is not in\n%s%s", want, made.out, made.err)
		}
	}
	var list []struct{ Target, Live, Error string }
	out := p.must(3, "status", "--target", "gone,here", "--output", "json").out
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 2 || list[0].Error == "" || list[1].Live == "" || list[1].Error != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheOperatorLooksAndActs(t *testing.T) {
	p := ensureGood(t)
	var status struct {
		Health       struct{ State string }
		Disk         stack.DiskUse
		Certificates []struct {
			Host, Problem string
			Days          int `json:"days_left"`
		}
	}
	// A test before may have restarted this engine: then no health check runs any
	// more, status says so, and this is what it advises.
	onDroplet(t, "for c in $(docker ps -q); do docker pause $c && docker unpause $c; done")
	until(t, time.Minute, "the site to be in good health", func() bool {
		status.Health.State, status.Certificates = "", nil
		if err := json.Unmarshal([]byte(p.must(0, "status", "--output", "json").out), &status); err != nil {
			t.Fatal(err)
		}
		return status.Health.State == "good"
	})
	if status.Disk.Total <= status.Disk.Free || status.Disk.Images <= 0 || status.Disk.Volumes <= 0 || status.Disk.Files <= 0 {
		t.Errorf("%+v", status)
	}
	if len(status.Certificates) < 5 {
		t.Errorf("%d certificates", len(status.Certificates))
	}
	for _, c := range status.Certificates {
		if c.Problem != "" || c.Days < 1 {
			t.Errorf("%+v", c)
		}
	}
	if r := p.must(42, "exec", "postgres", "--", "sh", "-c", "cat /run/secrets/postgres_password; exit 42"); !strings.Contains(r.out, "[redacted:postgres_password]") {
		t.Errorf("exec says\n%s%s", r.out, r.err)
	}
	logs := strings.Split(strings.TrimSpace(p.must(0, "logs", "postgres", "web", "--tail", "3", "--output", "json").out), "\n")
	last := ""
	for _, l := range logs {
		var line struct{ Service, At, Line string }
		if err := json.Unmarshal([]byte(l), &line); err != nil || line.Service == "" || line.At < last {
			t.Errorf("%v: %s after %s", err, l, last)
		}
		last = line.At
	}
	if len(logs) < 4 {
		t.Errorf("only %d lines", len(logs))
	}
}
