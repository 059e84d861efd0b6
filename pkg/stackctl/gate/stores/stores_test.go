//go:build linux

package stores

import (
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

const password = "correct-horse-battery-staple"

// freePort is a port of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	return port
}

// start runs a program until the test ends, and waits until ready.
func start(t *testing.T, cmd *exec.Cmd, ready func() bool) {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // a test that is killed leaves nothing behind
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the signal comes when the thread that started it ends
		started <- cmd.Start()
		_ = cmd.Wait()
		close(ended)
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGQUIT); <-ended })
	for deadline := time.Now().Add(2 * time.Minute); !ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer", cmd.Path)
		}
	}
}

// store is a deployment with one store, which listens on a port of loopback.
func store(t *testing.T, image, port string) *gatetest.Deployment {
	t.Helper()
	d := gatetest.GoodDeployment(t)
	d.Release.Services = []stack.Service{{Name: "db", Image: image, Layer: stack.LayerData, Deployed: true}}
	d.Fake.List = []stack.Container{{ID: "id-db", Service: "db", Project: "stack", State: "running", Addresses: map[string]string{"stack_data": "127.0.0.1"}}}
	d.Fake.OnDial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var n net.Dialer
		return n.DialContext(ctx, network, "127.0.0.1:"+port)
	}
	return d
}

// postgres starts a real PostgreSQL that asks everyone on TCP for a password,
// and returns how its commands run.
func postgres(t *testing.T) (*gatetest.Deployment, func(sql string)) {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Fatal("initdb is missing (Debian's package postgresql)")
	}
	slices.Sort(found)
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "stores-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var as *syscall.Credential
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "PGHOST=" + dir, "PGPORT=" + port, "POSTGRES_USER=app", "POSTGRES_DB=postgres"}
		return cmd
	}
	if out, err := command(filepath.Join(bin, "initdb"), "-D", dir+"/data", "-U", "app", "--auth-local=trust", "--auth-host=scram-sha-256", "-N").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	start(t, command(filepath.Join(bin, "postgres"), "-D", dir+"/data", "-p", port, "-c", "listen_addresses=127.0.0.1", "-k", dir),
		func() bool { return command(filepath.Join(bin, "pg_isready"), "-q").Run() == nil })
	d := store(t, "postgres:16", port)
	d.Fake.OnExec = func(_ string, argv []string) (stack.Output, error) {
		cmd := command(argv[0], argv[1:]...)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		return stack.Output{Stdout: []byte(out.String()), Stderr: []byte(errs.String()), Exit: cmd.ProcessState.ExitCode()}, nil
	}
	return d, func(sql string) {
		t.Helper()
		if out, err := command("psql", "-X", "-q", "-U", "app", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", sql, err, out)
		}
	}
}

func TestPostgresIsAskedWhatItIs(t *testing.T) {
	d, sql := postgres(t)
	sql("create role web login password '" + password + "'; create role nobody login")
	gatetest.Passes(t, Live(), d.Subject)
	for name, m := range map[string]struct{ broken, whole, want string }{
		"fsync":                        {"alter system set fsync = off", "alter system reset fsync", "fsync = off"},
		"full pages":                   {"alter system set full_page_writes = off", "alter system reset full_page_writes", "full_page_writes = off"},
		"commits":                      {"alter system set synchronous_commit = off", "alter system reset synchronous_commit", "synchronous_commit = off"},
		"commits of one role":          {"alter role web set synchronous_commit = off", "alter role web reset synchronous_commit", "synchronous_commit=off"},
		"a second superuser":           {"alter role web superuser", "alter role web nosuperuser", "web"},
		"one that cannot log in alone": {"create role boss superuser", "drop role boss", "boss"},
	} {
		sql(m.broken)
		sql("select pg_reload_conf()")
		gatetest.Catches(t, Live(), d.Subject, m.want)
		if t.Failed() {
			t.Fatalf("missed: %s", name)
		}
		sql(m.whole)
		sql("select pg_reload_conf()")
	}
	gatetest.Passes(t, Live(), d.Subject)
}

func TestPostgresThatTrustsItsNetworkIsCaught(t *testing.T) {
	d, sql := postgres(t)
	sql(`copy (select 'local all all trust' union all select 'host all all 127.0.0.1/32 scram-sha-256' union all select 'host all all 172.16.0.0/12 trust') to program 'cat > pg_hba.conf'`)
	sql("select pg_reload_conf()")
	gatetest.Catches(t, Live(), d.Subject, "172.16.0.0")
	// Loopback is where this test comes from: what is let in there is seen by the sign-in.
	sql(`copy (select 'local all all trust' union all select 'host all all 127.0.0.1/32 trust') to program 'cat > pg_hba.conf'`)
	sql("select pg_reload_conf()")
	gatetest.Catches(t, Live(), d.Subject, "lets the role app in without a password")
}

func redisServer(t *testing.T, config string) *gatetest.Deployment {
	t.Helper()
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "redis.conf")
	if err := os.WriteFile(file, []byte("bind 127.0.0.1\nport "+port+"\nsave \"\"\n"+config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command("redis-server", file), func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	d := store(t, "valkey/valkey:8", port)
	d.Release.Known = map[string]string{"other": "some-other-secret-value", "redis_password": password + "\n"}
	return d
}

func TestRedisIsAskedWhoMayIn(t *testing.T) {
	for name, m := range map[string]struct{ config, want string }{
		"good":                    {"requirepass " + password + "\nuser app on >app-password-1 ~* +@all\nuser gone off nopass ~* +@all\n", ""},
		"no password":             {"protected-mode no\n", "PONG without a sign-in"},
		"a user without password": {"requirepass " + password + "\nuser app on nopass ~* +@all\n", "its user app needs no password"},
	} {
		t.Run(name, func(t *testing.T) {
			d := redisServer(t, m.config)
			if m.want == "" {
				if a := gatetest.Passes(t, Live(), d.Subject); a.Inspected != 4 || len(a.Attempts) > 0 {
					t.Errorf("inspected %d, %+v", a.Inspected, a.Attempts)
				}
				return
			}
			gatetest.Catches(t, Live(), d.Subject, m.want)
		})
	}
	d := redisServer(t, "requirepass another-password\n")
	if a := gatetest.Passes(t, Live(), d.Subject); len(a.Attempts) != 1 {
		t.Errorf("a list that was not seen is not told: %+v", a)
	}
}

// On a cluster's network without a way out a store has no address that a node reaches.
func TestRedisIsAskedInsideItsContainerWhereNoNodeReachesIt(t *testing.T) {
	for config, want := range map[string]string{"requirepass " + password + "\n": "", "protected-mode no\n": "PONG without a sign-in"} {
		d := redisServer(t, config)
		_, at, _ := net.SplitHostPort(dialled(t, d))
		d.Fake.List[0].Addresses = map[string]string{"stack_data": ""}
		d.Fake.OnExec = func(_ string, argv []string) (stack.Output, error) {
			argv = slices.Clone(argv)
			argv[slices.Index(argv, "-p")+1] = at
			out, err := exec.Command(argv[0], argv[1:]...).Output()
			return stack.Output{Stdout: out}, err
		}
		if want != "" {
			gatetest.Catches(t, Live(), d.Subject, want)
			continue
		}
		if a := gatetest.Passes(t, Live(), d.Subject); a.Inspected != 1 || len(a.Attempts) != 1 {
			t.Errorf("inspected %d, %+v", a.Inspected, a.Attempts)
		}
	}
	d := store(t, "redis:7", "1")
	d.Fake.List[0].Addresses = nil
	d.Fake.OnExec = func(string, []string) (stack.Output, error) {
		return stack.Output{Exit: 127, Stderr: []byte("redis-cli: not found")}, nil
	}
	gatetest.Catches(t, Live(), d.Subject, "redis-cli: not found")
}

// dialled is the address of a deployment's store.
func dialled(t *testing.T, d *gatetest.Deployment) string {
	t.Helper()
	conn, err := d.Fake.OnDial(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.RemoteAddr().String()
}

// TestAStoreThatCannotBeAskedIsTold: another team's image may have no psql; that
// is a finding of a strict project, and advice to any other.
func TestAStoreThatCannotBeAskedIsTold(t *testing.T) {
	d := store(t, "postgres:16", "1")
	gatetest.Catches(t, Live(), d.Subject, "ask db")
	if askedRule.Level != stack.LevelStrict {
		t.Error("it is in the way of every project")
	}
	d.Release.Services[0].Image = "prometheuscommunity/postgres-exporter:v1"
	if a, err := Live().Check(t.Context(), d.Subject); err != nil || a.Skip == "" {
		t.Errorf("an exporter is asked: %+v %v", a, err)
	}
}
