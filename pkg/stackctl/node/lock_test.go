//go:build linux

package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// local runs the host's part of the lock as processes of this machine. A cut
// ends what goes to them, as the end of a connection does.
type local struct {
	Server
	mute bool // nothing that is written arrives, as on a line that was cut silently
}

func (l local) Run(ctx context.Context, argv ...string) (stack.Output, error) {
	var out, errs bytes.Buffer
	exit, err := l.Attach(ctx, nil, &out, &errs, argv...)
	return stack.Output{Stdout: out.Bytes(), Stderr: errs.Bytes(), Exit: exit}, err
}

func (l local) Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return -1, err
	}
	if err := cmd.Start(); err != nil {
		return -1, err
	}
	if stdin != nil {
		go func() {
			if l.mute {
				_, _ = io.Copy(io.Discard, stdin)
			} else {
				_, _ = io.Copy(pipe, stdin)
			}
			_ = pipe.Close()
		}()
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return -1, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// asked is the lock of a project's folder, as a run of an owner asks for it.
func asked(root, owner string) Lock {
	return Lock{Project: "shop", Target: stack.Target{Path: root, Host: "shop.example"}, Owner: owner, Run: "run-" + owner, Note: func(string) {}}
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

func TestALockIsHeldByOneWhateverTheClocksSay(t *testing.T) {
	root, ctx := t.TempDir(), context.Background()
	ada, bob := asked(root, "ada@one"), asked(root, "bob@two")
	_, unlock, err := ada.Take(ctx, local{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = bob.Take(ctx, local{})
	if stack.CauseOf(err) != stack.CauseLocked || !strings.Contains(err.Error(), "ada@one") || !strings.Contains(err.Error(), "run-ada@one") {
		t.Fatalf("a second one: %v", err)
	}
	who, err := Holder(ctx, local{}, stack.Target{Path: root})
	if err != nil || who == nil || who.Owner != "ada@one" || time.Since(who.Since).Abs() > time.Minute || time.Until(who.Expires) < expiry/2 {
		t.Fatalf("the holder is %+v, %v", who, err)
	}
	unlock()
	if who, err := Holder(ctx, local{}, stack.Target{Path: root}); who != nil || err != nil {
		t.Errorf("after it: %+v, %v", who, err)
	}
	_, unlock, err = bob.Take(ctx, local{})
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestALockThatIsWaitedForComes(t *testing.T) {
	root, ctx := t.TempDir(), context.Background()
	_, unlock, err := asked(root, "ada@one").Take(ctx, local{})
	if err != nil {
		t.Fatal(err)
	}
	bob := asked(root, "bob@two")
	bob.Wait = time.Minute
	waits := make(chan string, 1)
	bob.Note = func(text string) { waits <- text }
	got := make(chan error, 1)
	go func() {
		_, free, err := bob.Take(ctx, local{})
		if err == nil {
			free()
		}
		got <- err
	}()
	if said := <-waits; !strings.Contains(said, "ada@one") {
		t.Errorf("it waits for: %s", said)
	}
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestALookAtTheLockNeverRefusesADeploy(t *testing.T) {
	root, ctx := t.TempDir(), context.Background()
	stop, looked := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				looked <- n
				return
			default:
				_, _ = Holder(ctx, local{}, stack.Target{Path: root})
				n++
			}
		}
	}()
	for range 20 {
		_, unlock, err := asked(root, "ada@one").Take(ctx, local{})
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
	close(stop)
	if n := <-looked; n == 0 {
		t.Error("nobody looked")
	}
}

// holder is the process that holds the lock.
func holder(t *testing.T, root string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, stack.LockFile))
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	for _, c := range bytes.TrimSpace(raw) {
		pid = pid*10 + int(c-'0')
	}
	return pid
}

func TestALostLockStopsItsRun(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, root string){
		"killed": func(t *testing.T, root string) {
			if err := syscall.Kill(holder(t, root), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		},
		"cleared": func(t *testing.T, root string) {
			ctx := context.Background()
			if _, err := ClearLock(ctx, local{}, stack.Target{Path: root}, "run-other"); stack.CauseOf(err) != stack.CauseLocked || !strings.Contains(err.Error(), "run-ada@one") {
				t.Fatalf("cleared for a run that was not named: %v", err)
			}
			if who, err := ClearLock(ctx, local{}, stack.Target{Path: root}, "run-ada@one"); err != nil || who.Owner != "ada@one" {
				t.Fatalf("%+v, %v", who, err)
			}
			if who, err := ClearLock(ctx, local{}, stack.Target{Path: root}, "run-ada@one"); err != nil || who != nil {
				t.Fatalf("a second time: %+v, %v", who, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			ctx, unlock, err := asked(root, "ada@one").Take(context.Background(), local{})
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			lose(t, root)
			select {
			case <-ctx.Done():
			case <-time.After(60 * time.Second):
				t.Fatal("the run goes on")
			}
			if err := stack.Interrupted(ctx, "step"); stack.CauseOf(err) != stack.CauseLocked || !errors.Is(context.Cause(ctx), ErrLockLost) {
				t.Errorf("the run ends with %v", err)
			}
			_, free, err := asked(root, "bob@two").Take(context.Background(), local{})
			if err != nil {
				t.Fatalf("the next one: %v", err)
			}
			free()
		})
	}
}

// TestASilentOwnersLockExpires takes the half minute that a lock lives without
// a beat; a live owner's outlives it.
func TestASilentOwnersLockExpires(t *testing.T) {
	t.Parallel()
	silent, live := t.TempDir(), t.TempDir()
	gone, unlock, err := asked(silent, "ada@one").Take(context.Background(), local{mute: true})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	there, leave, err := asked(live, "eve@three").Take(context.Background(), local{})
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	bob := asked(silent, "bob@two")
	bob.Wait = expiry + 30*time.Second
	_, free, err := bob.Take(context.Background(), local{})
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	if gone.Err() == nil {
		within(t, 30*time.Second, "the silent owner learns that it lost the lock", func() bool { return gone.Err() != nil })
	}
	if there.Err() != nil {
		t.Errorf("the live one's: %v", context.Cause(there))
	}
	if _, _, err := asked(live, "bob@two").Take(context.Background(), local{}); stack.CauseOf(err) != stack.CauseLocked {
		t.Errorf("the live one's lock was taken: %v", err)
	}
}
