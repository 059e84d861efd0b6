//go:build e2e

package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// servers is how many droplets the tests share, and steady how many of them have a
// test whatever else the machine does: deploys wait more than they compute, but three
// at all times drove the load of two cores to 70, where a restore took minutes.
const servers, steady = 3, 2

// longest are the tests that begin before all others, the longest first, so
// that none of them runs by itself in the end.
var longest = []string{
	"TestEveryFaultAtEveryStepIsSurvived", // it leaves the image of a droplet that is ready
	"TestProvisioningHoldsAgainstWhatHappensToServers",
	"TestATeamsProjectIsDeployedFromItsComposeFile",
	"TestAReleaseRunsOnThreeServers",
	"TestNewNamesAreRehearsedBeforeAPublicAuthorityIsAsked",
	"TestOddServersEndWell",
	"TestTwoProjectsShareAServer",
	"TestAFullDiskAtEveryStepIsSurvived",
	"TestProjectOfStaticPagesBehindItsNginx",
	"TestProjectOfWorkersWithoutAPage",
	"TestPeopleCanUseTheSiteInABrowser",
	"TestWhatIsDoneByHandIsSetRightAndStrangersAreLeftAlone",
	visitors,
}

// visitors is what the tests that only visit the site are called in the queue: they share a server.
const visitors = "visitors"

// heavy are the tests that load the machine, which run when all others have ended.
var heavy = []string{"TestNoRequestIsLostWhileReleasesChange", "TestAnOverloadedSiteIsSlowAndNotDead"}

// turns hands servers out, one to a test at a time.
type turns struct {
	lock    sync.Mutex
	changed *sync.Cond
	waiting []string // names of tests, in the order in which they begin
	free    []*server
	idle    bool // cores idled lately, and nobody began since
}

var queue = newTurns()

func newTurns() *turns {
	q := &turns{}
	q.changed = sync.NewCond(&q.lock)
	for range servers {
		q.free = append(q.free, &server{})
	}
	return q
}

// join puts a test into the queue. Tests that run beside others join before any
// of them runs, so that the order is known when the first server is taken.
func (q *turns) join(name string) {
	q.lock.Lock()
	defer q.lock.Unlock()
	at := slices.IndexFunc(q.waiting, func(other string) bool { return rank(name) < rank(other) })
	if at < 0 {
		at = len(q.waiting)
	}
	q.waiting = slices.Insert(q.waiting, at, name)
}

func rank(name string) int {
	if slices.Contains(heavy, name) {
		return len(longest) + 1
	}
	if i := slices.Index(longest, name); i >= 0 {
		return i
	}
	return len(longest)
}

// take waits until the test is first in the queue and so many servers are free, of
// which it gets one. One that needs all runs alone: who comes after it waits.
func (q *turns) take(name string, free int) *server {
	q.lock.Lock()
	defer q.lock.Unlock()
	for len(q.free) < free || q.waiting[0] != name || servers-len(q.free) >= steady && !q.idle {
		q.changed.Wait()
	}
	s := q.free[0]
	q.free, q.waiting, q.idle = q.free[1:], q.waiting[1:], false
	q.changed.Broadcast()
	return s
}

func (q *turns) give(s *server) {
	q.lock.Lock()
	defer q.lock.Unlock()
	// The one that was used last is taken next: a single test needs one droplet.
	q.free = slices.Insert(q.free, 0, s)
	q.changed.Broadcast()
}

// watch looks every ten seconds whether a third of the machine idles, for as long
// as tests run.
func (q *turns) watch() {
	idle, all := spent()
	for range time.Tick(10 * time.Second) {
		idleNow, allNow := spent()
		q.lock.Lock()
		q.idle = 3*(idleNow-idle) > allNow-all
		q.lock.Unlock()
		q.changed.Broadcast()
		idle, all = idleNow, allNow
	}
}

// spent is the time that all cores have spent idle, and altogether, by /proc/stat (proc(5)).
func spent() (idle, all int) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0 // not Linux: no test begins beside the steady ones
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	for i, field := range strings.Fields(line)[1:] {
		ticks, _ := strconv.Atoi(field) // a number, by proc(5)
		if all += ticks; i == 3 || i == 4 {
			idle += ticks
		}
	}
	return idle, all
}

func TestAFurtherTestBeginsWhereCoresIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, began := newTurns(), make(chan string, 9)
		for _, name := range []string{heavy[0], "first", "second", "third"} {
			q.join(name)
		}
		taken := map[string]*server{}
		begin := func(name string, free int) {
			go func() {
				taken[name] = q.take(name, free)
				began <- name
			}()
			synctest.Wait()
		}
		expect := func(want int) {
			t.Helper()
			if synctest.Wait(); len(began) != want {
				t.Fatalf("%d tests have begun, want %d", len(began), want)
			}
		}
		begin(heavy[0], servers)
		begin("first", 1)
		begin("second", 1)
		begin("third", 1)
		expect(steady)
		q.lock.Lock()
		q.idle = true
		q.lock.Unlock()
		q.changed.Broadcast()
		expect(steady + 1)
		for _, name := range []string{"first", "second"} {
			q.give(taken[name])
			expect(steady + 1) // the one that runs alone waits for the third
		}
		q.give(taken["third"])
		expect(steady + 2)
	})
}
