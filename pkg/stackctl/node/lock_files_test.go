//go:build linux

package node

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestALockThatCannotBeOpenedSaysWhatToDo(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, stack.LockFile), 0o700); err != nil {
		t.Fatal(err)
	}
	for root, want := range map[string]string{folder: "chown deploy " + filepath.Join(folder, stack.LockFile), filepath.Join(folder, "none"): "stackctl provision"} {
		s := asked(root, "ada@one")
		s.Target.User = "deploy"
		if _, _, err := s.Take(t.Context(), local{}); stack.CauseOf(err) != stack.CauseUnreachable || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if who, err := Holder(t.Context(), local{}, stack.Target{Path: folder}); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("that nobody holds it is not known: %+v, %v", who, err)
	}
}

// Whoever can open the lock's file can hold it, and bar every deploy.
func TestTheLockIsItsOwnersAlone(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, stack.LockFile)
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, unlock, err := asked(root, "ada@one").Take(t.Context(), local{})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for _, name := range []string{file, filepath.Join(root, stack.LockNote)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestAPipeInThePlaceOfTheLockHoldsNobody(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(root, stack.LockFile), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, _, err := asked(root, "ada@one").Take(ctx, local{}); err == nil || !strings.Contains(err.Error(), "no ordinary file") {
		t.Errorf("%v", err)
	}
}

// A holder that lives says anew who it is where its note was garbled.
func TestALiveHoldersNoteIsWrittenAnew(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	locked, unlock, err := asked(root, "ada@one").Take(t.Context(), local{})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for _, name := range []string{stack.LockFile, stack.LockNote} {
		if err := os.WriteFile(filepath.Join(root, name), bytes.Repeat([]byte{0}, 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := asked(root, "bob@two").Take(t.Context(), local{}); stack.CauseOf(err) != stack.CauseLocked {
		t.Errorf("it was taken from a holder that lives: %v", err)
	}
	if _, err := ClearLock(t.Context(), local{}, stack.Target{Path: root}, "run-ada@one"); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("cleared without knowing whose: %v", err)
	}
	within(t, 3*beat, "the note is there again", func() bool {
		who, err := Holder(t.Context(), local{}, stack.Target{Path: root})
		return err == nil && who != nil && who.Run == "run-ada@one"
	})
	if who, err := ClearLock(t.Context(), local{}, stack.Target{Path: root}, "run-ada@one"); err != nil || who.Owner != "ada@one" {
		t.Errorf("%+v, %v", who, err)
	}
	<-locked.Done()
}

// Who removes the lock's file makes way for a second run beside the first.
func TestALockWhoseFileWasRemovedIsTakenAgainOrLost(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	remove := func() {
		if err := os.Remove(filepath.Join(root, stack.LockFile)); err != nil {
			t.Fatal(err)
		}
	}
	first, unlock, err := asked(root, "ada@one").Take(t.Context(), local{})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	remove()
	within(t, 3*beat, "the holder has the lock again", func() bool {
		who, err := Holder(t.Context(), local{}, stack.Target{Path: root})
		return err == nil && who != nil && who.Run == "run-ada@one"
	})
	remove()
	second, free, err := asked(root, "bob@two").Take(t.Context(), local{})
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	<-first.Done()
	if cause := context.Cause(first); !errors.Is(cause, ErrLockLost) {
		t.Errorf("the first ended because of %v", cause)
	}
	if who, err := Holder(t.Context(), local{}, stack.Target{Path: root}); err != nil || who == nil || who.Run != "run-bob@two" || second.Err() != nil {
		t.Errorf("%+v, %v, %v", who, err, second.Err())
	}
}
