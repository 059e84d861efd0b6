//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// loseSight starts a container and makes the engine forget it, as one does that
// is stopped in the middle of starting it.
const loseSight = `set -e
id=$(docker run -d "$(docker inspect -f '{{.Image}}' stack-redis-1)")
systemctl stop docker.socket docker
rm -r "/var/lib/docker/containers/$id"
systemctl start docker
echo "$id"`

// TestAContainerThatTheEngineHasLostSightOfIsSaidAndEnded lets one run beside the
// site: a deploy says so, provision ends it and nothing else.
func TestAContainerThatTheEngineHasLostSightOfIsSaidAndEnded(t *testing.T) {
	p := ensureGood(t)
	id := strings.TrimSpace(inDroplet(t, loseSight))
	runs := func() bool { return inDroplet(t, "grep -ls docker/"+id+" /proc/[0-9]*/cgroup || true") != "" }
	t.Cleanup(func() {
		inDroplet(t, `for g in $(grep -ls docker/`+id+` /proc/[0-9]*/cgroup); do g=${g#/proc/}; kill -KILL ${g%/cgroup}; done; systemctl reset-failed docker`)
	})
	if !runs() {
		t.Fatal("it does not run")
	}
	const said = "its engine has lost sight of"
	if r := p.must(0, "deploy"); !strings.Contains(r.out, said) || !strings.Contains(r.out, id[:12]) || !strings.Contains(r.out, "stackctl provision") {
		t.Errorf("the deploy does not say so:\n%s", r.out)
	}
	before := inDroplet(t, "docker ps -q --no-trunc | sort")
	if r := p.must(0, "provision"); !strings.Contains(r.out, "end what runs as "+id[:12]) {
		t.Errorf("provision does not say so:\n%s", r.out)
	}
	if runs() {
		t.Error("it still runs")
	}
	if after := inDroplet(t, "docker ps -q --no-trunc | sort"); after != before {
		t.Errorf("other containers were ended: before\n%s\nafter\n%s", before, after)
	}
	if r := p.must(0, "deploy"); strings.Contains(r.out, said) {
		t.Errorf("the deploy after that still says so:\n%s", r.out)
	}
}
