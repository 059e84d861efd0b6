//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// ownGates declares one gate of each kind; all pass on the good stack.
const ownGates = `
    - id: ready
      title: Is the API of this release ready, and fast?
      fix: look at the log of api
      http:
        path: /api/health/ready
        expect:
          status: 200
          headers: [{name: Content-Type, contains: json}]
          json: [{path: $.release, equals: "{release}"}, {path: "$.checks.*.status", equals: ok}]
          p95: 3s
    - id: candidate
      title: Does the new release know its own name?
      phase: pre-switch
      http: {path: /api/health/ready, expect: {json: [{path: $.release, equals: "{release}"}]}}
    - id: mark
      title: Is nothing marked as broken?
      command: {service: redis, command: [test, "!", -e, /tmp/broken], expect: {exit: 0}}
    - id: tables
      title: Are there the tables that belong here?
      sql: {query: "SELECT count(*) AS n FROM pg_tables WHERE tablename = 'stray'", expect: {rows: {equals: 1}, value: {equals: 0}}}
    - id: redis-port
      title: Does Redis listen where it must?
      tcp: {service: redis, port: 6379, expect: open}
    - id: shut
      title: Is the database shut from outside?
      tcp: {port: 5432, expect: closed}
`

// withOwn is a project with these declared gates before its own.
func withOwn(t *testing.T, own string) project {
	t.Helper()
	p := newProject(t)
	p.edit("stackctl.yaml", "\n  own:\n", "\n  own:"+own)
	return p
}

func TestDeclaredGatesJudgeLikeBuiltInOnes(t *testing.T) {
	ensureGood(t)
	p := withOwn(t, ownGates)
	p.must(0, "verify", "--gate", "ready,candidate,mark,tables,redis-port,shut")
	judged := map[string]bool{}
	for _, g := range p.report().Gates {
		if g.ID != "G10" && (g.Status != stack.Passed || g.Inspected == 0) {
			t.Errorf("%s %s inspected %d: %s", g.ID, g.Status, g.Inspected, g.Reason)
		}
		judged[g.ID] = true
	}
	if len(judged) != 7 || !strings.Contains(p.must(0, "gates").out, "redis-port") {
		t.Errorf("judged %v", judged)
	}
	if _, err := os.Stat(filepath.Join(p.lastRun(), "gate-tables.json")); err != nil {
		t.Error(err)
	}
	psql := `docker exec $(docker ps -q --filter label=com.docker.compose.service=postgres) psql -q -U app -d app -c `
	redis := `docker exec $(docker ps -q --filter label=com.docker.compose.service=redis) `
	cli := redis + `sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli -p "$0" config set port "$1"' `
	for gate, c := range map[string]struct{ spoil, mend, says string }{
		"ready":      {"docker stop -t 1 $(docker ps -q --filter label=com.docker.compose.service=api)", "docker start $(docker ps -aq --filter label=com.docker.compose.service=api --filter label=dev.stackctl.release=" + p.report().Live + ")", "expected  200"},
		"mark":       {redis + "touch /tmp/broken", redis + "rm /tmp/broken", "observed  1"},
		"tables":     {psql + `'CREATE TABLE stray ()'`, psql + `'DROP TABLE stray'`, "observed  1"},
		"redis-port": {cli + "6379 6380", cli + "6380 6379", "observed  closed"},
	} {
		t.Run(gate, func(t *testing.T) {
			onDroplet(t, c.spoil)
			mended := false
			mend := func() {
				if !mended {
					mended = true
					onDroplet(t, c.mend)
				}
			}
			t.Cleanup(mend)
			r := p.must(1, "verify", "--gate", gate)
			for _, want := range []string{"FAILED  " + gate, c.says, "stackctl.yaml:", "again: stackctl verify --target sandbox --gate " + gate} {
				if !strings.Contains(r.out, want) {
					t.Errorf("%q is not in\n%s", want, r.out)
				}
			}
			mend()
		})
	}
}

func TestAFailingDeclaredGateRollsADeployBack(t *testing.T) {
	good := ensureGood(t)
	p := withOwn(t, `
    - {id: never, title: "Is the moon out?", sql: {query: SELECT 1 AS moon, expect: {value: {equals: 2}}}}
`)
	p.write(".env", "LOG_LEVEL=warn\n")
	p.must(1, "deploy")
	if r := p.report(); !r.RolledBack || r.Live != good.report().Live || r.Verdict != stack.VerdictGateFailed {
		t.Errorf("rolled back %v, live %s, verdict %s", r.RolledBack, r.Live, r.Verdict)
	}
}

func TestAReleaseFolderEditedByHandIsNoticed(t *testing.T) {
	good := ensureGood(t)
	file := "/srv/stack/releases/" + good.report().Live + "/app.yaml"
	onDroplet(t, "cp -p "+file+" /root/app.yaml && echo '# by hand' >> "+file)
	t.Cleanup(func() { onDroplet(t, "cp -p /root/app.yaml "+file) }) // the one that was edited last
	if r := good.must(1, "verify", "--gate", "G6"); !strings.Contains(r.out, "app.yaml was edited") {
		t.Errorf("verify says\n%s", r.out)
	}
	if r := good.must(0, "deploy"); !strings.Contains(r.out, "not there, or differ") {
		t.Errorf("deploy says\n%s", r.out)
	}
	good.must(0, "verify", "--gate", "G6")
	// Nobody is led back to a release that was edited.
	older := good.earlier()
	file = "/srv/stack/releases/" + older + "/app.yaml"
	onDroplet(t, "cp -p "+file+" /root/app.yaml && echo '# by hand' >> "+file)
	r := good.must(1, "rollback", older)
	if report := good.report(); !strings.Contains(r.out, "app.yaml was edited") || report.Live != report.Before || report.Live == older || len(report.Steps) > 0 {
		t.Errorf("rollback: live %s, before %s, %d steps\n%s", report.Live, report.Before, len(report.Steps), r.out)
	}
}

// earlier is a good release that the server keeps beside the live one; where
// there is none, one is deployed.
func (p project) earlier() string {
	p.t.Helper()
	live := p.report().Live
	var list []stack.ReleaseRecord
	if err := json.Unmarshal([]byte(p.must(0, "releases", "--output", "json").out), &list); err != nil {
		p.t.Fatal(err)
	}
	for _, r := range list {
		if r.State == stack.ReleaseGood && r.ID != live {
			return r.ID
		}
	}
	p.write(".env", "LOG_LEVEL=warn\n")
	p.must(0, "deploy")
	return live
}
