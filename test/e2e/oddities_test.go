//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestOddServersEndWell meets servers as people and losses of power leave them.
// Each time the old release serves, or the next deploy mends what it finds.
func TestOddServersEndWell(t *testing.T) {
	if os.Getenv("FAULTS") == "" {
		t.Skip("it deploys a dozen times: part of make full")
	}
	p := ensureGood(t)
	live := p.report().Live
	well := func(t *testing.T, release string) {
		t.Helper()
		if !serves(t, client(t)) {
			t.Error("the site does not serve")
		}
		if r := p.report(); r.Live != release {
			t.Errorf("%s is live, not %s", r.Live, release)
		}
	}
	t.Run("a cache whose new definition does not start gives way to the old one", func(t *testing.T) {
		p.t = t
		p.edit("compose/stack.yaml", "bind 0.0.0.0", "bnid 0.0.0.0")
		p.must(4, "deploy")
		well(t, live)
		p.edit("compose/stack.yaml", "bnid 0.0.0.0", "bind 0.0.0.0")
	})
	t.Run("a network is removed by force, a store is paused, a record is garbled", func(t *testing.T) {
		p.t = t
		inDroplet(t, `set -e
for c in $(docker ps -q --filter network=stack_data); do docker network disconnect -f stack_data $c; done
docker network rm stack_data
docker pause stack-postgres-1
head -c 300 /dev/zero >/srv/stack/releases/`+live+`/release.json`)
		if r := p.must(0, "status"); !strings.Contains(r.out, "redis is off network data") || !strings.Contains(r.out, "postgres is paused") {
			t.Errorf("the status is\n%s", r.out)
		}
		if r := p.must(0, "deploy"); !strings.Contains(r.out, "this deploy writes it anew") {
			t.Errorf("the record is not told of:\n%s", r.out)
		}
		well(t, live)
	})
	t.Run("a rollback across a change of the edge's settings", func(t *testing.T) {
		p.t = t
		p.edit(".stackctl/sandbox/target.yaml", `AUTH_RATE: "600"`, `AUTH_RATE: "601"`)
		p.must(0, "deploy")
		p.must(0, "rollback")
		well(t, live)
		p.edit(".stackctl/sandbox/target.yaml", `AUTH_RATE: "601"`, `AUTH_RATE: "600"`)
	})
	t.Run("routes garbled by hand, and the next releases are bad", func(t *testing.T) {
		p.t = t
		p.must(0, "deploy")
		live := p.report().Live
		q := withOwn(t, `
    - {id: never, title: "Is the moon out?", sql: {query: SELECT 1 AS moon, expect: {value: {equals: 2}}}}
`)
		q.write(".env", "LOG_LEVEL=warn\n")
		visitors := watch(t)
		bad := func(exit int) {
			t.Helper()
			// By a rename: a file that is written in place is empty for a moment, and Traefik takes that at its word.
			inDroplet(t, "for f in /srv/stack/edge/dynamic/*; do echo 'http: [' >/srv/stack/tmp/garbled && mv /srv/stack/tmp/garbled $f; done")
			q.must(exit, "deploy")
			if r := q.report(); r.Live != live || !r.RolledBack {
				t.Errorf("live %s, not %s; rolled back: %t", r.Live, live, r.RolledBack)
			}
		}
		bad(1) // a gate fails, after the switch
		q.edit("compose/stack.yaml", `command: ["worker"]`, `command: ["worker", "--no-such-flag"]`)
		bad(4) // a step fails, before it
		visitors.end(t)
		p.must(0, "deploy")
		well(t, live)
	})
	p.t = t
}
