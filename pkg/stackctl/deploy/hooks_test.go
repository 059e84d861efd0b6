//go:build unix

package deploy

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func hookAt(points ...string) []stack.Hook {
	var out []stack.Hook
	for _, p := range points {
		out = append(out, stack.Hook{At: p, Name: "h", Command: []string{"true"}, Timeout: time.Minute})
	}
	return out
}

// kinds are the steps of a plan in a line each, hooks by their point.
func kinds(p stack.Plan) string {
	var out []string
	for _, s := range p.Steps {
		if s.Kind == stack.StepHook {
			out = append(out, "("+s.Hook.At+")")
		} else {
			out = append(out, string(s.Kind))
		}
	}
	return strings.Join(out, " ")
}

func TestHooksStandAtTheirPoints(t *testing.T) {
	want := wantedShop()
	want.Hooks = hookAt(stack.HookPoints...)
	got := kinds(Plan(want, seenShop()))
	if got != "(after-build) (before-deploy) ship-image ship-files backup (before-migrate) migrate (after-migrate) start gates (before-switch) switch (after-switch) gates drain commit (after-deploy)" {
		t.Error(got)
	}
	want.Back = true
	got = kinds(Plan(want, seenShop()))
	if !strings.HasPrefix(got, "(before-rollback) ") || !strings.HasSuffix(got, "commit (after-rollback)") || strings.Contains(got, "migrate") || strings.Contains(got, "deploy") {
		t.Error(got)
	}
}

func TestAfterBuildWaitsForTheLastImage(t *testing.T) {
	p := stack.Plan{Steps: []stack.Step{{Kind: stack.StepBuildImage}, {Kind: stack.StepBuildImage}, {Kind: stack.StepCommit}}}
	if got := kinds(withHooks(p, Wanted{Hooks: hookAt("after-build", "before-deploy")})); got != "(before-deploy) build-image build-image (after-build) commit" {
		t.Error(got)
	}
}

// A second deploy of the same has nothing to be before or after.
func TestAPlanThatChangesNothingHasNoHooks(t *testing.T) {
	p := stack.Plan{Steps: []stack.Step{{Kind: stack.StepGates}, {Kind: stack.StepCommit}}}
	if got := withHooks(p, Wanted{Hooks: hookAt(stack.HookPoints...)}); len(got.Steps) != 2 {
		t.Error(kinds(got))
	}
}

func TestAServiceThatIsAHookIsNoMigration(t *testing.T) {
	want := wantedShop()
	want.Hooks = []stack.Hook{{At: "after-switch", Name: "migrate", Service: "migrate", Timeout: time.Minute}}
	if got := kinds(Plan(want, seenShop())); strings.Contains(got, " migrate ") || !strings.Contains(got, "switch (after-switch)") {
		t.Error(got)
	}
	r := wantedShop().Release
	for service, wants := range map[string]string{"migrate": "", "api": "does not run once", "db": "does not run once", "none": "no service none"} {
		err := hooksFit(stack.Config{Hooks: []stack.Hook{{At: "after-switch", Service: service}}}, r)
		if wants == "" && err != nil || wants != "" && (err == nil || !strings.Contains(err.Error(), wants)) {
			t.Errorf("%s: %v", service, err)
		}
	}
}

// kept are artifacts in memory.
type kept struct {
	lock  sync.Mutex
	files map[string]string
}

func (k *kept) Artifact(name string, content []byte) error {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.files == nil {
		k.files = map[string]string{}
	}
	k.files[name] = string(content)
	return nil
}

func hookStory(t *testing.T, policy stack.Policy, hooks ...stack.Hook) (*story, *kept) {
	t.Helper()
	k := new(kept)
	d := &Deployer{Config: stack.Config{Root: t.TempDir(), Project: "shop", Policy: policy, Hooks: hooks}, Target: stack.Target{Name: "prod", Domain: "shop.example"},
		Run: "run-1", Artifacts: k, Now: time.Now}
	return d.begin("deploy"), k
}

func shellHook(at, script string) stack.Hook {
	return stack.Hook{At: at, Name: "a hook", Command: []string{"/bin/sh", "-c", script}, Timeout: 20 * time.Second}
}

func TestAHookIsToldTheFacts(t *testing.T) {
	h := shellHook("before-build", `echo "$STACKCTL_HOOK $STACKCTL_PROJECT $STACKCTL_TARGET $STACKCTL_URL $STACKCTL_RUN"`)
	s, k := hookStory(t, stack.PolicyStrict, h)
	if err := s.buildHooks(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := k.files["hook-before-build-a-hook.txt"]; got != "before-build shop prod https://shop.example/ run-1\n" {
		t.Errorf("%q", got)
	}
}

func TestAFailingHookBeforeStops(t *testing.T) {
	for wants, h := range map[string]stack.Hook{
		"exit code 7": shellHook("before-switch", "echo no; exit 7"),
		"in time":     {At: "before-switch", Name: "slow", Command: []string{"/bin/sleep", "300"}, Timeout: 200 * time.Millisecond},
		"no-such":     {At: "before-switch", Name: "none", Command: []string{"no-such-program"}, Timeout: time.Minute},
	} {
		s, _ := hookStory(t, stack.PolicyStandard)
		if _, err := s.runHook(context.Background(), h, s.hookFacts(h), nil); err == nil || stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), wants) {
			t.Errorf("%s: %v", wants, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s, _ := hookStory(t, stack.PolicyStrict)
	h := shellHook("before-switch", "sleep 300")
	if _, err := s.runHook(ctx, h, s.hookFacts(h), nil); stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("Ctrl-C: %v", err)
	}
}

func TestAFailingHookAfterIsAFinding(t *testing.T) {
	for policy, wants := range map[stack.Policy]struct {
		status   stack.Status
		findings int
		cause    stack.Cause
	}{stack.PolicyStrict: {stack.Failed, 1, stack.CauseGate}, stack.PolicyStandard: {stack.Passed, 0, ""}} {
		h := shellHook("after-deploy", "echo tried; exit 3")
		s, k := hookStory(t, policy)
		if _, err := s.runHook(context.Background(), h, s.hookFacts(h), nil); err != nil {
			t.Fatal(err)
		}
		r, err := s.report.Gates[0], Judged(s.hooked)
		if r.Status != wants.status || len(r.Findings) != wants.findings || len(r.Findings)+len(r.Advice) != 1 || (err != nil) != (wants.cause != "") || err != nil && stack.CauseOf(err) != wants.cause {
			t.Errorf("%s: %+v, %v", policy, r, err)
		}
		if k.files["hook-after-deploy-a-hook.txt"] != "tried\n" {
			t.Errorf("%v", k.files)
		}
	}
}

func TestAHookInAContainerGetsTheFactsToo(t *testing.T) {
	facts := map[string]string{"STACKCTL_RELEASE": "abc", "STACKCTL_URL": "https://a/$x"}
	for form, compose := range map[string]string{
		"map":  "services: {warm: {image: x, environment: {A: \"1\"}}}\n",
		"list": "services: {warm: {image: x, environment: [\"A=1\"]}}\n",
		"none": "services: {warm: {image: x}}\n",
	} {
		out, err := withEnvironment([]byte(compose), "warm", maps.Clone(facts))
		if err != nil || !strings.Contains(string(out), "STACKCTL_RELEASE: abc") || !strings.Contains(string(out), "https://a/$$x") || form != "none" && !strings.Contains(string(out), `A: "1"`) {
			t.Errorf("%s: %s, %v", form, out, err)
		}
	}
	if _, err := withEnvironment([]byte("services: {}\n"), "warm", facts); err == nil {
		t.Error("a service that is not there was found")
	}
}
