//go:build unix

package program

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(script string) Program {
	return Program{Args: []string{"/bin/sh", "-c", script}, Limit: 20 * time.Second, Most: 1 << 10}
}

func TestAProgramEnds(t *testing.T) {
	p := shell(`echo "$A"; echo bad >&2; exit 3`)
	p.Env = []string{"A=one"}
	r, err := Run(context.Background(), p)
	if err != nil || string(r.Out) != "one\n" || string(r.Errs) != "bad\n" || r.Exit != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	p.Together = true
	if r, err := Run(context.Background(), p); err != nil || string(r.Out) != "one\nbad\n" {
		t.Errorf("%q, %v", r.Out, err)
	}
	if _, err := Run(context.Background(), Program{Args: []string{filepath.Join(t.TempDir(), "none")}, Limit: time.Second}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestAProgramIsEndedWithWhatItStarted(t *testing.T) {
	for name, end := range map[string]struct {
		limit time.Duration
		wants error
		// ignore makes it deaf to being told to stop.
		ignore string
	}{
		"when its time is over":         {300 * time.Millisecond, ErrTime, ""},
		"when it does not want to":      {300 * time.Millisecond, ErrTime, `trap "" TERM; `},
		"when the operator interrupted": {time.Minute, context.Canceled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			note := filepath.Join(t.TempDir(), "pid")
			p := shell(end.ignore + `sleep 300 & echo $! > "$NOTE.new"; mv "$NOTE.new" "$NOTE"; wait; wait`)
			p.Env, p.Limit = []string{"NOTE=" + note}, end.limit
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if errors.Is(end.wants, context.Canceled) {
				go func() {
					pidIn(t, note)
					cancel()
				}()
			}
			began := time.Now()
			_, err := Run(ctx, p)
			if !errors.Is(err, end.wants) || time.Since(began) > 15*time.Second {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
			pid := pidIn(t, note)
			for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; {
				if time.Now().After(deadline) {
					t.Fatalf("process %d runs on", pid)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

// pidIn waits for a file that a program writes.
func pidIn(t *testing.T, file string) int {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if raw, err := os.ReadFile(file); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
			if err != nil {
				t.Errorf("%q is no process", raw)
			}
			return pid
		}
	}
	t.Error("the program did not begin")
	return 0
}

func TestOutputIsBounded(t *testing.T) {
	p := shell(`i=0; while [ $i -lt 400 ]; do echo "line $i of many"; i=$((i+1)); done`)
	r, err := Run(context.Background(), p)
	if err != nil || len(r.Out) != p.Most || !strings.HasSuffix(string(r.Out), "line 399 of many\n") {
		t.Errorf("%d bytes, %v", len(r.Out), err)
	}
	p = shell(`while :; do echo hunter2; done`)
	p.Whole = true
	if _, err := Run(context.Background(), p); !errors.Is(err, ErrOutput) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// What a program left in the background would hold the pipe for ever.
func TestWhatHoldsTheOutputIsNotWaitedFor(t *testing.T) {
	began := time.Now()
	r, err := Run(context.Background(), shell(`sleep 300 & echo done`))
	if err != nil || r.Exit != 0 || string(r.Out) != "done\n" || time.Since(began) > 15*time.Second {
		t.Errorf("%+v, %v after %s", r, err, time.Since(began))
	}
}
