// Package apptest owns the running site that tests talk to: real roles over
// HTTP, with a real PostgreSQL and a real Redis. It must not know what a test
// wants to see. Only tests import it.
package apptest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/role"
	"stackctl/pkg/server/testdb"
)

// Domain is the site's name in tests.
const Domain = "site.example.com"

// Secret is the site's secret in tests.
const Secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

// Site is a running site.
type Site struct {
	t testing.TB
	// owner is the file with the password of the database's owner.
	owner string
	// DB is the site's database.
	DB *postgres.DB
	// Redis can be stopped and started.
	Redis *testdb.Redis
	// Env is what every role gets; change it before Start.
	Env map[string]string
	// URLs maps a role to where it answers, Inside to its metrics and health.
	URLs   map[string]string
	Inside map[string]string
	// Log is what the roles logged.
	Log *Log
}

// Log is a buffer that many may write to.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// warnings are the last lines that tell of a failure.
func (l *Log) warnings() string {
	var lines []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-20):], "")
}

// New prepares a site with a migrated database; Start starts its roles.
func New(t testing.TB) *Site {
	t.Helper()
	port, name := testdb.Migrated(t, migrate)
	return prepare(t, port, name, testdb.NewRedis(t))
}

// On prepares a site on a cluster of its own, which the test may stop.
func On(t testing.TB, c *testdb.Cluster) *Site {
	t.Helper()
	if err := migrate(c.Port, "postgres"); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return prepare(t, c.Port, "postgres", testdb.NewRedis(t))
}

func prepare(t testing.TB, port int, name string, redis *testdb.Redis) *Site {
	t.Helper()
	dir := t.TempDir()
	files := testdb.RolePasswords()
	files["db"], files["redis"], files["secret"] = testdb.Password, testdb.RedisPassword, Secret
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := postgres.Open(context.Background(), address(port, name), postgres.Pool{Role: "test", Size: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	log := &Log{}
	t.Cleanup(func() {
		if strings.Contains(log.String(), "permission denied for") {
			t.Error("a service lacks a right in the database")
		}
		if t.Failed() {
			t.Logf("the roles warn:\n%s", log.warnings())
		}
	})
	return &Site{
		t: t, owner: filepath.Join(dir, "db"), DB: db, Redis: redis, URLs: map[string]string{}, Inside: map[string]string{}, Log: log,
		Env: map[string]string{
			"WEBSITE_DOMAIN": Domain, "RELEASE": "testrelease1", "TRUSTED_PROXIES": "127.0.0.0/8", "LOG_LEVEL": "debug",
			"STAFF_FACTOR":  "optional", // tests of the factor ask for it
			"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": fmt.Sprint(port), "DATABASE_NAME": name, "DATABASE_USER": "app",
			"DATABASE_PASSWORD_FILE": filepath.Join(dir, "db"), "REDIS_ADDR": redis.Addr,
			"REDIS_PASSWORD_FILE": filepath.Join(dir, "redis"), "APP_SECRET_FILE": filepath.Join(dir, "secret"),
		},
	}
}

func address(port int, name string) postgres.Address {
	return postgres.Address{Host: "127.0.0.1", Port: uint16(port), Name: name, User: "app", Password: testdb.Password}
}

func migrate(port int, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := postgres.Open(ctx, address(port, name), postgres.Pool{Role: "migrate", Size: 3})
	if err != nil {
		return err
	}
	defer db.Close()
	m, err := postgres.NewMigrations(db)
	if err != nil {
		return err
	}
	if _, err = m.Up(ctx); err != nil {
		return err
	}
	_, err = m.Roles(ctx, testdb.RolePasswords())
	return err
}

// Start starts roles and waits until they are healthy. They stop with the
// test, or when the returned function is called, which gives an exit code that
// is not 0 where one of them has such.
func (s *Site) Start(roles ...string) (stop func() int) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var code atomic.Int64 // the worst
	for _, name := range roles {
		env := s.as(name)
		env["LISTEN"], env["METRICS_LISTEN"] = s.free(), s.free()
		s.URLs[name], s.Inside[name] = "http://"+env["LISTEN"], "http://"+env["METRICS_LISTEN"]
		running.Go(func() {
			if c := role.Run(ctx, []string{name}, lookup(env), strings.NewReader(""), s.Log, s.Log); c != 0 {
				code.Store(int64(c))
			}
		})
	}
	stop = sync.OnceValue(func() int {
		cancel()
		running.Wait()
		return int(code.Load())
	})
	s.t.Cleanup(func() { stop() })
	for _, name := range roles {
		s.Wait(name+" to be healthy", func() bool { return s.healthy(name) })
	}
	return stop
}

// users maps a role or tool to the service whose database role it has: tools are
// started in the containers of services.
var users = map[string]string{
	"api": "api", "admin": "admin", "worker": "worker", "scheduler": "scheduler", "jobs-ui": "jobs_ui",
	"ping": "worker", "schema-check": "admin", "create-staff": "admin",
}

// as is the environment of a role or tool: it connects as its own database role,
// unless a test has chosen another.
func (s *Site) as(name string) map[string]string {
	env := maps.Clone(s.Env)
	if service, ok := users[name]; ok && env["DATABASE_USER"] == "app" && env["DATABASE_PASSWORD_FILE"] == s.owner {
		env["DATABASE_USER"], env["DATABASE_PASSWORD_FILE"] = "app_"+service, filepath.Join(filepath.Dir(s.owner), "app_"+service)
	}
	return env
}

// healthy asks as the container's health check does.
func (s *Site) healthy(name string) bool {
	path := s.Inside[name] + "/healthz"
	if name == "api" {
		path = s.URLs[name] + "/health/live"
	}
	resp, err := http.Get(path)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Metrics reads what a role measures.
func (s *Site) Metrics(name string) string {
	s.t.Helper()
	resp, err := http.Get(s.Inside[name] + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// Tool runs a tool and gives what it printed and its exit code.
func (s *Site) Tool(in string, args ...string) (out string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var b bytes.Buffer
	code = role.Run(ctx, args, lookup(s.as(args[0])), strings.NewReader(in), &b, s.Log)
	return b.String(), code
}

// Wait waits for a condition.
func (s *Site) Wait(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	s.t.Fatalf("waited in vain for %s; the log says:\n%s", what, s.Log)
}

func (s *Site) free() string {
	port, err := testdb.FreePort()
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// Production puts the site in production mode, with a configuration that is
// fit for it.
func (s *Site) Production() {
	s.t.Helper()
	s.Env["APP_ENV"], s.Env["LOG_LEVEL"] = "production", "info"
}
