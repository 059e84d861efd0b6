package main

import "strings"

// sql breaks the database; back repairs it.
func sql(do, back string) func(s *server) { return func(s *server) { s.sql(do, back) } }

// schemas let the live schema differ from what the migrations make, while the
// stamp stays.
var schemas = []mutant{
	{name: "stamped at head, a column missing", row: 20, gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE users DROP COLUMN bio", "ALTER TABLE users ADD COLUMN bio text NOT NULL DEFAULT ''; ALTER TABLE users ADD CONSTRAINT users_bio_length CHECK (char_length(bio) <= 1000)")},
	{name: "a second superuser", gates: "G9", rule: "stores/superuser", server: sql("CREATE ROLE boss SUPERUSER", "DROP ROLE boss")},
	{name: "the database confirms what it has not written", gates: "G9", rule: "stores/commit", server: sql("ALTER ROLE CURRENT_USER SET synchronous_commit = off", "ALTER ROLE CURRENT_USER RESET synchronous_commit")},
	{name: "a role without a password is let in from anywhere", gates: "G9", rule: "stores/password", server: sql(`COPY (SELECT 'local all all trust' UNION ALL SELECT 'host all all all scram-sha-256' UNION ALL SELECT 'host all nobody 192.0.2.0/24 trust') TO PROGRAM 'cp pg_hba.conf pg_hba.kept; cat > pg_hba.conf'; SELECT pg_reload_conf()`, `COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; mv pg_hba.kept pg_hba.conf'; SELECT pg_reload_conf()`)},
	{name: "an index is dropped", gates: "G6", rule: "schema/differs", server: sql("DROP INDEX users_created_at_idx", "CREATE INDEX users_created_at_idx ON users (created_at)")},
	{name: "a unique index is no longer unique", gates: "G6", rule: "schema/differs", server: sql("DROP INDEX identities_issuer_subject_key; CREATE INDEX identities_issuer_subject_key ON identities (issuer, subject)", "DROP INDEX identities_issuer_subject_key; CREATE UNIQUE INDEX identities_issuer_subject_key ON identities (issuer, subject)")},
	{name: "a default is changed", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE users ALTER COLUMN is_staff SET DEFAULT true", "ALTER TABLE users ALTER COLUMN is_staff SET DEFAULT false")},
	{name: "a column may be null", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE sessions ALTER COLUMN expires_at DROP NOT NULL", "ALTER TABLE sessions ALTER COLUMN expires_at SET NOT NULL")},
	{name: "a column has another type", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE sessions ALTER COLUMN ip TYPE varchar(64)", "ALTER TABLE sessions ALTER COLUMN ip TYPE text")},
	{name: "a constraint is dropped", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE sessions DROP CONSTRAINT sessions_kind", "ALTER TABLE sessions ADD CONSTRAINT sessions_kind CHECK (kind IN ('site', 'staff'))")},
	{name: "a constraint is not valid", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE sessions DROP CONSTRAINT sessions_kind, ADD CONSTRAINT sessions_kind CHECK (kind IN ('site', 'staff')) NOT VALID", "ALTER TABLE sessions VALIDATE CONSTRAINT sessions_kind")},
	{name: "a foreign key no longer cascades", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)", "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE")},
	{name: "an extra trigger", gates: "G6", rule: "schema/differs", server: sql("CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER spy BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION spy()", "DROP TRIGGER spy ON users; DROP FUNCTION spy()")},
	{name: "the append-only trigger is disabled", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE audit_events DISABLE TRIGGER audit_events_no_change", "ALTER TABLE audit_events ENABLE TRIGGER audit_events_no_change")},
	{name: "the append-only function does nothing", gates: "G6", rule: "schema/differs", server: sql(`ALTER FUNCTION audit_events_append_only() RENAME TO kept; CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'`, "DROP FUNCTION audit_events_append_only(); ALTER FUNCTION kept() RENAME TO audit_events_append_only")},
	{name: "a migration is pending", gates: "G6", rule: "schema/pending", server: sql("CREATE TABLE kept AS SELECT * FROM goose_db_version ORDER BY id DESC LIMIT 1; DELETE FROM goose_db_version WHERE id = (SELECT max(id) FROM goose_db_version)", "INSERT INTO goose_db_version OVERRIDING SYSTEM VALUE SELECT * FROM kept; DROP TABLE kept")},
	{name: "an unknown migration is stamped", gates: "G6", rule: "schema/pending", server: sql("INSERT INTO goose_db_version (version_id, is_applied) VALUES (90000, true)", "DELETE FROM goose_db_version WHERE version_id = 90000")},
	{name: "an extra table", gates: "G6", rule: "schema/differs", server: sql("CREATE TABLE users_backup AS SELECT * FROM users", "DROP TABLE users_backup")},
	{name: "an extra required column", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE schedules ADD COLUMN note text NOT NULL DEFAULT ''", "ALTER TABLE schedules DROP COLUMN note")},
	{name: "a table is renamed behind a view", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE identities RENAME TO identities_real; CREATE VIEW identities AS SELECT * FROM identities_real", "DROP VIEW identities; ALTER TABLE identities_real RENAME TO identities")},
	{name: "row security hides rows", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY", "ALTER TABLE audit_events DISABLE ROW LEVEL SECURITY")},
	{name: "a table without a log", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE schedules SET UNLOGGED", "ALTER TABLE schedules SET LOGGED")},
	{name: "everybody may read the users", gates: "G6", rule: "schema/differs", server: sql("GRANT SELECT ON users TO PUBLIC", "REVOKE SELECT ON users FROM PUBLIC")},
	{name: "a rule throws changes away", gates: "G6", rule: "schema/differs", server: sql("CREATE RULE quiet AS ON INSERT TO audit_events DO INSTEAD NOTHING", "DROP RULE quiet ON audit_events")},
	{name: "a column's collation is another one", gates: "G6", rule: "schema/differs", server: sql(`ALTER TABLE users ALTER COLUMN bio TYPE text COLLATE "C"`, `ALTER TABLE users ALTER COLUMN bio TYPE text COLLATE "default"`)},
	{name: "an index is not valid", gates: "G6", rule: "schema/differs", server: func(s *server) {
		set := func(v string) string {
			return "docker exec " + s.container("postgres") + " sh -c 'psql -q -v ON_ERROR_STOP=1 -U $POSTGRES_USER -d $POSTGRES_DB -c \"UPDATE pg_index SET indisvalid = " + v + " WHERE indexrelid = (SELECT oid FROM pg_class WHERE relname = \\$\\$users_created_at_idx\\$\\$)\"'"
		}
		s.change(set("false"), set("true"))
	}},
	{name: "an index of the same name on another column", gates: "G6", rule: "schema/differs", server: sql("DROP INDEX users_created_at_idx; CREATE INDEX users_created_at_idx ON users (display_name)", "DROP INDEX users_created_at_idx; CREATE INDEX users_created_at_idx ON users (created_at)")},
	{name: "an index holds only some rows", gates: "G6", rule: "schema/differs", server: sql("DROP INDEX users_created_at_idx; CREATE INDEX users_created_at_idx ON users (created_at) WHERE is_staff", "DROP INDEX users_created_at_idx; CREATE INDEX users_created_at_idx ON users (created_at)")},
	{name: "a check of the same name lets more in", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE sessions DROP CONSTRAINT sessions_kind, ADD CONSTRAINT sessions_kind CHECK (kind <> '')", "ALTER TABLE sessions DROP CONSTRAINT sessions_kind, ADD CONSTRAINT sessions_kind CHECK (kind IN ('site', 'staff'))")},
	{name: "a foreign key is checked at the end alone", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE sessions ALTER CONSTRAINT sessions_user_id_fkey DEFERRABLE INITIALLY DEFERRED", "ALTER TABLE sessions ALTER CONSTRAINT sessions_user_id_fkey NOT DEFERRABLE")},
	{name: "a schema of a stranger", gates: "G6", rule: "schema/differs", server: sql("CREATE SCHEMA shadow; CREATE TABLE shadow.users (LIKE public.users)", "DROP SCHEMA shadow CASCADE")},
	{name: "a stranger's schema comes first in the search path", gates: "G6", rule: "schema/differs", server: sql("CREATE SCHEMA app; CREATE TABLE app.schedules (LIKE public.schedules INCLUDING ALL)", "DROP SCHEMA app CASCADE")},
	{name: "a table belongs to another role", gates: "G6", rule: "schema/differs", server: sql("CREATE ROLE mutant; ALTER TABLE schedules OWNER TO mutant; GRANT ALL ON schedules TO app", "ALTER TABLE schedules OWNER TO app; DROP OWNED BY mutant; DROP ROLE mutant")},
	{name: "a column is computed", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE schedules ADD COLUMN late boolean GENERATED ALWAYS AS (next_run < last_run) STORED", "ALTER TABLE schedules DROP COLUMN late")},
	{name: "a view shows the users to everybody", gates: "G6", rule: "schema/differs", server: sql("CREATE VIEW people AS SELECT * FROM users; GRANT SELECT ON people TO PUBLIC", "DROP VIEW people")},
	{name: "triggers fire for replicas alone", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE audit_events ENABLE REPLICA TRIGGER audit_events_no_change", "ALTER TABLE audit_events ENABLE TRIGGER audit_events_no_change")},
	{name: "a column more than the release knows, which must be given", gates: "G6", rule: "schema/differs", server: sql("ALTER TABLE schedules ADD COLUMN owner text; ALTER TABLE schedules ALTER COLUMN owner SET DEFAULT current_user; UPDATE schedules SET owner = 'x'; ALTER TABLE schedules ALTER COLUMN owner SET NOT NULL", "ALTER TABLE schedules DROP COLUMN owner")},
	{name: "the queue's table lost an index", gates: "G6", rule: "schema/differs", server: sql("ALTER INDEX river_job_kind RENAME TO river_job_kind_old", "ALTER INDEX river_job_kind_old RENAME TO river_job_kind")},
}

// jobs stop the work behind the site.
var jobs = []mutant{
	{name: "ping answers but nothing consumes the queue", row: 21, gates: "G7", rule: "jobs/done", server: sql("INSERT INTO river_queue (name, created_at, updated_at, paused_at) VALUES ('default', now(), now(), now()) ON CONFLICT (name) DO UPDATE SET paused_at = now(); SELECT pg_notify('public.river_control', '{\"action\":\"pause\",\"queue\":\"default\"}')",
		"UPDATE river_queue SET paused_at = NULL WHERE name = 'default'; SELECT pg_notify('public.river_control', '{\"action\":\"resume\",\"queue\":\"default\"}')")},
	{name: "the worker is stopped", gates: "G7", rule: "gate/running", server: func(s *server) {
		s.change("docker stop -t 1 "+s.container("worker"), "docker start "+s.container("worker"))
	}},
	{name: "the worker is frozen", gates: "G7", rule: "gate/running", server: func(s *server) {
		s.change("docker pause "+s.container("worker"), "docker unpause "+s.container("worker"))
	}},
	{name: "the scheduler is stopped", gates: "G7", rule: "jobs/processes", server: func(s *server) {
		s.change("docker stop -t 1 "+s.container("scheduler"), "docker start "+s.container("scheduler"))
	}},
	{name: "the scheduler's next run is long overdue", gates: "G7", rule: "jobs/scheduler", server: func(s *server) {
		s.change("docker pause "+s.container("scheduler"), "docker unpause "+s.container("scheduler"))
		s.sql("CREATE TABLE kept AS SELECT * FROM schedules; UPDATE schedules SET next_run = now() - interval '1 hour', last_run = now() - interval '2 hours'",
			"DELETE FROM schedules; INSERT INTO schedules SELECT * FROM kept; DROP TABLE kept")
	}},
	{name: "the dashboard is stopped", gates: "G7", rule: "jobs/processes", server: func(s *server) {
		s.change("docker stop -t 1 "+s.container("jobs-ui"), "docker start "+s.container("jobs-ui"))
	}},
	{name: "the dashboard is frozen", gates: "G7", rule: "jobs/processes", server: func(s *server) {
		s.change("docker pause "+s.container("jobs-ui"), "docker unpause "+s.container("jobs-ui"))
	}},
	{name: "a worker of an old release does the work", gates: "G7", rule: "gate/running", server: func(s *server) {
		// The worker of this release waits; one that says another release works.
		name := s.container("worker")
		s.change("docker rm -f old-worker >/dev/null 2>&1; docker run -d --name old-worker --network stack_data -e RELEASE=000000000000 "+
			"$(docker inspect -f '{{range .Config.Env}}-e {{.}} {{end}}' "+name+" | sed 's/-e RELEASE=[^ ]* //') "+
			"$(docker inspect -f '{{range .HostConfig.Binds}}-v {{.}} {{end}}{{range .Mounts}}-v {{.Source}}:{{.Destination}}:ro {{end}}' "+name+") stackctl/server:dev worker && docker pause "+name,
			"docker unpause "+name+"; docker rm -f old-worker")
	}},
	{name: "a scheduler runs but nothing is due", gates: "G7", rule: "jobs/scheduler", server: func(s *server) {
		// Somebody holds the scheduler's lock: it waits, and is healthy.
		s.undo(func() {
			s.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()")
		})
		s.sh("docker exec -d -e PGPASSWORD=$(docker exec " + s.container("postgres") + " cat /run/secrets/postgres_password) " + s.container("postgres") +
			" psql -h 127.0.0.1 -U app -d app -c 'SELECT pg_advisory_lock(1935894628), pg_sleep(600)'")
		s.until("the lock is held", func() bool {
			return s.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1935894628 AND granted") == "1"
		})
		s.psql("DELETE FROM schedules")
	}},
	{name: "the worker takes from another queue alone", gates: "G7", rule: "jobs/result", server: func(s *server) {
		s.recreated("worker", `body["Env"] = [e for e in body["Env"] if not e.startswith("RELEASE=")] + ["RELEASE=000000000000"]`)
	}},
	{name: "the worker reaches no database", gates: "G7", rule: "jobs/done", server: func(s *server) {
		network := "stack_data"
		address := strings.TrimSpace(s.sh("docker inspect -f '{{(index .NetworkSettings.Networks \"" + network + "\").IPAddress}}' " + s.container("worker")))
		s.change("docker network disconnect "+network+" "+s.container("worker"), "docker network connect --ip "+address+" "+network+" "+s.container("worker")+" || docker network connect "+network+" "+s.container("worker")+"; docker restart -t 1 "+s.container("worker"))
	}},
	{name: "results are kept from the one who asks", gates: "G7", rule: "jobs/done", server: sql("CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.metadata = ''{}''; NEW.finalized_at = OLD.finalized_at; NEW.state = OLD.state; RETURN NEW; END'; CREATE TRIGGER quiet BEFORE UPDATE ON river_job FOR EACH ROW WHEN (OLD.kind = 'ping') EXECUTE FUNCTION quiet()", "DROP TRIGGER quiet ON river_job; DROP FUNCTION quiet()")},
}
