//go:build e2e

package e2e

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
	"stackctl/test/load"
)

// starved is the CPU that a droplet is left with, in cores.
const starved = "0.2"

// TestAnOverloadedSiteIsSlowAndNotDead takes the CPU away under 200 requests a
// second: each of them is answered, late or with 503 and Retry-After, nothing is
// started anew, and a plan says that the server is slow. A deploy that follows
// leaves the edge alone.
func TestAnOverloadedSiteIsSlowAndNotDead(t *testing.T) {
	if os.Getenv("FAULTS") == "" {
		t.Skip("it is part of make full")
	}
	exclusive(t)
	p := ensureGood(t)
	before := upSince(t)
	feed := starve(t)
	slow := p.must(0, "plan")
	feed()
	if !regexp.MustCompile("the server is overloaded|the line or the server is slow").MatchString(slow.out) {
		t.Errorf("the plan does not say so:\n%s", slow.out)
	}
	c := client(t)
	until(t, time.Minute, "the site is as before", func() bool { return serves(t, c) })
	after := upSince(t)
	for name, since := range before {
		if now := after[name]; now != since {
			t.Errorf("%s: %s, before: %s", name, now, since)
		}
	}
	r := p.must(0, "deploy", "--output", "json")
	for _, s := range verdict(t, r.out).Plan.Steps {
		if s.Kind == stack.StepEdge {
			t.Errorf("the edge was touched: %s", s)
		}
	}
}

// starve loads the site and takes its CPU away meanwhile. The load has ended when
// it returns; the CPU comes back with feed.
func starve(t *testing.T) (feed func()) {
	t.Helper()
	const lasting = time.Minute
	patient := site(t)
	patient.Patience = 4 * time.Minute
	visitor, err := patient.SignUp(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cores := strings.TrimSpace(onHost(t, "docker", "info", "-f", "{{.NCPU}}"))
	feed = func() { onHost(t, "docker", "update", "--cpus", cores, on(t).Container) }
	t.Cleanup(feed)
	l := load.Start(t.Context(), visitor.Options(rate))
	quiet(t, l)
	onHost(t, "docker", "update", "--cpus", starved, on(t).Container)
	<-time.After(lasting) // how long it is starved, not a wait for anything
	seen := l.Stop()
	t.Log(seen)
	if seen.Lost > seen.Busy {
		t.Errorf("%d requests were lost", seen.Lost-seen.Busy)
	}
	if seen.Lost == seen.Sent+seen.Slow {
		t.Error("nobody was answered well")
	}
	return feed
}

// upSince is when each container that runs was started and how often the engine
// restarted it, by name.
func upSince(t *testing.T) map[string]string {
	t.Helper()
	up := map[string]string{}
	for line := range strings.Lines(inDroplet(t, "docker inspect -f '{{.Name}} {{.State.StartedAt}}, {{.RestartCount}} restarts' $(docker ps -q)")) {
		name, since, _ := strings.Cut(strings.TrimSpace(line), " ")
		up[name] = since
	}
	return up
}
