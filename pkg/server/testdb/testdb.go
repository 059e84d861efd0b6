// Package testdb owns the real PostgreSQL and Redis servers that tests talk
// to: one throwaway cluster for each test binary, one database for each test.
// It must not know what is stored in them. Only tests and benchmarks import it.
package testdb

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The passwords of the cluster's user and of Redis.
const (
	Password      = "only-for-tests-on-loopback"
	RedisPassword = "another-one-for-tests-alone"
)

// RolePasswords are the passwords of the services' database roles.
func RolePasswords() map[string]string {
	passwords := map[string]string{}
	for _, role := range []string{"app_api", "app_admin", "app_worker", "app_scheduler", "app_jobs_ui"} {
		passwords[role] = "only-for-tests-of-" + role
	}
	return passwords
}

// Cluster is a running PostgreSQL.
type Cluster struct {
	Port int
	dir  string
	cmd  *exec.Cmd
	// settings are the server's own, name=value.
	settings []string
}

// careless settings make a throwaway cluster fast: what it holds may be lost.
var careless = []string{"fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB"}

var (
	shared    *Cluster
	sharedErr error
	start     sync.Once
	count     atomic.Int64
	fill      sync.Once
	fillErr   error
	template  string
)

// Run runs a package's tests and stops what they started. Call it from
// TestMain: os.Exit(testdb.Run(m)).
func Run(m *testing.M) int {
	code := m.Run()
	if shared != nil {
		shared.Close()
	}
	return code
}

// New returns the port and the name of an empty database of its own.
func New(t testing.TB) (port int, name string) {
	t.Helper()
	return create(t, "")
}

// Migrated returns the port and the name of a database of its own that is a copy
// of one that migrate has filled; migrate is called once for each test binary.
func Migrated(t testing.TB, migrate func(port int, name string) error) (port int, name string) {
	t.Helper()
	fill.Do(func() {
		port, template = create(t, "")
		fillErr = migrate(port, template)
	})
	if fillErr != nil {
		t.Fatalf("migrate the template: %v", fillErr)
	}
	return create(t, " TEMPLATE "+template)
}

func create(t testing.TB, from string) (port int, name string) {
	t.Helper()
	start.Do(func() { shared, sharedErr = Launch(careless...) })
	if sharedErr != nil {
		t.Fatalf("start PostgreSQL: %v", sharedErr)
	}
	name = fmt.Sprintf("test_%d", count.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, shared.url("postgres"))
	if err != nil {
		t.Fatalf("connect to the cluster: %v", err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name+from); err != nil {
		t.Fatalf("create database %s: %v", name, err)
	}
	return shared.Port, name
}

func (c *Cluster) url(db string) string {
	return fmt.Sprintf("postgres://app:%s@127.0.0.1:%d/%s?sslmode=disable", Password, c.Port, db)
}

// Own starts a cluster for one test, which may stop and start it.
func Own(t testing.TB) *Cluster {
	t.Helper()
	c, err := Launch(careless...)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// Stop stops the server at once and keeps its files.
func (c *Cluster) Stop() {
	_ = c.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	_ = c.cmd.Wait()
}

// Start starts it again on the same port.
func (c *Cluster) Start() error { return c.launch() }

// Close stops the server and removes its files.
func (c *Cluster) Close() {
	c.Stop()
	_ = os.RemoveAll(c.dir)
}

// PID is the server's process.
func (c *Cluster) PID() int { return c.cmd.Process.Pid }

// Launch starts a cluster with settings of its own (name=value); Close ends it.
func Launch(settings ...string) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "testdb")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, settings: settings}
	if c.Port, err = FreePort(); err != nil {
		return nil, err
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(Password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if err := own(dir, secret); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := command(filepath.Join(bin, "initdb"), "-D", data, "-U", "app", "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c, c.launch()
}

func (c *Cluster) launch() error {
	bin, err := binaries()
	if err != nil {
		return err
	}
	args := []string{"-D", filepath.Join(c.dir, "data"), "-p", strconv.Itoa(c.Port)}
	for _, s := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", "log_min_messages=fatal"}, c.settings...) {
		args = append(args, "-c", s)
	}
	c.cmd = command(filepath.Join(bin, "postgres"), args...)
	var said bytes.Buffer
	c.cmd.Stderr = &said
	if err := c.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			c.Stop()
			return fmt.Errorf("PostgreSQL does not answer on port %d: %w: %s", c.Port, err, said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// binaries finds the folder of the newest PostgreSQL that is installed.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", fmt.Errorf("no /usr/lib/postgresql/*/bin/initdb; install Debian's package postgresql")
	}
	sort.Strings(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// command runs as the user postgres where the tests run as root: PostgreSQL
// refuses root.
func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if uid, gid, ok := postgresUser(); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return cmd
}

func own(paths ...string) error {
	uid, gid, ok := postgresUser()
	if !ok {
		return nil
	}
	for _, p := range paths {
		if err := os.Chown(p, int(uid), int(gid)); err != nil {
			return err
		}
	}
	return nil
}

func postgresUser() (uid, gid uint32, ok bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, false
	}
	id, _ := strconv.ParseUint(u.Uid, 10, 32)
	group, _ := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(id), uint32(group), true
}

// FreePort finds a free port on loopback. It lies below those that the kernel
// gives to connections: between finding and using it nobody takes it by chance.
func FreePort() (port int, err error) {
	for range 100 {
		port = 10000 + rand.IntN(20000)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port in 100 tries: %w", err)
}
