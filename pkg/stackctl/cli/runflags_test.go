package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func fault(c stack.Cause) error { return stack.Fault(c, "try", errors.New("no"), "") }

func TestTheWorstEndDecidesTheExitCode(t *testing.T) {
	for _, c := range []struct {
		ends []stack.Cause
		want int
	}{
		{nil, ExitDone},
		{[]stack.Cause{stack.CauseUsage}, ExitUsage},
		{[]stack.Cause{stack.CauseUsage, stack.CauseLocked}, ExitLocked},
		{[]stack.Cause{stack.CauseLocked, stack.CauseUnreachable}, ExitUnreachable},
		{[]stack.Cause{stack.CauseUnjudged, stack.CauseUnreachable}, ExitUnjudged},
		{[]stack.Cause{stack.CauseUnjudged, stack.CauseGate, stack.CauseUnjudged}, ExitGate},
		{[]stack.Cause{stack.CauseGate, stack.CauseStep}, ExitStep},
		{[]stack.Cause{stack.CauseInterrupted, stack.CauseStep}, ExitInterrupted},
	} {
		var errs []error
		for _, cause := range c.ends {
			errs = append(errs, fault(cause))
		}
		if got := ExitCode(context.Background(), Worst(errs)); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.ends, got, c.want)
		}
	}
}

func TestOneFailingTargetStopsNoOther(t *testing.T) {
	targets := []stack.Target{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	end := func(f runFlags) (string, int32) {
		var ran atomic.Int32
		outcomes := f.each(targets, func(x stack.Target) outcome {
			ran.Add(1)
			out := outcome{target: x.Name, dir: "d", report: stack.Report{Verdict: stack.VerdictGood}}
			if x.Name == "a" {
				out.report.Verdict, out.err = stack.VerdictGateFailed, fault(stack.CauseGate)
			}
			return out
		})
		var words []string
		for _, x := range outcomes {
			words = append(words, x.target+" "+x.verdict())
		}
		return strings.Join(words, ", "), ran.Load()
	}
	if got, n := end(runFlags{parallel: 1}); got != "a gate-failed, b good, c good" || n != 3 {
		t.Errorf("one by one: %s", got)
	}
	if got, n := end(runFlags{parallel: 8}); got != "a gate-failed, b good, c good" || n != 3 {
		t.Errorf("side by side: %s", got)
	}
	if got, n := end(runFlags{parallel: 1, failFast: true}); got != "a gate-failed, b not begun, c not begun" || n != 1 {
		t.Errorf("with --fail-fast: %s", got)
	}
}

func TestTargetsAreWorkedOnSideBySide(t *testing.T) {
	both := make(chan struct{})
	var n atomic.Int32
	runFlags{parallel: 2}.each([]stack.Target{{Name: "a"}, {Name: "b"}}, func(x stack.Target) outcome {
		if n.Add(1) == 2 {
			close(both)
		}
		<-both // only another one that runs at the same time lets it end
		return outcome{target: x.Name}
	})
}

const twoTargets = "project: shop\ntargets:\n  a: {host: 127.0.0.1, port: 1, domain: a.example, key: none}\n  b: {host: 127.0.0.2, port: 1, domain: b.example, key: none}\n"

// in is one command line in a folder with a stackctl.yaml.
func in(t *testing.T, settings string, args ...string) (exit int, out string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("stackctl.yaml", []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	exit = Main(args, strings.NewReader(""), &text, &text)
	return exit, text.String()
}

func TestEachTargetHasItsVerdictAndEvidence(t *testing.T) {
	exit, text := in(t, twoTargets, "deploy", "--all-targets")
	if exit != ExitUsage || !strings.Contains(text, "deploy: 0 of 2 targets good, exit code 2") {
		t.Errorf("exit code %d\n%s", exit, text)
	}
	for _, want := range []string{"[a] ", "[b] ", "── a ", "── b "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	runs, err := filepath.Glob("artifacts/*/report.json")
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d reports, %v", len(runs), err)
	}
}

func TestSeveralTargetsForMachines(t *testing.T) {
	exit, text := in(t, twoTargets, "deploy", "--target", "b,a", "--output", "json")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var last overall
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Kind != "overall" || last.ExitCode != exit {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(last.Targets) != 2 || last.Targets[0].Target != "b" || last.Targets[0].Verdict != "refused" || last.Targets[1].ExitCode != ExitUsage || last.Targets[0].Dir == last.Targets[1].Dir {
		t.Errorf("%+v", last)
	}
	seen := map[string]bool{}
	for _, l := range lines[:len(lines)-1] {
		var e stack.Event
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatalf("%v in %s", err, l)
		}
		seen[e.Target] = true
	}
	if !seen["a"] || !seen["b"] || seen[""] {
		t.Errorf("events of %v", seen)
	}
}

func TestSeveralTargetsAreProvisionedEachWithItsEnd(t *testing.T) {
	exit, text := in(t, twoTargets, "provision", "--all-targets")
	for _, want := range []string{"[a] ", "[b] ", "provision: 0 of 2 targets ready, exit code 2"} {
		if exit != ExitUsage || !strings.Contains(text, want) {
			t.Errorf("exit code %d, want %q in\n%s", exit, want, text)
		}
	}
	exit, text = in(t, twoTargets, "provision", "--target", "b,a", "--output", "json")
	var last overall
	if err := json.Unmarshal([]byte(text), &last); err != nil || exit != ExitUsage || last.Kind != "overall" || len(last.Targets) != 2 ||
		last.Targets[0].Target != "b" || last.Targets[0].Verdict != "failed" || last.Targets[1].Reason == "" {
		t.Errorf("exit code %d, %v\n%s", exit, err, text)
	}
}

func TestATargetThatWasNotBegunIsNotReady(t *testing.T) {
	exit, text := in(t, twoTargets, "provision", "--all-targets", "--parallel", "1", "--fail-fast", "--output", "json")
	var last overall
	if err := json.Unmarshal([]byte(text), &last); err != nil || exit != ExitUsage || last.Targets[0].Verdict != "failed" || last.Targets[1].Verdict != "not begun" {
		t.Errorf("exit code %d, %v\n%s", exit, err, text)
	}
	if _, text = in(t, twoTargets, "provision", "--all-targets", "--parallel", "1", "--fail-fast"); !strings.Contains(text, "0 of 2 targets ready") {
		t.Errorf("got\n%s", text)
	}
}

func TestTargetsThatCannotBeMeantTogetherAreRefused(t *testing.T) {
	same := twoTargets + "  c: {host: 127.0.0.1, port: 1, domain: c.example, key: none}\n" +
		"  d: {host: 127.0.0.1, port: 1, path: /srv/other, domain: d.example, key: none}\n"
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"both flags":       {[]string{"deploy", "--all-targets", "--target", "a"}, "were both given"},
		"unknown among":    {[]string{"deploy", "--target", "a,x"}, `no target "x"`},
		"the same folder":  {[]string{"deploy", "--target", "a", "--target", "c"}, "same folder of the same host"},
		"none is named":    {[]string{"deploy"}, "several targets and no default"},
		"logs of several":  {[]string{"logs", "--target", "a,b"}, "acts on one"},
		"exec in several":  {[]string{"exec", "--target", "a,b", "api", "--", "ls"}, "acts on one"},
		"provision twice":  {[]string{"provision", "--target", "a,d"}, "are on the same host"},
		"releases of both": {[]string{"releases", "--target", "a,b"}, "acts on one"},
		"the lock of both": {[]string{"lock", "--target", "a,b"}, "acts on one"},
		"a restore":        {[]string{"restore", "latest", "--yes", "--target", "a,b"}, "acts on one"},
		"not for this one": {[]string{"exec", "--all-targets", "api", "ls"}, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			if exit, text := in(t, same, c.args...); exit != ExitUsage || !strings.Contains(text, c.says) {
				t.Errorf("exit code %d, want %q in\n%s", exit, c.says, text)
			}
		})
	}
}

func TestTargetsAreCompletedOneAfterTheOther(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("stackctl.yaml", []byte(twoTargets), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &project{file: "stackctl.yaml"}
	if got, _ := p.completeTargets(nil, nil, ""); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
	if got, _ := p.completeTargets(nil, nil, "a,"); !slices.Equal(got, []string{"a,b"}) {
		t.Errorf("%q", got)
	}
}
