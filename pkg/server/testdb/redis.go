package testdb

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Redis is a running redis-server.
type Redis struct {
	Addr string
	dir  string
	cmd  *exec.Cmd
	// listens are the options that name its port.
	listens []string
}

// NewRedis starts a redis-server for one test, which may stop and start it.
func NewRedis(t testing.TB) *Redis {
	t.Helper()
	r, err := LaunchRedis(t.TempDir())
	if err != nil {
		t.Fatalf("start redis-server (Debian's package redis-server): %v", err)
	}
	t.Cleanup(r.Stop)
	return r
}

// LaunchRedis starts a redis-server that may write to a folder; Stop ends it.
func LaunchRedis(dir string) (*Redis, error) {
	return launchRedis(dir, func(port string) []string { return []string{"--port", port} })
}

func launchRedis(dir string, listens func(port string) []string) (*Redis, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Addr: fmt.Sprintf("127.0.0.1:%d", port), dir: dir, listens: listens(strconv.Itoa(port))}
	return r, r.Start()
}

// PID is the server's process.
func (r *Redis) PID() int { return r.cmd.Process.Pid }

// Start starts it, again on the same port and empty.
func (r *Redis) Start() error {
	r.cmd = exec.Command("redis-server", append([]string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--requirepass", RedisPassword, "--dir", r.dir, "--daemonize", "no", "--loglevel", "warning"}, r.listens...)...)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", r.Addr); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("no answer on %s", r.Addr)
}

// Stop ends it at once.
func (r *Redis) Stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}

// Freeze stops it from answering while its connections stay open.
func (r *Redis) Freeze() error { return r.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets it answer again.
func (r *Redis) Thaw() error { return r.cmd.Process.Signal(syscall.SIGCONT) }
