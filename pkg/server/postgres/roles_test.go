package postgres

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"stackctl/pkg/server/testdb"
)

// as opens a database as a service's role does.
func as(t *testing.T, db *DB, role string) *DB {
	t.Helper()
	c := db.Pool.Config().ConnConfig
	own, err := Open(context20(t), Address{Host: c.Host, Port: c.Port, Name: c.Database, User: role, Password: testdb.RolePasswords()[role]}, Pool{Role: "test", Size: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	return own
}

func migrations(t *testing.T, db *DB) *Migrations {
	t.Helper()
	m, err := NewMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rolesDB is a migrated database with its roles: a copy of a database has not what
// was taken from everybody on the database itself.
func rolesDB(t *testing.T) *DB {
	t.Helper()
	db := migratedDB(t)
	if _, err := migrations(t, db).Roles(context20(t), testdb.RolePasswords()); err != nil {
		t.Fatal(err)
	}
	return db
}

// everybodyMayNot is what no service may do.
var everybodyMayNot = map[string]string{
	"change an event":                `UPDATE audit_events SET action = 'x'`,
	"delete an event":                `DELETE FROM audit_events`,
	"empty the events":               `TRUNCATE audit_events`,
	"disable the guard":              `ALTER TABLE audit_events DISABLE TRIGGER ALL`,
	"drop the guard":                 `DROP TRIGGER audit_events_no_change ON audit_events`,
	"work as a replica, unguarded":   `SET session_replication_role = replica`,
	"rewrite the guard":              `CREATE OR REPLACE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'`,
	"rewrite a sweep":                `ALTER FUNCTION sweep_users(timestamptz, integer) SECURITY INVOKER`,
	"make a table":                   `CREATE TABLE public.x (id int)`,
	"make a temporary table":         `CREATE TEMPORARY TABLE x (id int)`,
	"make a function":                `CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	"make a schema":                  `CREATE SCHEMA x`,
	"make a database":                `CREATE DATABASE x`,
	"put a trigger on a table":       `CREATE TRIGGER x BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION audit_events_append_only()`,
	"drop a table":                   `DROP TABLE schedules`,
	"empty a table":                  `TRUNCATE users CASCADE`,
	"start a program":                `COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'`,
	"read what a program writes":     `COPY river_job FROM PROGRAM 'true'`,
	"write a file":                   `COPY (SELECT 1) TO '/tmp/x'`,
	"read a file":                    `SELECT pg_read_file('PG_VERSION')`,
	"read the roles' passwords":      `SELECT rolpassword FROM pg_authid`,
	"become a superuser":             `ALTER ROLE CURRENT_USER SUPERUSER`,
	"let itself make roles":          `ALTER ROLE CURRENT_USER CREATEROLE`,
	"let itself make databases":      `ALTER ROLE CURRENT_USER CREATEDB`,
	"let itself replicate":           `ALTER ROLE CURRENT_USER REPLICATION`,
	"let itself bypass row security": `ALTER ROLE CURRENT_USER BYPASSRLS`,
	"make a role":                    `CREATE ROLE x`,
	"become the owner":               `SET ROLE app`,
	"join the owner":                 `GRANT app TO CURRENT_USER`,
	"change the owner's password":    `ALTER ROLE app PASSWORD 'x'`,
	"change the server":              `ALTER SYSTEM SET log_statement = 'none'`,
	"stamp a migration":              `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`,
}

// someMayNot is what certain services have no need for.
var someMayNot = map[string][]string{
	`SELECT password_hash FROM users`:                                 {"app_worker", "app_scheduler", "app_jobs_ui"},
	`SELECT * FROM users`:                                             {"app_worker", "app_scheduler", "app_jobs_ui"},
	`UPDATE users SET is_staff = true`:                                {"app_worker", "app_scheduler", "app_jobs_ui"},
	`UPDATE users SET password_hash = 'x'`:                            {"app_worker", "app_scheduler", "app_jobs_ui"},
	`DELETE FROM users`:                                               {"app_worker", "app_scheduler", "app_jobs_ui"},
	`SELECT secret FROM factors`:                                      {"app_worker", "app_scheduler", "app_jobs_ui"},
	`SELECT public_key FROM passkeys`:                                 {"app_worker", "app_scheduler", "app_jobs_ui"},
	`UPDATE passkeys SET alone = true`:                                {"app_worker", "app_scheduler", "app_jobs_ui"},
	`SELECT sweep_unproven_users(now(), 1)`:                           {"app_api", "app_admin", "app_scheduler", "app_jobs_ui"},
	`SELECT code_hash FROM recovery_codes`:                            {"app_worker", "app_scheduler", "app_jobs_ui"},
	`SELECT token_hash FROM sessions`:                                 {"app_worker", "app_scheduler", "app_jobs_ui"},
	`SELECT token_hash FROM mail_tokens`:                              {"app_worker", "app_scheduler", "app_jobs_ui"},
	`INSERT INTO mail_tokens (purpose) VALUES ('reset')`:              {"app_api", "app_admin", "app_scheduler", "app_jobs_ui"},
	`INSERT INTO sessions (kind) VALUES ('staff')`:                    {"app_worker", "app_scheduler", "app_jobs_ui"},
	`SELECT * FROM audit_events`:                                      {"app_api", "app_worker", "app_scheduler", "app_jobs_ui"},
	`INSERT INTO audit_events (action, result) VALUES ('x', 'ok')`:    {"app_worker", "app_scheduler"},
	`SELECT sweep_audit_events(now(), 1)`:                             {"app_api", "app_admin", "app_scheduler", "app_jobs_ui"},
	`SELECT sweep_users(now(), 1)`:                                    {"app_api", "app_admin", "app_scheduler", "app_jobs_ui"},
	`INSERT INTO river_job (kind, max_attempts) VALUES ('mail', 1)`:   {"app_jobs_ui"},
	`UPDATE river_job SET args = '{}'`:                                {"app_api", "app_scheduler"},
	`UPDATE schedules SET next_run = now()`:                           {"app_api", "app_admin", "app_worker", "app_jobs_ui"},
	`UPDATE sessions SET expires_at = now() + interval '1 year'`:      {"app_worker", "app_scheduler", "app_jobs_ui"},
	`UPDATE mail_tokens SET expires_at = now() + interval '10 years'`: {"app_api", "app_admin", "app_worker", "app_scheduler", "app_jobs_ui"},
}

func TestServicesMayNotDoMoreThanTheyNeed(t *testing.T) {
	db := rolesDB(t)
	for _, role := range roleNames() {
		own := as(t, db, role)
		await(t, role+" logs in", func() bool { return own.Ping(context20(t)) == nil })
		for what, statement := range everybodyMayNot {
			mustRefuse(t, own, role+" can "+what, statement)
		}
		for statement, roles := range someMayNot {
			if slices.Contains(roles, role) {
				mustRefuse(t, own, role+" can do it", statement)
			}
		}
	}
}

// mustRefuse wants a statement refused for want of a right; it is taken back in any case.
func mustRefuse(t *testing.T, db *DB, problem, statement string) {
	t.Helper()
	// CREATE DATABASE and ALTER SYSTEM run in no transaction.
	_, err := db.Pool.Exec(context20(t), statement)
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Code != "42501" && server.Code != "42502" {
		t.Errorf("%s: %s: %v", problem, statement, err)
	}
}

func TestRolesTwiceChangeNothing(t *testing.T) {
	db := rolesDB(t)
	done, err := migrations(t, db).Roles(context20(t), testdb.RolePasswords())
	if err != nil || len(done) > 0 {
		t.Errorf("changed %q, %v", done, err)
	}
	if done, err = migrations(t, db).Roles(context20(t), nil); err != nil || len(done) > 0 {
		t.Errorf("without passwords: changed %q, %v", done, err)
	}
}

func TestRolesAreMadeRightAgain(t *testing.T) {
	for name, c := range map[string]struct{ wrong, object string }{
		"a superuser":            {`ALTER ROLE app_api SUPERUSER`, "role app_api"},
		"all attributes":         {`ALTER ROLE app_worker CREATEDB CREATEROLE REPLICATION BYPASSRLS`, "role app_worker"},
		"a member of a group":    {`GRANT pg_read_all_data TO app_scheduler`, "role app_scheduler"},
		"another search path":    {`ALTER ROLE app_api SET search_path = pg_temp, public`, "role app_api"},
		"a setting of its own":   {`ALTER ROLE app_admin SET statement_timeout = 1`, "role app_admin"},
		"a setting here alone":   {`DO $$ BEGIN EXECUTE format('ALTER ROLE app_jobs_ui IN DATABASE %I SET statement_timeout = 1', current_database()); END $$`, "role app_jobs_ui"},
		"a right too many":       {`GRANT UPDATE, DELETE, TRUNCATE ON audit_events TO app_admin`, "grant audit_events to app_admin"},
		"a column too many":      {`GRANT SELECT (password_hash) ON users TO app_worker`, "grant users to app_worker"},
		"a right that is passed": {`GRANT INSERT ON audit_events TO app_api WITH GRANT OPTION`, "grant audit_events to app_api"},
		"objects may be made":    {`GRANT CREATE ON SCHEMA public TO app_api`, "grant schema public to app_api"},
		"anybody makes objects":  {`GRANT CREATE ON SCHEMA public TO PUBLIC`, "grant schema public to PUBLIC"},
		"a right too few":        {`REVOKE ALL ON river_job FROM app_worker`, "grant river_job to app_worker"},
	} {
		t.Run(name, func(t *testing.T) {
			db, ctx := rolesDB(t), context20(t)
			m := migrations(t, db)
			t.Cleanup(func() { _, _ = m.Roles(context20(t), testdb.RolePasswords()) })
			if _, err := db.SQL.ExecContext(ctx, c.wrong); err != nil {
				t.Fatal(err)
			}
			if r, err := CheckSchema(ctx, db); err != nil || !slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Object == c.object }) {
				t.Errorf("not seen: %v\n%s", err, r.Text())
			}
			if done, err := m.Roles(ctx, testdb.RolePasswords()); err != nil || len(done) == 0 {
				t.Errorf("changed %q, %v", done, err)
			}
			if r, err := CheckSchema(ctx, db); err != nil || r.Status != SchemaOK {
				t.Errorf("%v\n%s", err, r.Text())
			}
		})
	}
}

// TestNothingIsTakenFromANewerRelease lets this release migrate a database that a
// newer one uses.
func TestNothingIsTakenFromANewerRelease(t *testing.T) {
	db, ctx := rolesDB(t), context20(t)
	if _, err := db.SQL.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, true);
		GRANT UPDATE ON schedules TO app_worker; REVOKE SELECT ON schedules FROM app_worker`); err != nil {
		t.Fatal(err)
	}
	done, err := migrations(t, db).Roles(ctx, nil)
	if want := []string{`GRANT SELECT ON TABLE "schedules" TO "app_worker"`}; err != nil || !slices.Equal(done, want) {
		t.Errorf("changed %q, %v", done, err)
	}
}

func TestPasswordsOfRolesChange(t *testing.T) {
	db, ctx := rolesDB(t), context20(t)
	m := migrations(t, db)
	t.Cleanup(func() { _, _ = m.Roles(context20(t), testdb.RolePasswords()) })
	changed := maps.Clone(testdb.RolePasswords())
	changed["app_api"] = "another-one-with-'quotes'-and-\\"
	done, err := m.Roles(ctx, changed)
	if err != nil || len(done) != 1 || !strings.Contains(done[0], "app_api") || strings.Contains(done[0], "SCRAM") {
		t.Errorf("changed %q, %v", done, err)
	}
	if err := as(t, db, "app_api").Ping(ctx); err == nil {
		t.Error("the former password is taken")
	}
	c := db.Pool.Config().ConnConfig
	own, err := Open(ctx, Address{Host: c.Host, Port: c.Port, Name: c.Database, User: "app_api", Password: changed["app_api"]}, Pool{Role: "test", Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := own.Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestPasswordsForOtherRolesAreRefused(t *testing.T) {
	m := migrations(t, rolesDB(t))
	for problem, change := range map[string]func(map[string]string){
		`no database role "app_boss"`: func(p map[string]string) { p["app_boss"] = "x" },
		"app_worker has no password":  func(p map[string]string) { delete(p, "app_worker") },
		"printable ASCII":             func(p map[string]string) { p["app_api"] = "pässwörd-of-some-length" },
	} {
		passwords := testdb.RolePasswords()
		change(passwords)
		if done, err := m.Roles(context20(t), passwords); err == nil || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "pässwörd") {
			t.Errorf("%s: changed %q, %v", problem, done, err)
		}
	}
}

// TestNoPasswordIsInTheServersLog makes the roles while the server logs every
// statement, and once where it fails.
func TestNoPasswordIsInTheServersLog(t *testing.T) {
	c, err := testdb.Launch("fsync=off", "logging_collector=on", "log_statement=all", "log_min_messages=error", "log_min_error_statement=error")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	db, ctx := openDB(t, c.Port, "postgres"), context20(t)
	m := migrations(t, db)
	if _, err := m.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Roles(ctx, testdb.RolePasswords()); err != nil {
		t.Fatal(err)
	}
	// Whoever may not change roles fails in the middle.
	if _, err := db.SQL.ExecContext(ctx, `CREATE ROLE weak LOGIN PASSWORD 'weak-one-for-a-test'; GRANT SELECT ON goose_db_version TO weak`); err != nil {
		t.Fatal(err)
	}
	weak, err := Open(ctx, Address{Host: "127.0.0.1", Port: uint16(c.Port), Name: "postgres", User: "weak", Password: "weak-one-for-a-test"}, Pool{Role: "test", Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer weak.Close()
	passwords := testdb.RolePasswords()
	_, failed := migrations(t, weak).Roles(ctx, passwords)
	if failed == nil || !strings.Contains(failed.Error(), "CREATEROLE") || strings.Contains(failed.Error(), "SCRAM") {
		t.Errorf("as somebody else: %v", failed)
	}
	var log string
	if err := db.SQL.GetContext(ctx, &log, `SELECT pg_read_file(pg_current_logfile())`); err != nil {
		t.Fatal(err)
	}
	if strings.Count(log, "PASSWORD 'SCRAM-SHA-256$") < len(passwords) {
		t.Error("the log does not hold the statements")
	}
	for role, password := range passwords {
		if strings.Contains(log, password) || strings.Contains(fmt.Sprint(failed), password) {
			t.Errorf("the password of %s is told", role)
		}
	}
}

// TestAnOwnerWithAServicesNameIsRefused.
func TestAnOwnerWithAServicesNameIsRefused(t *testing.T) {
	db := as(t, rolesDB(t), "app_api")
	if _, err := migrations(t, db).Roles(context20(t), nil); err == nil || !strings.Contains(err.Error(), "POSTGRES_USER") {
		t.Errorf("%v", err)
	}
}
