//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
	"stackctl/test/variant"
)

// A fault is what happens to a deploy.
type fault string

const (
	faultKill      fault = "stackctl killed"
	faultCut       fault = "connection ended"
	faultSilence   fault = "connection silent"
	faultInterrupt fault = "Ctrl-C"
	faultRestart   fault = "server rebooted"
	faultPower     fault = "server lost power"
	faultEngine    fault = "engine restarted" // as an update of its package does
	faultReadOnly  fault = "folder read-only" // as a disk with errors becomes
	faultDisk      fault = "disk full"        // only where the disk is small
	faultFiles     fault = "no file more"     // the same
)

var faults = []fault{faultKill, faultInterrupt, faultPower, faultCut, faultRestart, faultSilence, faultEngine, faultReadOnly}

// turn is a point of the short walk: in the first step of a name.
type turn struct {
	fault fault
	name  string
	late  bool
}

// shortWalk is what is walked without FAULTS: before, in and after what cannot be
// taken back.
var shortWalk = []turn{
	{faultInterrupt, "trial", true},
	{faultPower, "migrate", false},
	{faultEngine, "start", true}, // where the most may be lost sight of
	{faultCut, "stop", true},
	{faultKill, "drain", true}, // users are led to what nobody judged
	{faultRestart, "gates post-switch", false},
}

// fills reports whether the fault takes what the server's disk has left.
func (f fault) fills() bool { return f == faultDisk || f == faultFiles }

// down reports whether the fault takes the site with it: an engine that starts makes its
// published ports and rules anew.
func (f fault) down() bool { return f == faultRestart || f == faultPower || f == faultEngine }

// point is one place in a deploy where a fault happens.
type point struct {
	step  int // counted from 0
	name  string
	late  bool
	fault fault
}

func (p point) String() string {
	when := "beginning"
	if p.late {
		when = "towards the end"
	}
	return fmt.Sprintf("%d %s, %s, %s", p.step+1, p.name, when, p.fault)
}

// TestEveryFaultAtEveryStepIsSurvived walks the steps of a deploy of a changed
// image and changed routes. At each, something happens; the site must go on serving (or come back
// by itself after a reboot), and the next deploy must converge.
//
// `make full` takes every fault at the beginning and towards the end of every
// step; without it most kinds have a turn, but not silence, which takes minutes. FAULTS='start.*Ctrl-C' takes the points
// whose names match. FAULTS_LOG names a file that remembers the points: a walk that was ended goes
// on where it was.
func TestEveryFaultAtEveryStepIsSurvived(t *testing.T) {
	newWalk(t).over(faults, shortWalk)
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{p: ensureGood(t), t: t, took: map[string]time.Duration{}, log: readWalkLog(t, os.Getenv("FAULTS_LOG"))}
	w.p.patient()
	w.p.ownImages()
	return w
}

// over walks the points of some faults; short are those of the short walk.
func (w *walk) over(faults []fault, short []turn) {
	t := w.t
	t.Helper()
	began := time.Now()
	planned := w.plan(os.Getenv("FAULTS") != "")
	w.planned = planned
	chosen := choice()
	for _, f := range faults {
		for step, name := range planned {
			for _, late := range []bool{false, true} {
				p := point{step: step, late: late, fault: f, name: name}
				first := slices.Index(planned, name) == step
				if chosen(p, first && slices.Contains(short, turn{f, name, late})) && !w.log.survived(p) {
					w.at(p)
				}
			}
		}
	}
	total := w.log.sum(t, faults)
	t.Logf("all: %d steps, %d points walked, in %.0f s", len(planned), total, time.Since(began).Seconds())
	if total == 0 {
		t.Error("nothing was walked")
	}
}

// walk is a walk over the steps of deploys.
type walk struct {
	t       *testing.T
	p       project
	changes int
	planned []string // the steps of each deploy
	// took is how long each step took last, by name.
	took map[string]time.Duration
	log  *walkLog
}

// choice returns which points are taken; short is whether one is of the short walk.
func choice() func(p fmt.Stringer, short bool) bool {
	switch want := os.Getenv("FAULTS"); want {
	case "", "1":
		return func(_ fmt.Stringer, short bool) bool { return short }
	case "full":
		return func(fmt.Stringer, bool) bool { return true }
	default:
		names := regexp.MustCompile(want)
		return func(p fmt.Stringer, _ bool) bool { return names.MatchString(p.String()) }
	}
}

// ownImages gives a project image archives of its own, to change.
func (p project) ownImages() {
	p.t.Helper()
	images := filepath.Join(p.root, "build", "images")
	if err := os.Remove(images); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Mkdir(images, 0o700); err != nil {
		p.t.Fatal(err)
	}
	archives, err := filepath.Glob(filepath.Join(repo, "build", "images", "*.tar"))
	if err != nil || len(archives) == 0 {
		p.t.Fatalf("no image archives: %v", err)
	}
	for _, a := range archives {
		if err := os.Symlink(a, filepath.Join(images, filepath.Base(a))); err != nil {
			p.t.Fatal(err)
		}
	}
}

// changeImage makes the project's application an image that nobody has seen.
func (p project) changeImage() {
	p.t.Helper()
	to := filepath.Join(p.root, "build", "images", "server.tar")
	if err := os.Remove(to); err != nil {
		p.t.Fatal(err)
	}
	if err := variant.Image(filepath.Join(repo, "build", "images", "server.tar"), to, variant.Tag); err != nil {
		p.t.Fatal(err)
	}
}

// change makes a release that nobody has seen: another image, other routes.
func (w *walk) change() {
	w.p.t.Helper()
	w.p.changeImage()
	w.changes++
	routes := read(w.p.t, filepath.Join(repo, "traefik", "dynamic", "routes.yml"))
	w.p.write("traefik/dynamic/routes.yml", strings.Replace(routes, "initialInterval: 50ms", fmt.Sprintf("initialInterval: %dms", 50+w.changes), 1))
}

// plan names the steps that a deploy of a changed image will take. One is made
// before, to learn how long they take; where a release must be pruned, as many as
// that needs.
func (w *walk) plan(pruning bool) (names []string) {
	w.t.Helper()
	for range 10 {
		w.change()
		w.learn(w.p.must(0, "deploy", "--output", "json"))
		w.change()
		r := w.p.must(0, "plan", "--output", "json")
		names = nil
		for _, s := range verdict(w.t, r.out).Plan.Steps {
			names = append(names, stepName(s))
		}
		if !pruning || slices.Contains(names, string(stack.StepPrune)) {
			return names
		}
	}
	w.t.Fatalf("no release is ever pruned: %v", names)
	return nil
}

// learn remembers how long the steps of a deploy took.
func (w *walk) learn(r result) stack.Report {
	w.t.Helper()
	report := verdict(w.t, r.out)
	for _, s := range report.Steps {
		w.took[stepName(s.Step)] = s.Took
	}
	return report
}

// verdict is the report that ends a run's JSON.
func verdict(t *testing.T, out string) stack.Report {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		var e stack.Event
		if err := json.Unmarshal([]byte(lines[i]), &e); err == nil && e.Report != nil {
			return *e.Report
		}
	}
	t.Fatalf("no report: %s", out)
	return stack.Report{}
}

func stepName(s stack.Step) string { return strings.TrimSpace(string(s.Kind) + " " + string(s.Phase)) }

// at lets one fault happen in one deploy and sees what comes of it.
func (w *walk) at(p point) {
	w.t.Run(p.String(), func(t *testing.T) {
		began := time.Now()
		defer func() { w.log.add(t, p, !t.Failed(), time.Since(began)) }()
		w.p.t = t
		w.change()
		visitors := watch(t)
		if p.fault.fills() {
			t.Cleanup(func() { heal(t, on(t).Container, p.fault) }) // also where the deploy did not end
		}
		d := w.deploy(t, p)
		switch {
		case p.fault.fills():
			d.judgeFull(t, p.fault)
		default:
			d.judge(t, p)
		}
		heal(t, on(t).Container, p.fault)
		if p.fault.down() {
			_ = visitors.Stop()
			until(t, 2*time.Minute, "the site comes back by itself", func() bool { return serves(t, client(t)) })
			visitors = watch(t)
		}
		d.agree(t, w)
		r := w.p.stackctl("deploy", "--lock-wait", "60s", "--output", "json")
		if p.fault == faultEngine && r.exit != 0 && strings.Contains(r.out, "its engine has lost sight of") {
			t.Log("the engine lost a container: provision, and once more")
			w.p.must(0, "provision")
			r = w.p.stackctl("deploy", "--output", "json")
		}
		if seen := visitors.Stop(); seen.Lost > 0 || seen.Sent == 0 {
			t.Errorf("visitors: %s", seen)
		}
		if r.exit != 0 {
			t.Errorf("the next deploy: exit code %d\n%s%s", r.exit, r.out, r.err)
		} else if report := w.learn(r); report.Live != report.Release {
			t.Errorf("after the next deploy %s is live, not %s", report.Live, report.Release)
		}
		defer func() {
			if t.Failed() {
				t.Logf("the deploy:\n%sthe next one:\n%s", story(d.events.String()), story(r.out))
			}
		}()
		if left := strings.Fields(inDroplet(t, runningReleases)); len(left) != 1 {
			t.Errorf("releases that run: %v", left)
		}
	})
	w.p.t = w.t
}

// runningReleases asks each container itself: an engine whose disk was full lists
// what has ended as running.
const runningReleases = `docker ps -q --filter label=dev.stackctl.layer=app |
xargs -r docker inspect -f '{{if .State.Running}}{{index .Config.Labels "dev.stackctl.release"}}{{end}}' | sort -u`

// faulted is a deploy that something happened to.
type faulted struct {
	cmd    *exec.Cmd
	events bytes.Buffer
	errs   bytes.Buffer
	last   stack.Event
	struck bool
}

// story leaves out of a run's events what moved, and what gates found at length.
func story(events string) string {
	var out strings.Builder
	for line := range strings.Lines(events) {
		if !strings.Contains(line, `"kind":"`+string(stack.EventProgress)+`"`) {
			out.WriteString(line[:min(len(line), 400)] + "\n")
		}
	}
	return out.String()
}

// said is what the deploy said until it ended.
func (d *faulted) said() string { return d.events.String() + d.errs.String() }

// deploy starts a deploy and lets the fault happen when the point is reached.
func (w *walk) deploy(t *testing.T, p point) *faulted {
	t.Helper()
	d := &faulted{cmd: exec.Command(binary, "deploy", "--output", "json")}
	d.cmd.Dir, d.cmd.Env, d.cmd.Stderr = w.p.root, append(os.Environ(), "CI=true"), &d.errs
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	give := time.AfterFunc(3*time.Minute, func() { _ = d.cmd.Process.Kill() })
	began := time.Now()
	w.follow(t, p, d, out)
	_ = d.cmd.Wait()
	ran(t, "deploy", time.Since(began))
	if !give.Stop() {
		t.Fatalf("the deploy did not end\n%s", d.said())
	}
	if !d.struck {
		t.Fatalf("the deploy ended before the fault: exit code %d\n%s", d.cmd.ProcessState.ExitCode(), d.said())
	}
	return d
}

// follow reads the events and strikes once: when the step begins, or when most
// of the time has passed that it took the last time. One that never ran to its end strikes when it ends.
func (w *walk) follow(t *testing.T, p point, d *faulted, out io.Reader) {
	var once sync.Once
	strike := func() {
		once.Do(func() { d.struck = true; strike(t, on(t).Container, p.fault, d.cmd) })
	}
	in := bufio.NewScanner(out)
	in.Buffer(nil, 64<<20)
	at := -1
	for in.Scan() {
		d.events.Write(append(in.Bytes(), '\n'))
		var e stack.Event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			t.Errorf("%v: %s", err, in.Text())
			continue
		}
		if e.Report != nil {
			d.last = e
		}
		switch {
		case e.Kind == stack.EventStep && e.Step != nil:
			at = int(e.Done) - 1
			if name := stepName(*e.Step); !d.struck && at < len(w.planned) && name != w.planned[at] {
				t.Errorf("step %d is %s, the plan said %v", at+1, name, w.planned)
			}
			if at == p.step && !p.late {
				strike()
			} else if took, known := w.took[stepName(*e.Step)]; at == p.step && known {
				time.AfterFunc(took*8/10, strike)
			}
		case e.Kind == stack.EventDone && e.Step != nil:
			w.took[stepName(*e.Step)] = e.Took
			if at == p.step {
				strike()
			}
		}
	}
	once.Do(func() {}) // a timer that is still set strikes nobody
}
