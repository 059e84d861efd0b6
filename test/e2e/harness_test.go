//go:build e2e

// Package e2e proves stackctl on real parts: a droplet with systemd, sshd and a
// Docker Engine of its own, a real Traefik, a real ACME server, the real
// application. Each test states one obligation in its name.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// The parts that every test shares; TestMain makes them.
var (
	repo   string // the repository's root
	binary string // stackctl as it is released
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		err := prepare()
		if err == nil {
			// The servers bound how many tests run at a time; all others wait in the queue.
			flag.Parse()
			err = flag.Set("test.parallel", "1000")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "prepare:", err)
			return 1
		}
		defer func() {
			if os.Getenv("E2E_KEEP") != "" {
				return
			}
			if err := downAll(); err != nil {
				fmt.Fprintln(os.Stderr, "take the droplets down:", err)
			}
		}()
		defer func() {
			if err := writeLedger(filepath.Join(repo, "build", "e2e-costs.txt")); err != nil {
				fmt.Fprintln(os.Stderr, "write what each test costs:", err)
			}
		}()
		go queue.watch()
		return m.Run()
	}())
}

func prepare() error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	repo = filepath.Dir(filepath.Dir(wd))
	binary = filepath.Join(repo, "build", "stackctl")
	for _, needed := range []string{binary, filepath.Join(repo, "build", "images", "server.tar"), filepath.Join(repo, "build", "sandbox", "droplet.tar"), filepath.Join(repo, "build", "projects", "shop.tar"), filepath.Join(repo, "build", "projects", "nginx.tar")} {
		if _, err := os.Stat(needed); err != nil {
			return fmt.Errorf("%w; run `make build images` first", err)
		}
	}
	archives, err = chooseArchives()
	return err
}

// project is a checkout of the stack that a test may break.
type project struct {
	t    *testing.T
	root string
	env  []string // of stackctl, beside this process's
	// under is what runs stackctl, and which; nil: the one that is released here.
	under []string
}

// briefly has a deploy wait no longer than the visitors of most tests take for what
// is on its way to the old release.
const briefly = "STACKCTL_TIMEOUTS_DRAIN=2s"

// patient has the project's deploys wait as long as those of an operator.
func (p *project) patient() {
	p.env = slices.DeleteFunc(p.env, func(v string) bool { return v == briefly })
}

// shipped are the paths of the repository that an operator's project holds.
var shipped = []string{"stackctl.yaml", ".env.example", "compose", "traefik", "pkg/contract/openapi.yaml", "docs/stack-overview.md"}

func newProject(t *testing.T) project {
	t.Helper()
	p := project{t: t, root: t.TempDir(), env: []string{briefly}}
	for _, name := range shipped {
		copyTree(t, filepath.Join(repo, name), filepath.Join(p.root, name))
	}
	// The site allows an address so many sign-ups: only runs with --all-tests make one.
	p.write(".stackctl/sandbox/target.yaml", strings.Replace(read(t, on(t).Target()), "mutate: true", "mutate: false", 1))
	if err := os.Symlink(on(t).secrets, filepath.Join(p.root, "secrets")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p.root, "build"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(repo, "build", "images"), filepath.Join(p.root, "build", "images")); err != nil {
		t.Fatal(err)
	}
	p.must(0, "init", "--secrets")
	return p
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (p project) write(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// edit replaces text in a file; text that is not there fails the test.
func (p project) edit(name, from, to string) {
	p.t.Helper()
	text := read(p.t, filepath.Join(p.root, name))
	if !strings.Contains(text, from) {
		p.t.Fatalf("%s does not hold %q", name, from)
	}
	p.write(name, strings.Replace(text, from, to, 1))
}

// result is what one run of stackctl left.
type result struct {
	exit     int
	out, err string
}

// running is a stackctl that has not ended.
type running struct {
	cmd      *exec.Cmd
	verb     string
	began    time.Time
	out, err bytes.Buffer
}

func (p project) start(args ...string) *running { return p.startWith("", args...) }

// with runs stackctl with an input.
func (p project) with(input string, args ...string) result {
	p.t.Helper()
	return p.startWith(input, args...).wait(p.t, 10*time.Minute)
}

func (p project) startWith(input string, args ...string) *running {
	p.t.Helper()
	argv := append(slices.Clone(p.under), args...)
	if p.under == nil {
		argv = append([]string{binary}, args...)
	}
	r := &running{cmd: exec.Command(argv[0], argv[1:]...), verb: args[0], began: time.Now()}
	r.cmd.Stdin = strings.NewReader(input)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = p.root, &r.out, &r.err
	r.cmd.Env = append(append(os.Environ(), "CI=true"), p.env...)
	if err := r.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (r *running) wait(t *testing.T, limit time.Duration) result {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(limit):
		_ = r.cmd.Process.Signal(syscall.SIGKILL)
		<-done
		t.Fatalf("stackctl did not end within %s\n%s%s", limit, r.out.String(), r.err.String())
	}
	ran(t, r.verb, time.Since(r.began))
	return result{r.cmd.ProcessState.ExitCode(), r.out.String(), r.err.String()}
}

func (p project) stackctl(args ...string) result {
	p.t.Helper()
	return p.start(args...).wait(p.t, 10*time.Minute)
}

// must runs stackctl and fails the test where it ends otherwise.
func (p project) must(exit int, args ...string) result {
	p.t.Helper()
	r := p.stackctl(args...)
	if r.exit != exit {
		p.t.Fatalf("stackctl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.exit, exit, r.out, r.err)
	}
	return r
}

// lastRun is the folder of the evidence that was written last. Its name tells the
// second, in which more than one run may begin.
func (p project) lastRun() string {
	p.t.Helper()
	logs, err := filepath.Glob(filepath.Join(p.root, "artifacts", "*", "run.jsonl"))
	if err != nil || len(logs) == 0 {
		p.t.Fatalf("no evidence: %v", err)
	}
	written := func(file string) time.Time {
		info, err := os.Stat(file)
		if err != nil {
			p.t.Fatal(err)
		}
		return info.ModTime()
	}
	return filepath.Dir(slices.MaxFunc(logs, func(a, b string) int { return written(a).Compare(written(b)) }))
}

func (p project) report() stack.Report {
	p.t.Helper()
	var r stack.Report
	if err := json.Unmarshal([]byte(read(p.t, filepath.Join(p.lastRun(), "report.json"))), &r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// provision makes the droplet ready, once. Before that a deploy must say what
// the server lacks.
func (p project) provision() {
	p.t.Helper()
	on(p.t).provisioned.Do(func() {
		if !strings.Contains(onDroplet(p.t, "id deploy 2>/dev/null || true"), "uid=") {
			if r := p.must(3, "deploy"); !strings.Contains(r.out, "stackctl provision") {
				p.t.Errorf("it does not say what to do:\n%s", r.out)
			}
		}
		p.must(0, "provision")
		on(p.t).keep(p.t)
	})
}

// ensureGood makes sure that the release of the unchanged stack serves. It is
// deployed where a plan finds that anything is not as it should be.
func ensureGood(t *testing.T) project {
	t.Helper()
	p := newProject(t)
	p.provision()
	if p.current() {
		return p
	}
	if r := p.stackctl("deploy"); r.exit != 0 {
		warned := onDroplet(t, `for c in $(docker ps -q); do docker logs --since 3m $c 2>&1 | grep -E '"level":"(WARN|ERROR)"' | tail -n 5; done`)
		t.Fatalf("the good stack does not deploy: exit code %d\n%s%s\nIts containers warn\n%s", r.exit, r.out, r.err, warned)
	}
	return p
}

// current reports whether the project's release is live and a deploy would change nothing.
func (p project) current() bool {
	p.t.Helper()
	r := p.stackctl("plan", "--output", "json")
	if r.exit != 0 {
		return false
	}
	report := verdict(p.t, r.out)
	return report.Live == report.Release && !slices.ContainsFunc(report.Plan.Steps, moves)
}

// moves reports whether a step does more than judge what is there.
func moves(s stack.Step) bool {
	return s.Kind != stack.StepGates && s.Kind != stack.StepCommit && s.Kind != stack.StepPrune
}

// onDroplet runs a command as root on the droplet, past stackctl.
func onDroplet(t *testing.T, command string) string {
	t.Helper()
	argv := on(t).SSH("root", command)
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// until polls a condition with a deadline.
func until(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, limit)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func discard(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
