//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
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
// one that loads it must: those run one after the other, before all that share.
func exclusive(t *testing.T) {
	t.Helper()
	s := queue.first()
	taken.Store(t.Name(), s)
	t.Cleanup(func() {
		taken.Delete(t.Name())
		queue.give(s)
	})
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
	queue.join(t.Name())
	t.Parallel()
	s := queue.take(t.Name())
	t.Cleanup(func() { queue.give(s) })
	return s
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
		Images: archives, Domain: domain, Private: true, Progress: func(line string) { t.Log(line) }}
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

// downAll takes the droplets down that are still there.
func downAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var errs []error
	for _, dir := range made.dirs {
		errs = append(errs, sandbox.Down(ctx, filepath.Join(dir, "sandbox"), false))
	}
	return errors.Join(errs...)
}
