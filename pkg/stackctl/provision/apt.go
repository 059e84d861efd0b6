package provision

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// aptPatience is how long another process may hold apt's locks.
const aptPatience = 10 * time.Minute

// aptEnv keeps every package from asking and from restarting what it likes.
var aptEnv = []string{"env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1", "LC_ALL=C"}

// apt installs packages without those that they only recommend. Configuration
// files that somebody changed stay as they are.
func (w work) apt(ctx context.Context, a Apt) error {
	if a.Repair {
		w.note("finishing an interrupted installation")
		if err := w.locked(ctx, append(aptEnv, "dpkg", "--configure", "-a", "--force-confdef", "--force-confold")); err != nil {
			return err
		}
		if err := w.locked(ctx, append(aptEnv, "apt-get", "install", "-y", "--fix-broken")); err != nil {
			return err
		}
	}
	if a.Refresh {
		w.note("fetching the package index")
		if err := w.locked(ctx, append(aptEnv, "apt-get", "update", "-o", "Acquire::Retries=3")); err != nil {
			return err
		}
	}
	if len(a.Packages) == 0 {
		return nil
	}
	argv := append(aptEnv, "apt-get", "install", "-y", "--no-install-recommends",
		"-o", "DPkg::Lock::Timeout=5", "-o", "Acquire::Retries=3",
		"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", "--")
	return w.locked(ctx, append(argv, a.Packages...))
}

// locked runs a command of apt's, and waits while another process holds a lock.
func (w work) locked(ctx context.Context, argv []string) error {
	give := time.Now().Add(aptPatience)
	for {
		var stderr tail
		exit, err := w.conn.Stream(ctx, &lines{each: w.note}, &stderr, w.argv(argv)...)
		if err != nil {
			return fmt.Errorf("%s: %w", w.what(), err)
		}
		said := stderr.text()
		switch {
		case exit == 0:
			return nil
		case !lockHeld(said):
			return stack.Fault(stack.CauseStep, w.what(), fmt.Errorf("exit code %d: %s", exit, lastLines([]byte(said), 4)), aptFix(said))
		case time.Now().After(give):
			return stack.Fault(stack.CauseStep, w.what(),
				fmt.Errorf("another process has held the package lock for %s: %s", aptPatience, lastLines([]byte(said), 2)),
				"see what it does (`ps aux | grep apt` on the host) and run this again")
		}
		w.note(fmt.Sprintf("waiting for another process to release the package lock, at most %s more", time.Until(give).Round(time.Second)))
		select {
		case <-time.After(3 * time.Second):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", w.what(), context.Cause(ctx))
		}
	}
}

// lockHeld tells a held lock from other failures. apt and dpkg have no exit
// code of their own for it, and LC_ALL=C keeps the words.
func lockHeld(said string) bool {
	return strings.Contains(said, "Could not get lock") || strings.Contains(said, "Unable to lock directory") ||
		strings.Contains(said, "is locked by another process") || strings.Contains(said, "frontend lock")
}

// aptFix returns what to do about the failures that happen most.
func aptFix(said string) string {
	switch {
	case strings.Contains(said, "Unable to locate package"), strings.Contains(said, "no installation candidate"):
		return "the package index may be old or a repository is missing: run `apt-get update` on the host and see its errors"
	case strings.Contains(said, "Could not resolve"), strings.Contains(said, "Failed to fetch"), strings.Contains(said, "Could not connect"):
		return "the host does not reach its package mirror: check its network and DNS, then run this again"
	case strings.Contains(said, "No space left"), strings.Contains(said, "enough free space"):
		return "the host's disk is full: free space in /var, then run this again"
	}
	return "run this again; what was installed stays"
}

// tail keeps the end of what is written to it.
type tail struct {
	lock sync.Mutex
	end  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.end = append(t.end, p...)
	if len(t.end) > 16<<10 {
		t.end = bytes.Clone(t.end[len(t.end)-8<<10:])
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return string(t.end)
}

// lines hands on each whole line that is written to it, shortened.
type lines struct {
	each func(string)
	part []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.part = append(l.part, p...)
	for {
		line, rest, found := bytes.Cut(l.part, []byte("\n"))
		if !found {
			break
		}
		if text := strings.TrimSpace(string(line)); text != "" {
			l.each(text[:min(len(text), 120)])
		}
		l.part = rest
	}
	l.part = l.part[max(0, len(l.part)-4096):]
	return len(p), nil
}
