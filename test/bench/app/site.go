package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"stackctl/pkg/server/password"
	"stackctl/pkg/server/testdb"
)

// apiMemory is the bound that compose/stack.yaml sets for the API.
const apiMemory = "200MiB"

const (
	secret     = "plum-lantern-41-orbit"
	users      = 500
	appSecret  = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
	startLimit = 20 * time.Second
)

// site is the stores, the binary, and what every role is started with.
type site struct {
	dir   string
	env   []string
	db    *testdb.Cluster
	redis *testdb.Redis
	// address is where the API answers.
	address string
}

// prepare builds the binary, starts the stores, migrates and adds users.
func prepare() (_ *site, err error) {
	s := &site{}
	if s.dir, err = os.MkdirTemp("", "bench-app-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	build := exec.Command("scripts/build.sh", "server", filepath.Join(s.dir, "server"))
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	if s.db, err = testdb.Launch("shared_buffers=64MB"); err != nil { // durable, as in production
		return nil, err
	}
	if s.redis, err = testdb.LaunchRedis(s.dir); err != nil {
		return nil, err
	}
	s.env = []string{
		"WEBSITE_DOMAIN=site.example.com", "RELEASE=bench", "TRUSTED_PROXIES=127.0.0.0/8", "DATABASE_HOST=127.0.0.1",
		fmt.Sprintf("DATABASE_PORT=%d", s.db.Port), "DATABASE_NAME=postgres", "DATABASE_USER=app", "REDIS_ADDR=" + s.redis.Addr,
	}
	for name, value := range map[string]string{"DATABASE_PASSWORD_FILE": testdb.Password, "REDIS_PASSWORD_FILE": testdb.RedisPassword, "APP_SECRET_FILE": appSecret} {
		file := filepath.Join(s.dir, strings.ToLower(name))
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			return nil, err
		}
		s.env = append(s.env, name+"="+file)
	}
	migrate := exec.Command(filepath.Join(s.dir, "server"), "migrate")
	migrate.Env = s.env
	if out, err := migrate.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("migrate: %w\n%s", err, out)
	}
	return s, s.addUsers()
}

func (s *site) addUsers() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	hash, err := password.New(password.Default, 1, 1, time.Second).Hash(ctx, secret)
	if err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://app:%s@127.0.0.1:%d/postgres?sslmode=disable", testdb.Password, s.db.Port))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, `INSERT INTO users (email, password_hash) SELECT 'user' || n || '@example.com', $1 FROM generate_series(0, $2) n`, hash, users-1)
	return err
}

func (s *site) close() {
	if s.redis != nil {
		s.redis.Stop()
	}
	if s.db != nil {
		s.db.Close()
	}
	_ = os.RemoveAll(s.dir)
}

// process is one role.
type process struct {
	cmd *exec.Cmd
	log *os.File
	// listen is where the role answers.
	listen string
}

// start starts a role and waits until it is ready.
func (s *site) start(role string) (*process, error) {
	var ports [2]int
	for i := range ports {
		port, err := testdb.FreePort()
		if err != nil {
			return nil, err
		}
		ports[i] = port
	}
	listen, inside := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	log, err := os.Create(filepath.Join(s.dir, role+".log"))
	if err != nil {
		return nil, err
	}
	memory := map[string]string{"api": apiMemory, "admin": "128MiB"}[role]
	if memory == "" {
		memory = "64MiB"
	}
	cmd := exec.Command(filepath.Join(s.dir, "server"), role)
	cmd.Env = append(s.env[:len(s.env):len(s.env)], "LISTEN="+listen, "METRICS_LISTEN="+inside, "GOMEMLIMIT="+memory)
	cmd.Stderr, cmd.SysProcAttr = log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log, listen: listen}
	ready := "http://" + inside + "/healthz"
	if role == "api" {
		s.address = "http://" + listen
		ready = s.address + "/health/ready"
	}
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if resp, err := http.Get(ready); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p, nil
			}
		}
	}
	p.stop()
	text, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("%s was not ready within %s:\n%s", role, startLimit, text)
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	_ = p.log.Close()
}

// memory reads a line of /proc/PID/status in MiB.
func (p *process) memory(line string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for l := range strings.Lines(string(text)) {
		if f := strings.Fields(l); f[0] == line+":" {
			kib, _ := strconv.ParseFloat(f[1], 64)
			return kib / 1024
		}
	}
	return 0
}

// cpu reads the CPU time of a process, and, where it is not this one, of its
// children, dead ones too.
func cpu(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(f) < 15 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	own := pid == os.Getpid()
	last := 15 // utime stime cutime cstime
	if own {
		last = 13
	}
	ticks := 0
	for _, field := range f[11:last] {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	total := time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil || own {
		return total, nil
	}
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			if more, err := cpu(n); err == nil { // it may have ended
				total += more
			}
		}
	}
	return total, nil
}
