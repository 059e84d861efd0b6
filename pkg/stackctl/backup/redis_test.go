//go:build linux

package backup

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// red is a real Redis with a password, and servers beside it.
type red struct {
	*cluster
	port, password string
}

func (r red) ExecStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "REDIS_PORT_NUMBER=" + r.port, "REDIS_PASSWORD_FILE=" + r.password}
	cmd.WaitDelay = 5 * time.Second
	return run(ctx, cmd, stdin, stdout, stderr)
}

func (r red) Lend(context.Context, stack.Loan) (string, error) { return "beside", nil }
func (r red) Return(context.Context, string) error             { return nil }

// store is the live one as a backup reaches it.
func (r red) store() redis {
	return redis{&Backups{Server: r}, Place{}, stack.Container{ID: "db-1"}, new(string)}
}

func (r red) ask(t *testing.T, commands string) string {
	t.Helper()
	out, err := r.store().text(t.Context(), "db-1", 0, commands)
	if err != nil {
		t.Fatalf("%s: %v", commands, err)
	}
	return strings.TrimSpace(out)
}

func startRedis(t *testing.T, options ...string) red {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	dir := t.TempDir()
	r := red{&cluster{dir: dir}, port, filepath.Join(dir, "password")}
	if err := os.WriteFile(r.password, []byte("it's a secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte("requirepass \"it's a secret\"\nbind 127.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("redis-server", append([]string{filepath.Join(dir, "conf"), "--port", port, "--dir", dir, "--repl-diskless-sync-delay", "0"}, options...)...)
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatalf("start Redis (Debian's package redis-server): %v", err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		said, err := r.store().text(t.Context(), "db-1", 0, "ask ping")
		if err == nil && strings.TrimSpace(said) == "PONG" {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not answer: %q %v", said, err)
		}
	}
}

func TestRedisIsBackedUpRehearsedRestoredAndUndone(t *testing.T) {
	r := startRedis(t, "--appendonly", "yes")
	r.ask(t, `for i in 1 2 3 4 5 6 7 8 9 10; do echo "set key$i value$i"; done | ask >/dev/null; ask -n 3 zadd z 1 a 2 b >/dev/null; ask hset h f "with space" >/dev/null; ask set soon gone px 1 >/dev/null; ask setex later 5000 x`)
	b := r.backups(t)
	b.Server, b.Places = r, []Place{{Name: "cache", Kind: Redis, Service: "db"}}
	rec, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if rec.Tables != 2 || rec.Rows < 13 || rec.Rows > 14 {
		t.Errorf("got %+v", rec)
	}
	o, err := b.Open(t.Context(), "latest:cache")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	out, err := b.Rehearse(t.Context(), o)
	if err != nil || len(out.Differences) > 0 || out.Equal != 2 {
		t.Errorf("the drill: %+v, %v", out, err)
	}
	r.ask(t, "ask del key1 h >/dev/null; ask set new 1 >/dev/null; ask -n 3 flushdb")
	re, err := b.Restore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	const all = "ask get key1; ask hget h f; ask exists new; ask -n 3 zcard z; ask info replication | grep -c role:master"
	if got := r.ask(t, all); got != "value1\nwith space\n0\n2\n1" {
		t.Errorf("restored: %q", got)
	}
	if err := b.Undo(t.Context(), re); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(t, all); got != "\n\n1\n0\n1" && got != "1\n0\n1" {
		t.Errorf("after the undo: %q", got)
	}
	left, _ := filepath.Glob(filepath.Join(r.dir, "stackctl*"))
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	o.Manifest.Tables[0].Rows += 5
	if out, err := b.Rehearse(t.Context(), o); err != nil || len(out.Differences) != 1 {
		t.Errorf("a lost key is not noticed: %+v, %v", out, err)
	}
	p := b.Places[0]
	p.PasswordFile = filepath.Join(r.dir, "conf")
	if _, err := b.Take(t.Context(), p, Reason{Cause: "a test"}); err == nil || strings.Contains(fmt.Sprint(err), "a secret") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestThePasswordOfRedisIsFoundInItsCommand(t *testing.T) {
	for command, want := range map[string][2]string{
		`redis-server --requirepass hunter2 --appendonly yes`:                                {"", "hunter2"},
		"sh -c exec redis-server - <<C\nrequirepass $(cat /run/secrets/redis_pw)\nsave \"\"": {"/run/secrets/redis_pw", ""},
		`redis-server --requirepass ${REDIS_PASSWORD}`:                                       {"", ""},
		`redis-server`: {"", ""},
	} {
		file, password := passwordOf(stack.Service{Command: []string{command}})
		if got := [2]string{file, password}; got != want {
			t.Errorf("%s: got %q", command, got)
		}
	}
}
