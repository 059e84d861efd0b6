package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// postgres is a PostgreSQL database as a store.
type postgres struct {
	*Backups
	database
}

// database is where the dumps come from and go to.
type database struct {
	server     Server
	container  string
	user, name string
}

// sessionName marks every connection to the database that is made here, so that
// what a run that died left behind is found and ended.
const sessionName = "stackctl-backup"

// postgres finds the container of a place and asks it whose database it holds.
func (b *Backups) postgres(ctx context.Context, p Place) (postgres, error) {
	what := "find the database of service " + p.Service
	c, err := b.containerOf(ctx, p.Service)
	db := postgres{b, database{server: b.Server, container: c.ID, user: p.User, name: p.Schema}}
	if err != nil {
		return db, err
	}
	const ask = `u=${POSTGRES_USER:-postgres}; [ -z "${POSTGRES_USER_FILE:-}" ] || u=$(cat "$POSTGRES_USER_FILE")
d=${POSTGRES_DB:-$u}; [ -z "${POSTGRES_DB_FILE:-}" ] || d=$(cat "$POSTGRES_DB_FILE")
printf '%s\n%s\n' "$u" "$d"`
	if db.user == "" || db.name == "" {
		out, err := b.Server.Exec(ctx, db.container, "sh", "-c", ask)
		said := strings.Split(strings.TrimRight(string(out.Stdout), "\n"), "\n")
		if err == nil && (out.Exit != 0 || len(said) != 2 || said[0] == "" || said[1] == "") {
			err = fmt.Errorf("its container does not say (exit code %d)", out.Exit)
		}
		if err != nil {
			return db, fault(what, err, "name them under backup.user and backup.database")
		}
		db.user, db.name = or(db.user, said[0]), or(db.name, said[1])
	}
	return db, nil
}

// marked lets every connection that argv makes carry our name.
func marked(argv []string) []string {
	return append([]string{"env", "PGAPPNAME=" + sessionName}, argv...)
}

// fill puts the values in a configured command.
func fill(argv []string, user, name, snapshot string) []string {
	words := strings.NewReplacer("{user}", user, "{database}", name, "{snapshot}", snapshot)
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = words.Replace(a)
	}
	return marked(out)
}

// psql is the command that reads statements from its input. It never asks for
// a password: inside the container the server trusts its own socket, or the
// container knows the password.
func (db database) psql(name string) []string {
	return marked([]string{"psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-U", db.user, "-d", name, "-f", "-"})
}

// maintenance is the database that others are made and renamed from.
const maintenance = "template1"

// script runs statements in a database and gives what they print.
func (db database) script(ctx context.Context, name, statements string) (string, error) {
	stdout, stderr := &head{limit: 64 << 20}, &head{limit: 4 << 10}
	exit, err := db.server.ExecStream(ctx, db.container, db.psql(name), strings.NewReader(statements), stdout, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("psql ended with exit code %d: %s", exit, stderr.line())
	}
	if err == nil && stdout.over {
		err = errors.New("psql printed more than can be held")
	}
	return string(stdout.kept), err
}

// sweep ends what runs that died left in the database server. The project's
// lock is held, so nobody's work is ended.
func (db database) sweep(ctx context.Context) error {
	_, err := db.script(ctx, maintenance, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '`+sessionName+`' AND pid <> pg_backend_pid();
SELECT format('DROP DATABASE IF EXISTS %I', datname) FROM pg_database WHERE datname LIKE '`+strings.ReplaceAll(scratchPrefix, "_", `\_`)+`%' \gexec
`)
	return fault("tidy up after an earlier run", err, "")
}

func (db postgres) tidy(ctx context.Context) error { return db.sweep(ctx) }

// dump runs the configured command in the snapshot that the tables were
// counted in.
func (db postgres) dump(ctx context.Context, begin func() (io.Writer, error)) (Contents, error) {
	session, err := db.begin(ctx, db.name)
	if err != nil {
		return Contents{}, fault("open a snapshot of "+db.name, err, "")
	}
	defer session.end()
	snapshot, found, err := db.count(session)
	if err == nil && len(found.Tables) == 0 {
		return found, ErrEmpty
	}
	if err != nil {
		return found, fault("count what is in "+db.name, err, "")
	}
	out, err := begin()
	if err != nil {
		return found, err
	}
	stderr := &head{limit: 4 << 10}
	written := newSums()
	argv := fill(db.Config.Command, db.user, db.name, snapshot)
	// A connection that dies leaves the command running: it gets an end of its own.
	argv = append([]string{"timeout", fmt.Sprint(int(deadline.Seconds()))}, argv...)
	exit, err := db.server.ExecStream(ctx, db.container, argv, nil, io.MultiWriter(out, written), stderr)
	switch {
	case err != nil:
		return found, err
	case exit != 0:
		return found, fmt.Errorf("%s ended with exit code %d: %s", db.Config.Command[0], exit, stderr.line())
	case written.n == 0:
		return found, fmt.Errorf("%s wrote nothing: %s", db.Config.Command[0], stderr.line())
	}
	return found, nil
}

// count returns the snapshot's name and what is in it.
func (db postgres) count(session *transaction) (snapshot string, found Contents, err error) {
	lines, err := session.ask(`SELECT pg_export_snapshot(); SELECT pg_database_size(current_database());`)
	if err != nil {
		return "", found, err
	}
	if len(lines) != 2 {
		return "", found, errors.New("psql did not print a snapshot and a size")
	}
	found.Database = db.name
	if err := json.Unmarshal([]byte(lines[1]), &found.Bytes); err != nil {
		return "", found, errors.New("psql did not print a size")
	}
	if found.Tables, found.Sequences, err = session.inventory(); err != nil || len(found.Tables) == 0 {
		return "", found, err
	}
	found.Catalog, err = session.catalog(db.Catalog)
	return lines[0], found, err
}

// check reads the dump's table of contents back.
func (db postgres) check(ctx context.Context, start []byte) error {
	if len(db.Config.List) == 0 {
		return nil
	}
	stdout, stderr := &head{limit: maxContents}, &head{limit: 4 << 10}
	exit, err := db.server.ExecStream(ctx, db.container, fill(db.Config.List, db.user, db.name, ""), bytes.NewReader(start), stdout, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d: %s", exit, stderr.line())
	}
	if err == nil && len(bytes.TrimSpace(stdout.kept)) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("read the dump's table of contents with %s: %w", db.Config.List[0], err)
	}
	return nil
}

// load restores into a database of its own.
func (db postgres) load(ctx context.Context, m Manifest, in io.Reader) (name string, err error) {
	name = scratchPrefix + random()
	_, err = db.script(ctx, maintenance, fmt.Sprintf(`SELECT format('CREATE DATABASE %%I OWNER %%I TEMPLATE template0 ENCODING %%L LC_COLLATE %%L LC_CTYPE %%L',
 %s, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database WHERE datname = %s \gexec
`, literal(name), literal(db.name)))
	if err != nil {
		return name, fault("make the scratch database", err, "")
	}
	what := "restore " + m.Name + " into " + name
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	size := func(ctx context.Context) (int64, error) { return db.sizeOf(ctx, name) }
	defer guard(ctx, cancel, m.Bytes, size)()
	stderr := &head{limit: 4 << 10}
	exit, err := db.server.ExecStream(ctx, db.container, fill(db.Config.Restore, db.user, name, ""), in, io.Discard, stderr)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil && exit != 0 {
		err = fmt.Errorf("%s ended with exit code %d: %s", db.Config.Restore[0], exit, stderr.line())
	}
	return name, fault(what, err, fixFor(stderr.line()))
}

func (db postgres) size(ctx context.Context) (int64, error) { return db.sizeOf(ctx, db.name) }

func (db postgres) sizeOf(ctx context.Context, name string) (int64, error) {
	out, err := db.script(ctx, maintenance, "SELECT pg_database_size("+literal(name)+");\n")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(out), 10, 64)
}

func (db postgres) look(ctx context.Context, scratch string) (Contents, error) {
	session, err := db.begin(ctx, scratch)
	if err != nil {
		return Contents{}, err
	}
	defer session.end()
	var found Contents
	found.Tables, found.Sequences, err = session.inventory()
	return found, err
}

func (db postgres) swap(ctx context.Context, scratch, former string) error {
	if _, err := db.script(ctx, scratch, "ANALYZE;\n"); err != nil {
		return fault("analyze what was restored", err, "")
	}
	return db.rename(ctx, scratch, former)
}

func (db postgres) back(ctx context.Context, former string) error {
	bad := scratchPrefix + random()
	if err := db.rename(ctx, former, bad); err != nil {
		return err
	}
	return db.drop(ctx, bad)
}

// drop removes a database that was made here.
func (db database) drop(ctx context.Context, name string) error {
	_, err := db.script(ctx, maintenance, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "+literal(name)+";\nDROP DATABASE IF EXISTS "+identifier(name)+";\n")
	return fault("drop database "+name, err, "the next backup or restore drops it")
}

func literal(s string) string    { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
