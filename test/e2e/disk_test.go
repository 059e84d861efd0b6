//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// room and moreFiles are what a droplet's small disk has left when a walk begins:
// two releases' images, in MB, and what must stay free.
const (
	room      = 900
	moreFiles = 20000
)

// atRest does something while no container runs: the engine alone would leave
// them running when it stops.
const atRest = `set -e
docker ps -q | xargs docker stop
systemctl stop docker.socket docker
%s
systemctl start docker
docker start %s`

// smallDisk puts what a server keeps onto a small disk of its own until the
// test ends; then the server is as it was before.
func smallDisk(t *testing.T) {
	t.Helper()
	running := strings.Join(strings.Fields(inDroplet(t, "docker ps -q")), " ")
	inDroplet(t, fmt.Sprintf(atRest, fmt.Sprintf(`used=$(du -smc /var/lib/docker /srv/stack | tail -n1 | cut -f1)
files=$(du -sc --inodes /var/lib/docker /srv/stack | tail -n1 | cut -f1)
mkdir -p /small && mount -t tmpfs -o size=$((used + %d))m,nr_inodes=$((files + %d)) tmpfs /small
for d in /var/lib/docker /srv/stack; do
  mkdir -p /small$d && cp -a $d/. /small$d && mount --bind /small$d $d
done`, room, moreFiles), running))
	t.Cleanup(func() {
		inDroplet(t, fmt.Sprintf(atRest, "umount /var/lib/docker /srv/stack && umount /small && rmdir /small", running))
		until(t, 2*time.Minute, "the site is back on its own disk", func() bool { return serves(t, client(t)) && settled(t) })
	})
	until(t, 2*time.Minute, "the site is back on a small disk", func() bool { return serves(t, client(t)) && settled(t) })
}

// settled reports whether every container that has a health check has passed it: a
// site serves before that, but a plan waits for what is still starting.
func settled(t *testing.T) bool {
	t.Helper()
	return inDroplet(t, "docker ps -q --filter health=starting --filter health=unhealthy") == ""
}

// fill leaves not a byte of the small disk, fillFiles no file more. Both end when
// it is full: what is kept for the way back is not theirs.
const (
	fill      = `cat /dev/zero >/small/filler 2>/dev/null; df --output=avail /small | tail -n1`
	fillFiles = `mkdir /small/many && cd /small/many && n=0 && while touch $(seq $n $((n + 199))) 2>/dev/null; do n=$((n + 200)); done; df --output=iavail /small | tail -n1`
)

// TestAFullDiskAtEveryStepIsSurvived lets the server's disk get full, of bytes or
// of files, at the beginning or towards the end of a step: what served serves on,
// the deploy says what to free, and once that is done the next one converges.
// FAULTS takes all points, as for the other faults.
func TestAFullDiskAtEveryStepIsSurvived(t *testing.T) {
	w := newWalk(t)
	smallDisk(t)
	w.over([]fault{faultDisk, faultFiles}, []turn{{faultDisk, "start", false}, {faultFiles, "drain", false}})
}

// judgeFull sees how a deploy ended whose server's disk was full.
func (d *faulted) judgeFull(t *testing.T, f fault) {
	t.Helper()
	remedy := map[fault]string{faultDisk: "free space", faultFiles: "remove files"}[f]
	exit, r := d.cmd.ProcessState.ExitCode(), d.last.Report
	if exit == 0 {
		t.Log("the deploy needed no more room")
		return
	}
	// Gates find what a full disk does to the site; all else is a step that failed.
	if r == nil || exit != 4 && exit != 1 && exit != 5 {
		t.Fatalf("exit code %d\n%s", exit, d.said())
	}
	if !strings.Contains(r.Reason, "is full") || !strings.Contains(r.Fix, remedy) || r.Live != r.Before || r.Live == "" {
		t.Errorf("live %s, before %s: %s; %s", r.Live, r.Before, r.Reason, r.Fix)
	}
	if strings.Contains(r.Reason, "and then") {
		t.Errorf("the way back was barred: %s", r.Reason)
	}
}
