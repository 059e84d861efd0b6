//go:build linux

package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// cluster is a real PostgreSQL that plays the data service: its commands run
// on this machine, as the ones of a container and of a host.
type cluster struct {
	dir  string
	bin  string
	cred *syscall.Credential
	// stop ends the server; ended is closed when it has ended.
	stop  func()
	ended chan struct{}
}

var (
	shared *cluster
	once   sync.Once
	failed error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.stop()
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// newCluster starts PostgreSQL once; a machine without it fails the test.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	once.Do(func() { shared, failed = startCluster() })
	if failed != nil {
		t.Fatalf("start PostgreSQL (Debian's package postgresql): %v", failed)
	}
	return &cluster{dir: shared.dir, bin: shared.bin, cred: shared.cred}
}

func startCluster() (*cluster, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return nil, errors.New("initdb is missing")
	}
	sort.Strings(found)
	dir, err := os.MkdirTemp("", "backup-pg-")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, bin: filepath.Dir(found[len(found)-1])}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		c.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
	}
	if out, err := c.command(context.Background(), filepath.Join(c.bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "app", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	server := c.command(context.Background(), filepath.Join(c.bin, "postgres"), "-D", filepath.Join(dir, "data"), "-c", "listen_addresses=", "-c", "fsync=off", "-k", dir)
	// Tests that are killed must not leave it running.
	server.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	started := make(chan error, 1)
	c.ended = make(chan struct{})
	go func() {
		// The signal comes when the thread that started it ends, so this one stays.
		runtime.LockOSThread()
		started <- server.Start()
		_ = server.Wait()
		close(c.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	c.stop = func() { _ = server.Process.Signal(syscall.SIGQUIT); <-c.ended }
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c.command(context.Background(), filepath.Join(c.bin, "pg_isready"), "-q", "-h", dir).Run() == nil {
			return c, nil
		}
	}
	c.stop()
	return nil, errors.New("it does not answer within a minute")
}

func (c *cluster) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + c.bin + ":" + os.Getenv("PATH"), "PGHOST=" + c.dir, "LANG=C.UTF-8", "POSTGRES_USER=app", "POSTGRES_DB=shop"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (c *cluster) Containers(context.Context) ([]stack.Container, error) {
	return []stack.Container{{ID: "db-1", Project: "shop", Service: "db", State: "running", Labels: map[string]string{stack.LabelProject: "shop"}}}, nil
}

func (c *cluster) Exec(ctx context.Context, container string, argv ...string) (stack.Output, error) {
	var out, errs bytes.Buffer
	exit, err := c.ExecStream(ctx, container, argv, nil, &out, &errs)
	return stack.Output{Stdout: out.Bytes(), Stderr: errs.Bytes(), Exit: exit}, err
}

// ExecStream copies as the engine does: a writer that fails ends the copying.
func (c *cluster) ExecStream(ctx context.Context, _ string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	return run(ctx, c.command(ctx, argv[0], argv[1:]...), stdin, stdout, stderr)
}

func run(ctx context.Context, cmd *exec.Cmd, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	failing := &failing{Writer: stdout}
	cmd.Stdout, cmd.Stderr = failing, stderr
	if stdin != nil {
		in, err := cmd.StdinPipe()
		if err != nil {
			return 0, err
		}
		go func() { _, _ = io.Copy(in, stdin); _ = in.Close() }()
	}
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case failing.err != nil:
		return 0, failing.err
	case errors.As(err, &ended):
		return ended.ExitCode(), nil
	}
	return 0, err
}

type failing struct {
	io.Writer
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err != nil {
		f.err = err
	}
	return n, err
}

func (c *cluster) Run(ctx context.Context, argv ...string) (stack.Output, error) {
	if argv[0] == "df" {
		argv = []string{"df", "-B1", "--output=avail", "/"}
	}
	var out, errs bytes.Buffer
	exit, err := c.Attach(ctx, nil, &out, &errs, argv...)
	return stack.Output{Stdout: out.Bytes(), Stderr: errs.Bytes(), Exit: exit}, err
}

func (c *cluster) Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error) {
	return run(ctx, exec.CommandContext(ctx, argv[0], argv[1:]...), stdin, stdout, stderr)
}

// sql runs statements in a database of the cluster.
func (c *cluster) sql(t *testing.T, name, statements string) string {
	t.Helper()
	out, err := database{server: c, container: "db-1", user: "app"}.script(context.Background(), name, statements+"\n")
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return strings.TrimSpace(out)
}

// shop makes the live database with every kind of content that a dump must carry.
func (c *cluster) shop(t *testing.T) {
	t.Helper()
	c.sql(t, "template1", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'shop%' OR datname LIKE 'stackctl%';
SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname LIKE 'shop%' OR datname LIKE 'stackctl%' \gexec
CREATE DATABASE shop;`)
	c.sql(t, "shop", `CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY, email text NOT NULL, at timestamptz DEFAULT now(), ratio float8, raw bytea, doc jsonb);
INSERT INTO users (email, ratio, raw, doc) SELECT 'user' || i || E'@example.org\nü', random(), decode(md5(i::text), 'hex'), jsonb_build_object('i', i, 'n', null) FROM generate_series(1, 500) i;
CREATE SCHEMA "odd schema"; CREATE TABLE "odd schema"."a ""quoted"" table" (stackctl text, "T" int);
INSERT INTO "odd schema"."a ""quoted"" table" VALUES ('x', 1), ('x', 1), (NULL, NULL);
CREATE TABLE empty (); CREATE TABLE days (d date, n int) PARTITION BY RANGE (d); CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO days VALUES ('2026-03-14', 1);`)
}

// backups are those of the shop on the cluster, with a key of their own.
func (c *cluster) backups(t *testing.T) *Backups {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "backup.key")
	if _, err := KeyGen(key, time.Now()); err != nil {
		t.Fatal(err)
	}
	return &Backups{
		Config: stack.Backup{
			Service: "db", Identity: key, Dir: filepath.Join(dir, "local"), Keep: 3,
			Command: []string{"pg_dump", "--format=custom", "--no-password", "--username={user}", "--snapshot={snapshot}", "--dbname={database}"},
			Restore: []string{"pg_restore", "--exit-on-error", "--no-password", "--username={user}", "--dbname={database}"},
			List:    []string{"pg_restore", "--list"},
		},
		Places: []Place{{Name: "db", Kind: PostgreSQL, Service: "db"}}, Project: "shop", Target: "prod", Root: filepath.Join(dir, "host"), Server: c, Now: time.Now,
	}
}

// names lists the files of a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// What a folder needs is tried on a real engine, in folder_test.go.
var errNoEngine = errors.New("this server has no engine")

func (c *cluster) Inspect(context.Context, string) ([]byte, error)  { return nil, errNoEngine }
func (c *cluster) Lend(context.Context, stack.Loan) (string, error) { return "", errNoEngine }
func (c *cluster) Return(context.Context, string) error             { return errNoEngine }
func (c *cluster) Hold(context.Context, string, bool) error         { return errNoEngine }
func (c *cluster) Release(context.Context, string) error            { return errNoEngine }
