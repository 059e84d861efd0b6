//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
	"stackctl/test/load"
	"stackctl/test/variant"
)

// rate is how many requests a second go to the site while it is deployed. `make
// full` sends the 200 that SPEC asks for; two cores that carry client, server and
// deploy at once are at their end with that, so `make test` sends fewer. LOAD_RATE is
// for a machine that has other work.
var rate = func() int {
	n, _ := strconv.Atoi(os.Getenv("LOAD_RATE")) // 0: there is none
	return cmp.Or(n, map[bool]int{true: 200, false: 60}[os.Getenv("FAULTS") != ""])
}()

// slowRoute lets every other slow write of the load through to the application
// while its body still trickles: it is in flight there. The others take the
// shipped routes, which buffer a body before they pass it on.
const slowRoute = "    api-trickle:\n      rule: \"Host(`{{ $domain }}`) && Path(`/api/users/me`) && Method(`PATCH`) && Header(`X-Trickle`, `1`)\"\n" +
	"      priority: 290\n      entryPoints: [websecure]\n      middlewares: [api-policy, public-headers, api-rate, strip-api]\n      service: api\n      tls: {certResolver: le-staging}\n"

// What a plan announces of a change of the edge: that it cannot be lossless, or that it is.
const (
	lossy = "the edge itself is replaced: connections are refused"
	spare = "the edge itself is replaced: a copy of it serves"
)

// change is something that happens to the site under load.
type change struct {
	name string
	make func(p project)
	args []string
	exit int
	// note is what the plan must announce of the edge; requests may be lost where it is lossy.
	note string
	// mend sets right what make broke of the servers; nil: nothing is broken.
	mend func(p project)
	// slow changes are made by `make full` alone.
	slow bool
	// stays reports whether the release before still serves afterwards.
	stays bool
	// undone reports whether it had been switched to, and the edge was led back.
	undone bool
}

// refuse declares a gate of the project's own that finds every release bad.
func (p project) refuse(phase string) {
	p.t.Helper()
	p.write("stackctl.yaml", read(p.t, filepath.Join(repo, "stackctl.yaml")))
	p.edit("stackctl.yaml", "\n  own:\n",
		"\n  own:\n    - id: teapot\n      title: Is it a teapot?\n      phase: "+phase+"\n      http: {path: /, expect: {status: 418}}\n")
}

func changes() []change {
	return []change{
		{name: "a configuration change", make: func(p project) { p.write(".env", "LOG_LEVEL=debug\n") }, args: []string{"deploy"}},
		{name: "a rollback by hand", make: func(project) {}, args: []string{"rollback"}},
		{name: "an automatic rollback after the switch", exit: 1, stays: true, undone: true, args: []string{"deploy"}, make: func(p project) {
			p.refuse("post-switch")
			p.write(".env", "LOG_LEVEL=warn\n")
		}},
		{name: "a gate that fails before the switch", slow: true, exit: 1, stays: true, args: []string{"deploy"}, make: func(p project) {
			p.refuse("pre-switch")
			p.write(".env", "LOG_LEVEL=error\n")
		}},
		{name: "a changed application", slow: true, args: []string{"deploy"}, make: func(p project) {
			p.write("stackctl.yaml", read(p.t, filepath.Join(repo, "stackctl.yaml")))
			p.changeImage()
		}},
		{name: "changed routes", slow: true, args: []string{"deploy"}, make: func(p project) {
			p.edit("traefik/dynamic/routes.yml", "initialInterval: 50ms", "initialInterval: 60ms")
		}},
		{name: "a release with a migration", slow: true, args: []string{"deploy"}, make: func(p project) {
			to := filepath.Join(p.root, "build", "images", "server.tar")
			if err := os.Remove(to); err != nil {
				p.t.Fatal(err)
			}
			const sql = "-- +goose Up\nCREATE TABLE load_note (id bigint PRIMARY KEY, note text NOT NULL);\nALTER TABLE users ADD COLUMN load_note_id bigint;\n"
			if err := variant.Migration(context.Background(), repo, filepath.Join(repo, "build", "images", "server.tar"), to, "00999_load_note.sql", sql, map[string]string{
				"table load_note": "table", "column load_note.id": "bigint not null", "column load_note.note": "text not null",
				"constraint load_note.load_note_pkey": "PRIMARY KEY (id)", "column users.load_note_id": "bigint null",
				"index load_note_pkey": "CREATE UNIQUE INDEX load_note_pkey ON public.load_note USING btree (id)",
			}); err != nil {
				p.t.Fatal(err)
			}
		}},
		{name: "the edge itself", slow: true, note: lossy, args: []string{"deploy"}, make: func(p project) {
			p.edit("compose/stack.yaml", "mem_limit: 768m\n    stop_grace_period: 15s\n    x-stackctl: {layer: edge}", "mem_limit: 769m\n    stop_grace_period: 15s\n    x-stackctl: {layer: edge}")
		}},
	}
}

// TestNoRequestIsLostWhileReleasesChange sends many requests a second, half of
// them writes, over HTTP/1.1 and HTTP/2, with writes of five seconds in flight,
// from before each change to after it. The site's own rate limits (500 a second
// for an address) stay as they are. `make full` adds the slower changes and
// the same load across `docker compose up --wait`.
func TestNoRequestIsLostWhileReleasesChange(t *testing.T) {
	full := os.Getenv("FAULTS") != ""
	exclusive(t)
	p := newProject(t)
	p.patient()
	p.provision()
	p.ownImages()
	p.edit("traefik/dynamic/routes.yml", "    # R1:", slowRoute+"    # R1:")
	p.must(0, "deploy")
	t.Cleanup(func() { forgetMigration(t) })
	visitor, err := site(t).SignUp(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	live, following := map[string]bool{}, p.start("logs", "-f", "scheduler", "--output", "json")
	t.Cleanup(func() { _ = following.cmd.Process.Kill() }) // where the test gives up
	table := slices.Clone(loadTable)
	for _, c := range changes() {
		if c.slow && !full {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			live[c.under(t, p, &table, way{c.name, visitor.Options(rate)}).Live] = true
		})
		p.t = t
	}
	expectFollowed(t, following, live)
	if full {
		t.Run("docker compose up --wait", func(t *testing.T) {
			seen, took := composeUp(t)
			t.Log(seen)
			table = append(table, row("the changed application by `docker compose up --wait`", seen, took))
			if seen.Sent == 0 {
				t.Error("nothing was sent")
			}
		})
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// expectFollowed ends `logs -f` and looks for each release that went live: for
// lines of it, or where its level lets it log nothing, for the word that it is followed.
func expectFollowed(t *testing.T, following *running, live map[string]bool) {
	t.Helper()
	_ = following.cmd.Process.Signal(os.Interrupt)
	logs := following.wait(t, time.Minute)
	seen := map[string]bool{}
	for l := range strings.Lines(logs.out) {
		var line struct{ Release string }
		if err := json.Unmarshal([]byte(l), &line); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		seen[line.Release] = true
	}
	for release := range live {
		if !seen[release] && !strings.Contains(logs.err, release+"-scheduler-1 of scheduler is followed\n") {
			t.Errorf("logs -f does not follow release %s:\n%s", release, logs.err)
		}
	}
	if len(seen) < 2 {
		t.Errorf("logs -f shows lines of %d releases", len(seen))
	}
}

// way is a load by one way to the site.
type way struct {
	name string
	load.Options
}

// under makes a change under load, and holds it to its promise: nothing is lost by any
// way, unless the plan said so before.
func (c change) under(t *testing.T, p project, table *[]string, ways ...way) stack.Report {
	t.Helper()
	c.make(p)
	var loads []*load.Load
	for _, w := range ways {
		loads = append(loads, load.Start(t.Context(), w.Options)) // a test that gives up ends it
	}
	quiet(t, loads...)
	began := time.Now()
	r := p.stackctl(append(c.args, "--output", "json")...)
	took := time.Since(began)
	if c.mend != nil {
		c.mend(p)
	}
	quiet(t, loads...)
	for i, l := range loads {
		seen := l.Stop()
		t.Log(ways[i].name, ": ", seen)
		*table = append(*table, row(ways[i].name, seen, took))
		if seen.Lost > 0 && c.note != lossy {
			t.Errorf("%s: %d requests were lost", ways[i].name, seen.Lost)
		}
		if seen.Slow == 0 || seen.Sent < ways[i].Rate {
			t.Errorf("%s: only %d requests and %d slow ones were sent", ways[i].name, seen.Sent, seen.Slow)
		}
	}
	report := verdict(t, r.out)
	if r.exit != c.exit || c.stays != (report.Live == report.Before) || c.undone != report.RolledBack {
		t.Fatalf("exit code %d, want %d; before %s, live %s, rolled back %t\n%s%s", r.exit, c.exit, report.Before, report.Live, report.RolledBack, report.Reason, r.err)
	}
	notes := strings.Join(report.Plan.Notes, "\n")
	for _, told := range []string{lossy, spare} {
		if strings.Contains(notes, told) != (c.note == told) {
			t.Errorf("the plan announces: %v", report.Plan.Notes)
		}
	}
	return report
}

// quiet lets loads run on an untouched site until slow requests are in flight.
func quiet(t *testing.T, loads ...*load.Load) {
	t.Helper()
	enough := map[*load.Load]int{}
	for _, l := range loads {
		enough[l] = l.Answered() + 2*l.Rate()
	}
	behind := func(l *load.Load) bool { return l.Answered() < enough[l] }
	for deadline := time.Now().Add(30 * time.Second); slices.ContainsFunc(loads, behind); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) { // what the loads saw is told in the end
			t.Error("the site does not answer the load within 30 s")
			return
		}
	}
}

// loadTable is the head of the table that row makes lines of.
var loadTable = []string{"| change | requests | rate | of 5 s | lost | longest gap | p99 | the command took |", "|---|---|---|---|---|---|---|---|"}

func row(name string, seen load.Result, took time.Duration) string {
	return fmt.Sprintf("| %s | %d | %.0f/s | %d | %d | %d ms | %d ms | %.1f s |", name, seen.Sent, seen.Rate(), seen.Slow, seen.Lost,
		seen.Gap.Milliseconds(), seen.P99.Milliseconds(), took.Seconds())
}

// forgetMigration brings the database back to what the repository's own
// migrations make, for the tests that follow on this droplet.
func forgetMigration(t *testing.T) {
	inDroplet(t, `docker exec stack-postgres-1 psql -q -U app -d app -c 'DROP TABLE IF EXISTS load_note; ALTER TABLE users DROP COLUMN IF EXISTS load_note_id; DELETE FROM goose_db_version WHERE version_id = 999'`)
}
