package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/server/testdb"
)

var update = flag.Bool("update", false, "write expected.json anew")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testdb.Run(m))
}

func context20(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func emptyDB(t *testing.T) *DB {
	t.Helper()
	port, name := testdb.New(t)
	return openDB(t, port, name)
}

func migratedDB(t *testing.T) *DB {
	t.Helper()
	port, name := testdb.Migrated(t, func(port int, name string) error {
		db, err := Open(context20(t), testAddress(port, name), Pool{Role: "test", Size: 4})
		if err != nil {
			return err
		}
		defer db.Close()
		m, err := NewMigrations(db)
		if err != nil {
			return err
		}
		if _, err = m.Up(context20(t)); err != nil {
			return err
		}
		_, err = m.Roles(context20(t), testdb.RolePasswords())
		return err
	})
	return openDB(t, port, name)
}

func testAddress(port int, name string) Address {
	return Address{Host: "127.0.0.1", Port: uint16(port), Name: name, User: "app", Password: testdb.Password}
}

func openDB(t *testing.T, port int, name string) *DB {
	t.Helper()
	db, err := Open(context20(t), testAddress(port, name), Pool{Role: "test", Size: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestExpectedIsFresh(t *testing.T) {
	live, err := readSchema(context20(t), migratedDB(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(live, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile("expected.json", text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(text, expectedJSON) {
		t.Error("expected.json is not what the migrations make; run go test ./pkg/server/postgres -run TestExpectedIsFresh -update")
	}
}

func TestMigratedSchemaIsOKAndMigratingAgainDoesNothing(t *testing.T) {
	db, ctx := migratedDB(t), context20(t)
	r, err := CheckSchema(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != SchemaOK || r.Stamped != r.Head || r.Head < 2 || r.Objects < 50 {
		t.Errorf("%s", r.Text())
	}
	m, _ := NewMigrations(db)
	if done, err := m.Up(ctx); err != nil || len(done) != 0 {
		t.Errorf("second run applied %v, err %v", done, err)
	}
}

func TestUnmigratedDatabaseIsDrift(t *testing.T) {
	r, err := CheckSchema(context20(t), emptyDB(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != SchemaDrift || r.Stamped != 0 || len(r.Pending) < 2 || len(r.Differences) < 50 {
		t.Errorf("%s", r.Text())
	}
}

func TestParallelMigrationsAreOne(t *testing.T) {
	db, ctx := emptyDB(t), context20(t)
	var wg sync.WaitGroup
	applied := make([]int, 3)
	for i := range applied {
		wg.Go(func() {
			m, err := NewMigrations(db)
			if err != nil {
				t.Error(err)
				return
			}
			done, err := m.Up(ctx)
			if err != nil {
				t.Error(err)
			}
			applied[i] = len(done)
		})
	}
	wg.Wait()
	slices.Sort(applied)
	if applied[0] != 0 || applied[1] != 0 || applied[2] < 2 {
		t.Errorf("applied %v, want all by one", applied)
	}
}

func TestDriftIsSeen(t *testing.T) {
	for name, c := range map[string]struct{ sql, object, problem string }{
		"missing column":           {`ALTER TABLE users DROP COLUMN bio`, "column users.bio", "missing"},
		"changed type":             {`ALTER TABLE users ALTER COLUMN bio TYPE varchar(50)`, "column users.bio", "changed"},
		"changed default":          {`ALTER TABLE users ALTER COLUMN bio SET DEFAULT 'x'`, "column users.bio", "changed"},
		"dropped default":          {`ALTER TABLE users ALTER COLUMN is_staff DROP DEFAULT`, "column users.is_staff", "changed"},
		"null allowed":             {`ALTER TABLE users ALTER COLUMN email DROP NOT NULL`, "column users.email", "changed"},
		"missing index":            {`DROP INDEX users_email_key`, "index users_email_key", "missing"},
		"index no longer unique":   {`DROP INDEX users_email_key; CREATE INDEX users_email_key ON users (email)`, "index users_email_key", "changed"},
		"missing constraint":       {`ALTER TABLE users DROP CONSTRAINT users_email_clean`, "constraint users.users_email_clean", "missing"},
		"foreign key without act":  {`ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)`, "constraint sessions.sessions_user_id_fkey", "changed"},
		"unvalidated constraint":   {`ALTER TABLE users DROP CONSTRAINT users_bio_length; ALTER TABLE users ADD CONSTRAINT users_bio_length CHECK (char_length(bio) <= 1000) NOT VALID`, "constraint users.users_bio_length", "changed"},
		"missing table":            {`DROP TABLE schedules`, "table schedules", "missing"},
		"missing queue column":     {`ALTER TABLE river_job DROP COLUMN tags`, "column river_job.tags", "missing"},
		"disabled trigger":         {`ALTER TABLE audit_events DISABLE TRIGGER audit_events_no_change`, "trigger audit_events.audit_events_no_change", "changed"},
		"rewritten function":       {`CREATE OR REPLACE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`, "function audit_events_append_only()", "changed"},
		"extra column":             {`ALTER TABLE users ADD COLUMN x text`, "column users.x", "extra"},
		"extra table":              {`CREATE TABLE x (id int)`, "table x", "extra"},
		"extra index":              {`CREATE INDEX x ON users (bio)`, "index x", "extra"},
		"extra view":               {`CREATE VIEW x AS SELECT 1`, "view x", "extra"},
		"extra enum label":         {`ALTER TYPE river_job_state ADD VALUE 'odd'`, "type river_job_state", "changed"},
		"extra schema":             {`CREATE SCHEMA x`, "schema x", "extra"},
		"unlogged table":           {`ALTER TABLE sessions SET UNLOGGED`, "table sessions", "changed"},
		"open to everybody":        {`GRANT SELECT ON users TO PUBLIC`, "grant users to PUBLIC", "extra"},
		"open column":              {`GRANT UPDATE (is_staff) ON users TO PUBLIC`, "grant users to PUBLIC", "extra"},
		"anybody makes tables":     {`GRANT CREATE ON SCHEMA public TO PUBLIC`, "grant schema public to PUBLIC", "extra"},
		"one right more":           {`GRANT SELECT ON users TO app_scheduler`, "grant users to app_scheduler", "extra"},
		"one column more":          {`GRANT SELECT (password_hash) ON users TO app_worker`, "grant users to app_worker", "changed"},
		"one right less":           {`REVOKE SELECT ON schedules FROM app_worker`, "grant schedules to app_worker", "missing"},
		"a right to pass on":       {`GRANT INSERT ON audit_events TO app_api WITH GRANT OPTION`, "grant audit_events to app_api", "changed"},
		"events can be deleted":    {`GRANT DELETE ON audit_events TO app_worker`, "grant audit_events to app_worker", "extra"},
		"anybody may sweep":        {`GRANT EXECUTE ON FUNCTION sweep_users TO PUBLIC`, "grant sweep_users(timestamp with time zone,integer) to PUBLIC", "extra"},
		"a role makes tables":      {`GRANT CREATE ON SCHEMA public TO app_api`, "grant schema public to app_api", "extra"},
		"a service owns a table":   {`ALTER TABLE schedules OWNER TO app_scheduler`, "table schedules", "changed"},
		"a sweep without its path": {`ALTER FUNCTION sweep_users RESET search_path`, "function sweep_users(timestamp with time zone,integer)", "changed"},
		"rule that discards":       {`CREATE RULE quiet AS ON INSERT TO audit_events DO INSTEAD NOTHING`, "rule audit_events.quiet", "extra"},
	} {
		t.Run(name, func(t *testing.T) {
			db, ctx := migratedDB(t), context20(t)
			if _, err := db.SQL.ExecContext(ctx, c.sql); err != nil {
				t.Fatal(err)
			}
			r, err := CheckSchema(ctx, db)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != SchemaDrift || r.Stamped != r.Head {
				t.Errorf("not seen: %s", r.Text())
			}
			if !slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Object == c.object && d.Problem == c.problem }) {
				t.Errorf("want %s %s, got\n%s", c.problem, c.object, r.Text())
			}
		})
	}
}

func TestNewerSchemaIsJudgedByWhatThisReleaseCanLiveWith(t *testing.T) {
	for name, c := range map[string]struct {
		sql    string
		status SchemaStatus
	}{
		"new table":               {`CREATE TABLE x (id int PRIMARY KEY)`, SchemaOK},
		"nullable column":         {`ALTER TABLE users ADD COLUMN x text`, SchemaOK},
		"column with default":     {`ALTER TABLE users ADD COLUMN x text NOT NULL DEFAULT ''`, SchemaOK},
		"column that is required": {`ALTER TABLE users ADD COLUMN x text NOT NULL`, SchemaDrift},
		"stricter constraint":     {`ALTER TABLE users ADD CONSTRAINT x CHECK (bio <> '')`, SchemaDrift},
		"new unique index":        {`CREATE UNIQUE INDEX x ON users (bio)`, SchemaDrift},
		"dropped column":          {`ALTER TABLE users DROP COLUMN bio`, SchemaDrift},
		"one right more":          {`GRANT UPDATE ON schedules TO app_worker`, SchemaOK},
		"a right on a new object": {`GRANT SELECT ON users TO app_scheduler`, SchemaOK},
		"one right less":          {`REVOKE INSERT ON audit_events FROM app_api`, SchemaDrift},
	} {
		t.Run(name, func(t *testing.T) {
			db, ctx := migratedDB(t), context20(t)
			if _, err := db.SQL.ExecContext(ctx, c.sql); err != nil {
				t.Fatal(err)
			}
			if _, err := db.SQL.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, true)`); err != nil {
				t.Fatal(err)
			}
			r, err := CheckSchema(ctx, db)
			if err != nil || r.Status != c.status || r.Stamped != 9000 {
				t.Errorf("err %v\n%s", err, r.Text())
			}
		})
	}
}
