//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// refusal is a run that must end badly while the old release serves on.
type refusal struct {
	spoil func(p project)
	exit  int
	says  string
}

func TestBadReleasesLeaveTheOldOneServing(t *testing.T) {
	ensureServing(t)
	for name, c := range map[string]refusal{
		"a migration fails": {func(p project) {
			p.edit("compose/stack.yaml", `command: ["migrate"]`, `command: ["migrate", "--no-such-flag"]`)
		}, 4, "migrate"},
		"a service never gets up": {func(p project) {
			p.edit("compose/stack.yaml", `command: ["worker"]`, `command: ["worker", "--no-such-flag"]`)
		}, 4, "worker"},
		"a service is unhealthy": {func(p project) {
			p.edit("compose/stack.yaml", `healthcheck: {<<: *probe, test: ["CMD", "/server", "healthcheck", "scheduler"]}`,
				`healthcheck: {interval: 1s, timeout: 3s, retries: 3, test: ["CMD", "/server", "healthcheck", "no-such-role"]}`)
		}, 4, "scheduler"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			c.spoil(p)
			visitors := watch(t)
			r := p.must(c.exit, "deploy")
			visitors.end(t)
			report := p.report()
			if !strings.Contains(r.out+r.err, c.says) || report.Live != report.Before || report.Live == "" {
				t.Errorf("live %s, before %s; it says\n%s%s", report.Live, report.Before, r.out, r.err)
			}
			if len(report.Logs) == 0 {
				t.Error("the report holds no log lines")
			}
			if left := onDroplet(t, "docker ps -aq --filter label=dev.stackctl.release="+report.Release); strings.TrimSpace(left) != "" {
				t.Errorf("containers of the failed release are left: %s", left)
			}
			everyArtifact(t, p)
		})
	}
}

// TestADeployThatMayNotBeginTouchesNoContainer stops a deploy at a static gate,
// and at an image that nobody has. What is wrong with files alone is told
// without a server: see test/mutants.
func TestADeployThatMayNotBeginTouchesNoContainer(t *testing.T) {
	ensureServing(t)
	for name, c := range map[string]refusal{
		"production ACME": {func(p project) { p.edit("traefik/traefik.yml", "acme-staging-v02", "acme-v02") }, 1, "G1"},
		"unknown image":   {func(p project) { p.edit("compose/stack.yaml", "image: redis:7.2", "image: redis:7.2.99-none") }, 4, "redis:7.2.99-none"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			c.spoil(p)
			before := onDroplet(t, "docker ps -q --no-trunc | sort")
			r := p.must(c.exit, "deploy")
			if !strings.Contains(r.out+r.err, c.says) {
				t.Errorf("%q is not in\n%s%s", c.says, r.out, r.err)
			}
			if after := onDroplet(t, "docker ps -q --no-trunc | sort"); after != before {
				t.Error("containers were touched")
			}
			everyArtifact(t, p)
		})
	}
}

// TestALoginThatIsRefusedIsSaidSo: sshd answers, and knows the key as nobody's,
// or is nobody's that is known. Hosts that nobody answers for are in test/mutants.
func TestALoginThatIsRefusedIsSaidSo(t *testing.T) {
	visiting(t)
	for name, c := range map[string]refusal{
		"unknown host key": {func(p project) {
			p.edit(".stackctl/sandbox/target.yaml", "known_hosts: "+on(t).KnownHosts(), "known_hosts: "+filepath.Join(p.root, "nothing"))
		}, 3, "stackctl trust"},
		"wrong key": {func(p project) {
			p.must(0, "evidence", "keygen", filepath.Join(p.root, "stranger"))
			p.edit(".stackctl/sandbox/target.yaml", "key: "+on(t).Key(), "key: "+filepath.Join(p.root, "stranger"))
		}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			c.spoil(p)
			r := p.must(c.exit, "deploy")
			if !strings.Contains(r.out+r.err, c.says) {
				t.Errorf("%q is not in\n%s%s", c.says, r.out, r.err)
			}
			everyArtifact(t, p)
		})
	}
}

func TestOneDeployAtATime(t *testing.T) {
	p := ensureGood(t)
	p.write(".env", "LOG_LEVEL=warn\n")
	first := p.start("deploy")
	until(t, 30*time.Second, "the first deploy takes the lock", func() bool {
		return strings.Contains(p.stackctl("lock").out, "holds the lock")
	})
	q := newProject(t)
	q.write(".env", "LOG_LEVEL=warn\n")
	r := q.must(6, "deploy")
	if !strings.Contains(r.out+r.err, "holds it since") {
		t.Errorf("it says\n%s%s", r.out, r.err)
	}
	if one := first.wait(t, 3*time.Minute); one.exit != 0 {
		t.Errorf("the first deploy: exit code %d\n%s%s", one.exit, one.out, one.err)
	}
	if after := p.must(0, "lock"); !strings.Contains(after.out, "nobody") {
		t.Errorf("after it: %s", after.out)
	}
}

func TestCtrlCBeforeThePlanChangesNothing(t *testing.T) {
	p := onGood(t)
	p.write(".env", "LOG_LEVEL=error\n")
	r := p.start("deploy")
	until(t, 30*time.Second, "the deploy connects", func() bool { return strings.Contains(p.soFar(), "connect") })
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if ended := r.wait(t, time.Minute); ended.exit != 130 {
		t.Errorf("exit code %d\n%s%s", ended.exit, ended.out, ended.err)
	}
	if report := p.report(); report.Verdict != stack.VerdictInterrupted || len(report.Steps) > 0 {
		t.Errorf("verdict %s, %d steps", report.Verdict, len(report.Steps))
	}
	if holds := p.must(0, "lock"); !strings.Contains(holds.out, "nobody") {
		t.Errorf("the lock: %s", holds.out)
	}
}

// soFar is the event log of the newest run while it goes on.
func (p project) soFar() string {
	logs, _ := filepath.Glob(filepath.Join(p.root, "artifacts", "*", "run.jsonl"))
	newest, at := "", time.Time{}
	for _, log := range logs { // by their time: a name tells the second, in which a plan may have been made as well
		if info, err := os.Stat(log); err == nil && info.ModTime().After(at) && !strings.Contains(filepath.Dir(log), "-plan-") {
			newest, at = log, info.ModTime()
		}
	}
	raw, _ := os.ReadFile(newest)
	return string(raw)
}

func TestRoutesThatTraefikRefusesNeverReachTheEdge(t *testing.T) {
	ensureServing(t)
	before := onDroplet(t, "docker ps -q --no-trunc | sort; sha256sum /srv/stack/edge/dynamic/*")
	for name, c := range map[string]struct{ from, to, says string }{
		"an expression that is none": {`regex: "^https://www\\.([^/]+)/(.*)"`, `regex: "^https://www\\.([^/]+/(.*)"`, "middleware to-apex: "},
		"an unknown matcher":         {"rule: \"Host(`www.{{ $domain }}`)\"", "rule: \"Host(`www.{{ $domain }}`) && Weather(`fine`)\"", "router www: "},
		"an unknown setting":         {"stripPrefix: {prefixes: [/api]}", "stripPrefix: {prefixes: [/api], politely: true}", "politely"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			p.edit("traefik/dynamic/routes.yml", c.from, c.to)
			visitors := watch(t)
			p.must(4, "deploy")
			visitors.end(t)
			if report := p.report(); !strings.Contains(report.Reason, c.says) || report.Live != report.Before || report.Live == "" {
				t.Errorf("live %s, before %s; %q is not in: %s", report.Live, report.Before, c.says, report.Reason)
			}
			if after := onDroplet(t, "docker ps -q --no-trunc | sort; sha256sum /srv/stack/edge/dynamic/*"); after != before {
				t.Errorf("before:\n%safter:\n%s", before, after)
			}
		})
	}
}

func TestAServiceThatIsNotWantedAnyMoreIsRemovedAndItsVolumesStay(t *testing.T) {
	p := onGood(t)
	p.edit("stackctl.yaml", "compose:\n", "compose:\n  profiles: [ops]\n")
	p.must(0, "deploy")
	there := func() string {
		return strings.TrimSpace(onDroplet(t, "docker ps -aq --filter label=com.docker.compose.service=pgadmin"))
	}
	if there() == "" {
		t.Fatal("the optional service was not deployed")
	}
	volumes := onDroplet(t, "docker volume ls -q | sort")
	q := newProject(t)
	visitors := watch(t)
	r := q.must(0, "deploy")
	visitors.end(t)
	if !strings.Contains(r.out, "the release has no such service") || there() != "" {
		t.Errorf("its containers: %q\n%s", there(), r.out)
	}
	if after := onDroplet(t, "docker volume ls -q | sort"); after != volumes {
		t.Errorf("volumes before:\n%safter:\n%s", volumes, after)
	}
}
