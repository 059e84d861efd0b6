//go:build linux

package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// maria is a real MariaDB with a password, as a container of the image has it.
type maria struct {
	*cluster
	password string
}

func (m maria) ExecStream(ctx context.Context, _ string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	return run(ctx, m.command(ctx, argv...), stdin, stdout, stderr)
}

func (m maria) Exec(ctx context.Context, container string, argv ...string) (stack.Output, error) {
	var out, errs head
	out.limit, errs.limit = 1<<20, 1<<20
	exit, err := m.ExecStream(ctx, container, argv, nil, &out, &errs)
	return stack.Output{Stdout: out.kept, Stderr: errs.kept, Exit: exit}, err
}

func (m maria) command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + m.dir, "MARIADB_ROOT_PASSWORD_FILE=" + m.password, "MARIADB_DATABASE=shop"}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func startMaria(t *testing.T) maria {
	t.Helper()
	for _, program := range []string{"mariadbd", "mariadb-install-db"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("Debian's package mariadb-server: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "backup-my-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	u, err := user.Lookup("mysql")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.Command("mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v: %s", err, out)
	}
	m := maria{&cluster{dir: dir}, filepath.Join(dir, "password")}
	first := filepath.Join(dir, "first.sql")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, ".my.cnf"), []byte("[client]\nsocket = "+filepath.Join(dir, "s")+"\n"), 0o644), os.WriteFile(m.password, []byte("it's a \"secret\"\n"), 0o644),
		os.WriteFile(first, []byte(`ALTER USER root@localhost IDENTIFIED BY 'it''s a "secret"';`+"\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("mariadbd", "--no-defaults", "--user=mysql", "--datadir="+data, "--socket="+filepath.Join(dir, "s"), "--skip-networking", "--init-file="+first, "--event-scheduler=ON")
	log := &head{limit: 1 << 20}
	server.Stderr = log
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Signal(syscall.SIGKILL); _ = server.Wait() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := m.db().script(context.Background(), "", "SELECT 1;")
		if err == nil {
			return m
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not answer: %v\n%s", err, log.kept)
		}
	}
}

// db reaches the server as a backup does.
func (m maria) db() mysql { return mysql{&Backups{Server: m}, Place{}, "db-1", "root", "shop"} }

func (m maria) sql(t *testing.T, name, statements string) string {
	t.Helper()
	out, err := m.db().script(context.Background(), name, statements)
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return strings.TrimSpace(out)
}

// shop makes a database with every kind of content that a dump must carry.
func (m maria) shop(t *testing.T) {
	t.Helper()
	m.sql(t, "", "DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; DROP DATABASE IF EXISTS other; CREATE DATABASE other;")
	m.sql(t, "shop", `CREATE TABLE users (id int AUTO_INCREMENT PRIMARY KEY, email varchar(100) NOT NULL, at timestamp DEFAULT now(), ratio double, raw blob, doc json, price decimal(10,3), flag bit(5), born date, kind enum('a','b'), total int AS (LENGTH(email) * 2) STORED);
INSERT INTO users (email, ratio, raw, doc, price, flag, born, kind) SELECT CONCAT('user', seq, '@example.org\nü''\\'), RAND(), UNHEX(MD5(seq)), JSON_OBJECT('i', seq), seq / 7, seq % 32, '2026-01-01' + INTERVAL seq DAY, IF(seq % 2, 'a', NULL) FROM seq_1_to_500;
CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, user int NOT NULL, FOREIGN KEY (user) REFERENCES users (id)) AUTO_INCREMENT = 1000;
INSERT INTO orders (user) SELECT id FROM users LIMIT 50;
CREATE TABLE log (what varchar(50)); CREATE TABLE `+"`odd ``name``; TO x`"+` (`+"`a``b`"+` int); INSERT INTO `+"`odd ``name``; TO x`"+` VALUES (1), (1), (NULL);
CREATE VIEW adults AS SELECT id, email FROM users WHERE born < '2027-01-01'; CREATE VIEW few AS SELECT * FROM adults WHERE id < 10;
CREATE TRIGGER logged AFTER INSERT ON users FOR EACH ROW INSERT INTO log VALUES (NEW.email);
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2; CREATE PROCEDURE tidy() DELETE FROM log;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO CALL tidy();`)
}

// whole is everything of a database but how far its events have come, as one text.
func (m maria) whole(t *testing.T) string {
	t.Helper()
	out := &head{limit: 16 << 20}
	if err := m.db().run(context.Background(), out, m.db().dumper("--skip-comments", "--routines", "--triggers", "--events", "--", "shop")); err != nil {
		t.Fatal(err)
	}
	return string(out.kept)
}

func (m maria) backups(t *testing.T) *Backups {
	b := m.cluster.backups(t)
	b.Server, b.Places = m, []Place{{Name: "db", Kind: MySQL, Service: "db"}}
	return b
}

func (m maria) nothingLeft(t *testing.T, but string) {
	t.Helper()
	if left := m.sql(t, "", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'stackctl%'"); left != but {
		t.Errorf("databases are left: %s", left)
	}
}

func TestMariaDBIsBackedUpRehearsedRestoredAndUndone(t *testing.T) {
	m := startMaria(t)
	m.shop(t)
	b := m.backups(t)
	t.Run("while it is written to", func(t *testing.T) { m.underWrites(t, b) })
	m.shop(t)
	before := m.whole(t)
	r, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Tables != 4 || r.Rows != 553 || !strings.Contains(strings.Join(r.Notes, " "), "not in it: other") {
		t.Errorf("got %+v", r)
	}
	o, err := b.Open(t.Context(), r.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	out, err := b.Rehearse(t.Context(), o)
	if err != nil || len(out.Differences) > 0 || out.Equal != 4 || out.Sequences < 2 {
		t.Errorf("the drill: %+v, %v", out, err)
	}
	m.nothingLeft(t, "")
	m.sql(t, "shop", "DELETE FROM orders WHERE id > 1010; DROP VIEW few; CREATE TABLE since (i int); INSERT INTO users (email) VALUES ('new')")
	changed := m.whole(t)
	re, err := b.Restore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if after := m.whole(t); after != before {
		t.Errorf("it was\n%.3000s\nand is\n%.3000s", before, after)
	}
	m.sql(t, "shop", "INSERT INTO users (email) VALUES ('after')")
	if got := m.sql(t, "shop", "SELECT what FROM log WHERE what = 'after'; SELECT COUNT(*) FROM few; SELECT twice(4)"); got != "after\n9\n8" {
		t.Errorf("trigger, view and function: %q", got)
	}
	if err := b.Undo(t.Context(), re); err != nil {
		t.Fatal(err)
	}
	if after := m.whole(t); after != changed {
		t.Errorf("after the undo it is\n%.3000s", after)
	}
	m.nothingLeft(t, "")
	t.Run("a switch that fails", func(t *testing.T) { m.failsToSwitch(t) })
	t.Run("a difference", func(t *testing.T) { m.differs(t, b, o) })
	t.Run("a user that may not lock", func(t *testing.T) { m.mayNotLock(t, b) })
}

// underWrites takes a backup while transactions of two rows are committed: a
// count that is not of the dump's instant differs.
func (m maria) underWrites(t *testing.T, b *Backups) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			var b strings.Builder
			for range 50 {
				b.WriteString("BEGIN; INSERT INTO users (email) VALUES ('w'); INSERT INTO orders (user) VALUES (LAST_INSERT_ID()); COMMIT;\n")
			}
			_, _ = m.db().script(ctx, "shop", b.String())
		}
	}()
	defer func() { stop(); <-ended }()
	r, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	o, err := b.Open(t.Context(), r.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	out, err := b.Rehearse(t.Context(), o)
	if err != nil || len(out.Differences) > 0 {
		t.Errorf("%+v, %v", out.Differences, err)
	}
}

// failsToSwitch restores a definition that cannot be made: all must be as before.
func (m maria) failsToSwitch(t *testing.T) {
	before := m.whole(t)
	db := m.db()
	scratch := scratchPrefix + "ffffff"
	m.sql(t, "", "CREATE DATABASE "+scratch+"; CREATE TABLE "+scratch+".only (i int);")
	if err := db.exchange(t.Context(), scratch, formerPrefix+"x", "CREATE VIEW broken AS SELECT * FROM nothing_of_that_name;\n"); err == nil {
		t.Error("it did not fail")
	}
	if after := m.whole(t); after != before {
		t.Errorf("it was\n%.3000s\nand is\n%.3000s", before, after)
	}
	m.sql(t, "", "DROP DATABASE "+scratch)
	m.nothingLeft(t, "")
}

func (m maria) differs(t *testing.T, b *Backups, o *Opened) {
	kept := o.Manifest.Tables[0].Hash
	defer func() { o.Manifest.Tables[0].Hash = kept }()
	o.Manifest.Tables[0].Hash = strings.Repeat("0", 32)
	before := m.whole(t)
	if _, err := b.Restore(t.Context(), o); !errors.Is(err, ErrDiffers) {
		t.Errorf("got %v", err)
	}
	if m.whole(t) != before {
		t.Error("the live database was touched")
	}
	m.nothingLeft(t, "")
}

func (m maria) mayNotLock(t *testing.T, b *Backups) {
	m.sql(t, "", `CREATE USER weak@localhost IDENTIFIED BY 'it''s a "secret"'; GRANT ALL ON shop.* TO weak@localhost;`)
	p := b.Places[0]
	p.User, p.PasswordFile = "weak", m.password
	_, err := b.Take(t.Context(), p, Reason{Cause: "a test"})
	if _, fix := stack.Explain(err); err == nil || !strings.Contains(fix, "may not lock") || strings.Contains(fmt.Sprint(err), "secret") {
		t.Errorf("got %v", err)
	}
	p.PasswordFile = "/nowhere"
	if _, err := b.Take(t.Context(), p, Reason{Cause: "a test"}); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("got %v", err)
	}
}
