package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// before migrates an empty database up to below a version.
func before(t *testing.T, db *DB, version int64) *Migrations {
	t.Helper()
	m, err := NewMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.provider.UpTo(context20(t), version-1); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAMigrationStepsBackFromATableThatIsHeld lets a transaction keep a table that
// a migration needs: others use the table meanwhile, and the migration is done
// once it is free.
func TestAMigrationStepsBackFromATableThatIsHeld(t *testing.T) {
	db, ctx := emptyDB(t), context20(t)
	m := before(t, db, 4) // which refers to users
	held, err := db.Pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := held.Exec(ctx, `LOCK TABLE users IN ROW EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}

	type end struct {
		done []Applied
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		done, err := m.Up(ctx)
		ended <- end{done, err}
	}()
	waits := func() (n int) {
		if err := db.SQL.GetContext(ctx, &n, `SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND NOT granted`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	await(t, "the migration waits for the table", func() bool { return waits() > 0 })
	other, cancel := context.WithTimeout(ctx, 2*lockWait)
	defer cancel()
	if _, err := db.Pool.Exec(other, `UPDATE users SET bio = bio WHERE false`); err != nil {
		t.Errorf("behind the migration: %v", err)
	}
	if err := held.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if e := <-ended; e.err != nil || len(e.done) == 0 {
		t.Errorf("the migration: %v, %v", e.done, e.err)
	}
}

// TestAMigrationMayTakeLongerThanAQuery asks the migrations' own sessions.
func TestAMigrationMayTakeLongerThanAQuery(t *testing.T) {
	db, ctx := emptyDB(t), context20(t)
	patient := db.patient()
	defer func() { _ = patient.Close() }()
	for setting, want := range map[string]string{"statement_timeout": "0", "lock_timeout": "2s", "timezone": "UTC"} {
		var got string
		if err := patient.QueryRowContext(ctx, "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", setting, got, err, want)
		}
	}
	var others string
	if err := db.SQL.GetContext(ctx, &others, "SELECT current_setting('statement_timeout')"); err != nil || others != "15s" {
		t.Errorf("elsewhere: %q, %v", others, err)
	}
}

// TestWhoKeepsAMigrationIsNamed sees who is blamed.
func TestWhoKeepsAMigrationIsNamed(t *testing.T) {
	db, ctx := emptyDB(t), context20(t)
	m := before(t, db, 2)
	if who := m.oldest(ctx); who != "" {
		t.Errorf("nobody, but %q", who)
	}
	held, err := db.Pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := held.Exec(ctx, `SELECT 1`); err != nil {
		t.Fatal(err)
	}
	if who := m.oldest(ctx); !strings.Contains(who, "server test") || !strings.Contains(who, "idle in transaction") {
		t.Errorf("%q", who)
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestAnOwnerWhoIsNoSuperuserMigrates migrates as managed databases have it: the owner
// of the database is an ordinary role.
func TestAnOwnerWhoIsNoSuperuserMigrates(t *testing.T) {
	db, ctx := emptyDB(t), context20(t)
	if _, err := db.SQL.ExecContext(ctx, `CREATE ROLE plain_owner LOGIN PASSWORD 'plain-one-for-a-test'`); err != nil {
		t.Fatal(err)
	}
	var port uint16
	var name string
	if err := db.SQL.QueryRowxContext(ctx, `SELECT inet_server_port(), current_database()`).Scan(&port, &name); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SQL.ExecContext(ctx, `ALTER DATABASE `+pgx.Identifier{name}.Sanitize()+` OWNER TO plain_owner`); err != nil {
		t.Fatal(err)
	}
	plain, err := Open(ctx, Address{Host: "127.0.0.1", Port: port, Name: name, User: "plain_owner", Password: "plain-one-for-a-test"}, Pool{Role: "test", Size: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	m := migrations(t, plain)
	if done, err := m.Up(ctx); err != nil || len(done) != len(m.provider.ListSources()) {
		t.Errorf("migrated %v: %v", done, err)
	}
}
