//go:build linux

package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// nothingLeft fails where a backup that failed left a file, a session or a
// database behind.
func nothingLeft(t *testing.T, c *cluster, b *Backups) {
	t.Helper()
	for _, dir := range []string{b.Config.Dir, b.hostDir()} {
		if left := names(t, dir); len(left) > 0 {
			t.Errorf("%s holds %v", dir, left)
		}
	}
	// Ending a session is a signal; it takes a moment.
	const sessions = `SELECT application_name, state FROM pg_stat_activity WHERE application_name = 'stackctl-backup' AND pid <> pg_backend_pid()`
	left := c.sql(t, "template1", sessions)
	for deadline := time.Now().Add(20 * time.Second); left != "" && time.Now().Before(deadline); left = c.sql(t, "template1", sessions) {
	}
	if left != "" {
		t.Errorf("sessions are left: %s", left)
	}
	if left := c.sql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'`); left != "" {
		t.Errorf("databases are left: %s", left)
	}
}

func TestADumpThatFailsLeavesNothing(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	for name, f := range map[string]struct {
		command []string
		says    string
	}{
		"it ends with an error":        {[]string{"sh", "-c", "echo half; echo broken >&2; exit 3"}, "broken"},
		"it writes nothing":            {[]string{"true"}, "wrote nothing"},
		"it is not there":              {[]string{"no-such-dump"}, "no-such-dump"},
		"what it writes is no archive": {[]string{"echo", "hello"}, "table of contents"},
	} {
		b := c.backups(t)
		b.Config.Command = f.command
		_, err := b.Take(t.Context(), b.Places[0], Reason{Cause: name})
		if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: got %v, want %q in it", name, err, f.says)
		}
		nothingLeft(t, c, b)
	}
}

func TestAnInterruptedBackupLeavesNothing(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	began := filepath.Join(t.TempDir(), "began")
	if err := os.Chmod(filepath.Dir(began), 0o777); err != nil { // the database's user makes the mark
		t.Fatal(err)
	}
	b.Config.Command = []string{"sh", "-c", "echo half; touch " + began + "; exec sleep 60"}
	if err := os.Chmod(filepath.Dir(filepath.Dir(began)), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(began); err == nil {
				break
			}
		}
		cancel()
	}()
	_, err := b.Take(ctx, b.Places[0], Reason{Cause: "a test"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, c, b)
}

func TestAnEmptyDatabaseIsSaidSo(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	c.sql(t, "template1", "DROP DATABASE shop; CREATE DATABASE shop;")
	b := c.backups(t)
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); !errors.Is(err, ErrEmpty) {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, c, b)
}

func TestAFullDiskIsSaidSoAndNothingIsLeft(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("a small filesystem is mounted: run this test as root")
	}
	c := newCluster(t)
	c.shop(t)
	// What cannot be compressed does not fit into 64 KiB.
	c.sql(t, "shop", `CREATE TABLE large AS SELECT i, (SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 40) j) FROM generate_series(1, 400) i;`)
	for _, where := range []string{"host", "local"} {
		b := c.backups(t)
		dir := b.Config.Dir
		if where == "host" {
			dir = b.hostDir()
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v %s", err, out)
		}
		_, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
		reason, fix := stack.Explain(err)
		if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(strings.ToLower(reason), "no space left") || !strings.Contains(reason, dir) || !strings.Contains(fix, "free some space") {
			t.Errorf("%s: got %v", where, err)
		}
		nothingLeft(t, c, b)
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	}
}

// spoiled is a host that changes what is written to it.
type spoiled struct{ *cluster }

func (s spoiled) Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error) {
	if len(argv) > 2 && argv[2] == putScript {
		stdin = io.MultiReader(stdin, strings.NewReader("x"))
	}
	return s.cluster.Attach(ctx, stdin, stdout, stderr, argv...)
}

func TestACopyThatIsNotWhatWasSentIsRefused(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	b.Server = spoiled{c}
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, c, b)
}

func TestADrillTellsWhatDiffers(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		restore string
		says    []string
	}{
		"a row is missing":    {`pg_restore --exit-on-error -U app -d "$0" && psql -X -q -U app -d "$0" -c "DELETE FROM users WHERE id = 7"`, []string{"table public.users: other number of rows, recorded 500, restored 499"}},
		"a value is another":  {`pg_restore --exit-on-error -U app -d "$0" && psql -X -q -U app -d "$0" -c "UPDATE users SET email = 'x' WHERE id = 7"`, []string{"table public.users: other content"}},
		"a table is missing":  {`pg_restore --exit-on-error -U app -d "$0" && psql -X -q -U app -d "$0" -c "DROP TABLE empty"`, []string{"table public.empty: missing"}},
		"a table is too much": {`pg_restore --exit-on-error -U app -d "$0" && psql -X -q -U app -d "$0" -c "CREATE TABLE more (i int)"`, []string{"table public.more: not in the backup"}},
		"a number comes again": {`pg_restore --exit-on-error -U app -d "$0" && psql -X -q -U app -d "$0" -c "ALTER SEQUENCE users_id_seq RESTART"`,
			[]string{"sequence public.users_id_seq: behind"}},
		"rows in another order": {`pg_restore --exit-on-error -U app -d "$0" && psql -X -q -U app -d "$0" -c "UPDATE users SET email = email WHERE id < 100"`, nil},
	} {
		b.Config.Restore = []string{"sh", "-c", f.restore, "{database}"}
		o, err := b.Open(t.Context(), "latest")
		if err != nil {
			t.Fatal(err)
		}
		out, err := b.Rehearse(t.Context(), o)
		if err != nil || len(out.Differences) != len(f.says) {
			t.Errorf("%s: got %v, %v", name, out.Differences, err)
			continue
		}
		for i, says := range f.says {
			if !strings.Contains(out.Differences[i].String(), says) {
				t.Errorf("%s: got %s, want %q", name, out.Differences[i], says)
			}
		}
	}
	if left := c.sql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'`); left != "" {
		t.Errorf("left: %s", left)
	}
}

func TestARestoreThatFailsLeavesTheLiveDatabaseAlone(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	c.sql(t, "shop", "CREATE TABLE since (i int)")
	for _, restore := range []string{"exit 1", `pg_restore --exit-on-error -U app -d "$0" && psql -X -q -U app -d "$0" -c "DELETE FROM users"`} {
		b.Config.Restore = []string{"sh", "-c", restore, "{database}"}
		if _, err := b.Restore(t.Context(), o); stack.CauseOf(err) != stack.CauseStep {
			t.Errorf("got %v", err)
		}
	}
	if there := c.sql(t, "shop", "SELECT to_regclass('since')"); there != "since" {
		t.Error("the live database was touched")
	}
	if left := c.sql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'`); left != "" {
		t.Errorf("left: %s", left)
	}
}

func TestARestoreSwitchesUnderConnectionsAndCanBeUndone(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	c.sql(t, "shop", "CREATE TABLE since (i int)")
	// Clients that connect again and again while the database is switched.
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	for range 4 {
		go func() {
			for ctx.Err() == nil {
				_, _ = database{server: c, container: "db-1", user: "app"}.script(ctx, "shop", "SELECT pg_sleep(0.2);\n")
			}
			done <- struct{}{}
		}()
	}
	defer func() {
		stop()
		for range 4 {
			<-done
		}
	}()
	since := func() string { return c.sql(t, "shop", "SELECT to_regclass('since') IS NOT NULL") }
	for range 2 {
		r, err := b.Restore(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if since() != "f" || c.sql(t, "shop", "SELECT count(*) FROM users") != "500" {
			t.Error("the backup is not live")
		}
		if got := c.sql(t, "template1", `SELECT string_agg(datname, ',') FROM pg_database WHERE datname LIKE 'stackctl%'`); got != r.Former {
			t.Errorf("databases beside it: %s, want %s alone", got, r.Former)
		}
		if err := b.Undo(t.Context(), r); err != nil || since() != "t" {
			t.Errorf("undone: %v, %s", err, since())
		}
	}
}

func TestWhatADeadRunLeftIsEnded(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	const name = "shop-20260314T092653Z-0a1b2c"
	for dir, half := range map[string]string{b.Config.Dir: b.temporaryHere(name), b.hostDir(): temporary(name)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, half), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.sql(t, "template1", "CREATE DATABASE stackctl_scratch_dead;")
	// It holds a lock that a migration would wait for.
	held := make(chan error, 1)
	go func() {
		_, err := database{server: c, container: "db-1", user: "app"}.script(context.WithoutCancel(t.Context()), "shop", "BEGIN; LOCK TABLE users; SELECT pg_sleep(600);\n")
		held <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); c.sql(t, "template1", "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = 'shop')") == "0"; {
		if time.Now().After(deadline) {
			t.Fatal("the lock is not taken")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := b.Take(ctx, b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err == nil {
		t.Error("the dead run's session went on")
	}
	for _, dir := range []string{b.Config.Dir, b.hostDir()} {
		if got := names(t, dir); len(got) != 2 {
			t.Errorf("%s holds %v", dir, got)
		}
	}
	if left := c.sql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'`); left != "" {
		t.Errorf("left: %s", left)
	}
}

func TestTheHostsCopyAloneIsFetched(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(b.Config.Dir); err != nil {
		t.Fatal(err)
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := b.Rehearse(t.Context(), o); err != nil || len(out.Differences) > 0 {
		t.Errorf("got %+v, %v", out, err)
	}
	o.Close()
	if left := names(t, b.Config.Dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestADumpThatGrowsBeyondWhatItSaysIsEnded(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	o.Manifest.Bytes = 1
	// About 1 KB of statement makes more than 256 MB of table, and would go on.
	b.Config.Restore = []string{"psql", "-X", "-q", "-U", "app", "-d", "{database}", "-c",
		"SET synchronous_commit = off", "-c", "CREATE TABLE bomb AS SELECT repeat('x', 1) || md5(i::text) || repeat(md5(i::text), 8) FROM generate_series(1, 3000000) i", "-c", "SELECT pg_sleep(120)"}
	began := time.Now()
	_, err = b.Rehearse(t.Context(), o)
	if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), "it grew to") {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	if left := c.sql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'`); left != "" {
		t.Errorf("left: %s", left)
	}
}

func TestAnInterruptedDrillOrRestoreLeavesNothing(t *testing.T) {
	c := newCluster(t)
	for name, run := range map[string]func(*Backups, context.Context, *Opened) error{
		"a drill":   func(b *Backups, ctx context.Context, o *Opened) error { _, err := b.Rehearse(ctx, o); return err },
		"a restore": func(b *Backups, ctx context.Context, o *Opened) error { _, err := b.Restore(ctx, o); return err },
	} {
		t.Run(name, func(t *testing.T) {
			c.shop(t)
			b := c.backups(t)
			if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
				t.Fatal(err)
			}
			o, err := b.Open(t.Context(), "latest")
			if err != nil {
				t.Fatal(err)
			}
			c.sql(t, "shop", "CREATE TABLE since (i int)")
			b.Config.Restore = []string{"psql", "-X", "-q", "-U", "app", "-d", "{database}", "-c", "CREATE TABLE half (i int)", "-c", "SELECT pg_sleep(600)"}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				defer cancel()
				const sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'stackctl%' AND query LIKE '%pg_sleep(600)%'"
				db := database{server: c, container: "db-1", user: "app"}
				for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
					if out, err := db.script(ctx, "template1", sleeping+";\n"); err == nil && strings.TrimSpace(out) == "1" {
						return
					}
				}
			}()
			if err := run(b, ctx, o); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if there := c.sql(t, "shop", "SELECT to_regclass('since')"); there != "since" {
				t.Error("the live database was touched")
			}
			if left := c.sql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'`); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}
