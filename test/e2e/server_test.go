//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/sandbox"
)

// domain is the site's on every droplet.
const domain = "stack.localhost"

// server is a droplet, and what the tests on it share.
type server struct {
	sandbox.State
	secrets     string    // one folder: the database keeps its password
	provisioned sync.Once // makes the droplet ready
	up          sync.Once
	failed      error // why it is not up
}

// taken are the servers that tests have, by the test's name.
var taken sync.Map

// on returns the server that a test has to itself until it ends. The first call
// waits for one that is free, beside other tests; subtests share their test's.
func on(t *testing.T) *server {
	t.Helper()
	name, _, sub := strings.Cut(t.Name(), "/")
	if s, ok := taken.Load(name); ok {
		return s.(*server)
	}
	if sub {
		t.Fatal("a test asks for its server before its subtests do")
	}
	s := besides(t)
	taken.Store(name, s)
	t.Cleanup(func() { taken.Delete(name) })
	return s.running(t)
}

// exclusive gives a server to a test that shares the machine with no other, as
// one that loads it must: those run one after the other, when all that share have ended.
func exclusive(t *testing.T) {
	t.Helper()
	if !slices.Contains(heavy, t.Name()) {
		t.Fatal("a test that runs alone is not listed in queue_test.go")
	}
	s := inTurn(t, servers)
	taken.Store(t.Name(), s)
	t.Cleanup(func() { taken.Delete(t.Name()) })
	s.running(t)
}

// bare starts a server of its own for a test of another project, since ports 80
// and 443 of the others are taken. It waits for a turn like any other test.
func bare(t *testing.T) *server {
	t.Helper()
	besides(t)
	s := &server{}
	taken.Store(t.Name(), s)
	t.Cleanup(func() {
		taken.Delete(t.Name())
		if os.Getenv("E2E_KEEP") == "" && s.failed == nil {
			s.down(t)
		}
	})
	return s.running(t)
}

// besides waits until a test may run beside others, and returns a server that
// may not be up.
func besides(t *testing.T) *server {
	t.Helper()
	return inTurn(t, 1)
}

// inTurn waits for a test's turn, and until so many servers are free.
func inTurn(t *testing.T, free int) *server {
	t.Helper()
	queue.join(t.Name())
	t.Parallel()
	s := queue.take(t.Name(), free)
	t.Cleanup(func() { queue.give(s) })
	holding(t)
	return s
}

// guests are the tests that only visit the site, all at the same time.
var guests struct {
	sync.Mutex
	left            int
	arrive, welcome sync.Once
	at              *server
}

// visiting sets up a server that serves the site for a test that changes nothing of it,
// beside all others that do so.
func visiting(t *testing.T) {
	t.Helper()
	guests.Lock()
	if guests.left++; guests.left == 1 {
		queue.join(visitors)
	}
	guests.Unlock()
	t.Parallel()
	guests.arrive.Do(func() { guests.at = queue.take(visitors, 1) })
	taken.Store(t.Name(), guests.at)
	t.Cleanup(func() {
		taken.Delete(t.Name())
		guests.Lock()
		defer guests.Unlock()
		if guests.left--; guests.left == 0 {
			queue.give(guests.at)
		}
	})
	holding(t)
	guests.at.running(t)
	guests.welcome.Do(func() { ensureServing(t) })
}

// running returns the server once it is up.
func (s *server) running(t *testing.T) *server {
	t.Helper()
	s.up.Do(func() { s.failed = s.start(t) })
	if s.failed != nil {
		t.Fatalf("make a droplet: %v", s.failed)
	}
	return s
}

// sandboxes is the name that the droplets of this run begin with: two checkouts
// on one machine need two.
func sandboxes() string { return cmp.Or(os.Getenv("E2E_NAME"), "e2e") }

// ready is the image of a droplet that was provisioned, by its ID. Those that are
// made later begin there: what provision finds is all but done.
var ready struct {
	sync.Mutex
	image string
}

// keep makes the image of a droplet that has just been provisioned.
func (s *server) keep(t *testing.T) {
	t.Helper()
	ready.Lock()
	defer ready.Unlock()
	if ready.image == "" {
		// One that a run has left which was killed; another checkout may be pruning just now.
		_ = exec.Command("docker", "image", "prune", "-f", "--filter", "label=dev.stackctl.sandbox="+s.Name).Run()
		ready.image = strings.TrimSpace(onHost(t, "docker", "commit", s.Container))
	}
}

func image() string {
	ready.Lock()
	defer ready.Unlock()
	return ready.image
}

// made counts the droplets that were started, and has the folders of those that
// are to be taken down in the end.
var made struct {
	sync.Mutex
	count int
	dirs  []string
}

func (s *server) start(t *testing.T) (err error) {
	made.Lock()
	made.count++
	n := made.count
	dir := filepath.Join(repo, "build", "e2e", fmt.Sprint(n))
	made.dirs = append(made.dirs, dir)
	made.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	s.secrets = filepath.Join(dir, "secrets")
	options := sandbox.Options{Dir: filepath.Join(dir, "sandbox"), Name: fmt.Sprintf("%s-%d", sandboxes(), n),
		Images: archives, Image: image(), Domain: domain, Private: true, Progress: func(line string) { t.Log(line) }}
	if s.State, err = sandbox.Up(ctx, options); err != nil {
		return err
	}
	// A run of another checkout that was killed leaves its droplet, whose database
	// has a password that nobody knows here.
	if _, err := os.Stat(s.secrets); err != nil && !s.Fresh {
		if err := sandbox.Down(ctx, options.Dir, false); err != nil {
			return err
		}
		if s.State, err = sandbox.Up(ctx, options); err != nil {
			return err
		}
	}
	if s.Fresh {
		if err := os.RemoveAll(s.secrets); err != nil {
			return err
		}
	}
	return os.MkdirAll(s.secrets, 0o700)
}

// down takes a droplet down that no other test will ask for.
func (s *server) down(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := sandbox.Down(ctx, s.Dir, false); err != nil {
		t.Errorf("take the droplet down: %v", err)
		return
	}
	made.Lock()
	defer made.Unlock()
	made.dirs = slices.DeleteFunc(made.dirs, func(dir string) bool { return filepath.Join(dir, "sandbox") == s.Dir })
}

// downAll takes the droplets down that are still there, and their image.
func downAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var errs []error
	for _, dir := range made.dirs {
		errs = append(errs, sandbox.Down(ctx, filepath.Join(dir, "sandbox"), false))
	}
	if ready.image != "" {
		errs = append(errs, exec.CommandContext(ctx, "docker", "rmi", ready.image).Run())
	}
	return errors.Join(errs...)
}
