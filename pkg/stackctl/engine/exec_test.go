package engine

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestExec(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA)))
	id := w.ids()["api"]
	out, err := w.Exec(w.ctx, id, "/app", "print", "a b; $HOME")
	if err != nil || out.Exit != 0 || string(out.Stdout) != "a b; $HOME\n" || string(out.Stderr) != "to stderr\n" {
		t.Errorf("print: %+v, %v", out, err)
	}
	if out, err := w.Exec(w.ctx, id, "/app", "fail", "9"); err != nil || out.Exit != 9 {
		t.Errorf("fail: %+v, %v", out, err)
	}
	out, err = w.Exec(w.ctx, id, "/app", "flood", "70000")
	if err == nil || len(out.Stdout) != execLimit {
		t.Errorf("flood: %d bytes, %v", len(out.Stdout), err)
	}
	if out, err := w.Exec(w.ctx, id, "/missing"); err == nil && out.Exit == 0 {
		t.Error("a missing command succeeded")
	}
	if _, err := w.Exec(w.ctx, "no-such-container", "/app"); err == nil {
		t.Error("a missing container accepted a command")
	}
	t.Run("stdin", func(t *testing.T) {
		want := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
		var got bytes.Buffer
		code, err := w.ExecStream(w.ctx, id, []string{"/app", "cat"}, strings.NewReader(want), &got, io.Discard)
		if err != nil || code != 0 || got.String() != want {
			t.Errorf("code %d, %d bytes back, %v", code, got.Len(), err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(w.ctx, 300*time.Millisecond)
		defer cancel()
		if _, err := w.Exec(ctx, id, "/app", "sleep"); err == nil {
			t.Error("no error where the context ended")
		}
	})
	t.Run("secret arguments stay out of errors", func(t *testing.T) {
		_, err := w.Exec(w.ctx, "no-such-container", "/app", "hunter2")
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	})
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA)))
	id := w.ids()["api"]
	one, err := w.Files(w.ctx, id, "/app")
	if err != nil || len(one) != 1 || one[0].Path != "/app" || len(one[0].Content) < 1<<10 {
		t.Errorf("one file: %d, %v", len(one), err)
	}
	all, err := w.Files(w.ctx, id, "/etc")
	if err != nil || !slices.ContainsFunc(all, func(f stack.File) bool { return f.Path == "/etc/hosts" }) {
		t.Errorf("a folder: %d files, %v", len(all), err)
	}
	if none, err := w.Files(w.ctx, id, "/missing"); err != nil || len(none) != 0 {
		t.Errorf("a missing path: %d files, %v", len(none), err)
	}
}

func TestLogs(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA)))
	id, err := w.ContainerOf(w.ctx, w.project, "api")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	seen := make(chan string, 1)
	ended := make(chan error, 1)
	go func() { ended <- w.Logs(ctx, id, stack.LogOptions{Follow: true}, lines(seen), io.Discard) }()
	if s := <-seen; s != "serving\n" {
		t.Errorf("read %q", s)
	}
	cancel()
	if err := <-ended; stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("following ended with %v", err)
	}
}

func TestLogsTail(t *testing.T) {
	w := newWorld(t)
	w.up(file(service{"loud", "image: " + imageA + "\ncommand: [flood, \"10\"]\nx-stackctl: {run: once}"}))
	var out bytes.Buffer
	if err := w.Logs(w.ctx, w.ids()["loud"], stack.LogOptions{Tail: 3}, &out, io.Discard); err != nil || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// lines sends what is written.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
