package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mysql is a database of MySQL or MariaDB as a store. Its server has no snapshot
// that two connections can share: all writes wait for the moment in which the
// dump and the count both begin theirs.
type mysql struct {
	*Backups
	place     Place
	container string
	user      string
	name      string
}

// clientScript runs a program of MySQL or MariaDB ($3 or $4) as a user. The
// password is what the container says: it is in the environment of the program
// and in no command line.
const clientScript = `user=$1; file=$2; p=; tool=$(command -v "$3" || command -v "$4") || { echo "neither $3 nor $4 is there" >&2; exit 127; }
if [ -n "$file" ]; then :
elif [ "$user" = root ]; then p=${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-}}; file=${MARIADB_ROOT_PASSWORD_FILE:-${MYSQL_ROOT_PASSWORD_FILE:-}}
else p=${MARIADB_PASSWORD:-${MYSQL_PASSWORD:-}}; file=${MARIADB_PASSWORD_FILE:-${MYSQL_PASSWORD_FILE:-}}; fi
[ -z "$file" ] || p=$(cat "$file") || exit 1
shift 4
case $1 in
--dump) shift; case $("$tool" --version) in *MariaDB*) ;; *) set -- --set-gtid-purged=OFF "$@" ;; esac ;;
esac
[ -z "$p" ] || export MYSQL_PWD="$p"
exec timeout ` + "7200" + ` "$tool" --user="$user" "$@"`

// client is the command of the program that runs statements, dumper that of the
// one that dumps.
func (db mysql) client(args ...string) []string {
	return append([]string{"sh", "-c", clientScript, "sh", db.user, db.place.PasswordFile, "mariadb", "mysql",
		"--batch", "--skip-column-names", "--raw", "--unbuffered", "--default-character-set=utf8mb4"}, args...)
}

func (db mysql) dumper(args ...string) []string {
	return append([]string{"sh", "-c", clientScript, "sh", db.user, db.place.PasswordFile, "mariadb-dump", "mysqldump", "--dump",
		"--single-transaction", "--quick", "--hex-blob", "--no-tablespaces", "--skip-dump-date", "--default-character-set=utf8mb4"}, args...)
}

// mysql finds the container of a place and asks it which database it holds.
func (b *Backups) mysql(ctx context.Context, p Place) (mysql, error) {
	what := "find the database of service " + p.Service
	c, err := b.containerOf(ctx, p.Service)
	db := mysql{b, p, c.ID, or(p.User, "root"), p.Schema}
	if err != nil {
		return db, err
	}
	if db.name == "" {
		const ask = `d=${MARIADB_DATABASE:-${MYSQL_DATABASE:-}}; f=${MARIADB_DATABASE_FILE:-${MYSQL_DATABASE_FILE:-}}; [ -z "$f" ] || d=$(cat "$f"); printf '%s' "$d"`
		out, err := b.Server.Exec(ctx, c.ID, "sh", "-c", ask)
		if err != nil {
			return db, fault(what, err, "")
		}
		db.name = strings.TrimSpace(string(out.Stdout))
	}
	list, err := db.databases(ctx)
	if err != nil {
		return db, fault(what, err, "user and password are what its container says (MYSQL_ROOT_PASSWORD or MYSQL_ROOT_PASSWORD_FILE), or user and password_file under backup.places; "+
			"where nobody knows them, name its volume there with `as: files` and `while: stopped`")
	}
	switch {
	case db.name == "" && len(list) == 1:
		db.name = list[0]
	case db.name == "" && len(list) == 0:
		return db, fault(what, ErrEmpty, "")
	case db.name == "":
		return db, fault(what, fmt.Errorf("it holds %d: %s", len(list), strings.Join(list, ", ")), "name one as database under backup.places, or its volume with `as: files` and `while: stopped`")
	case !slices.Contains(list, db.name):
		return db, fault(what, fmt.Errorf("there is no database %q", db.name), "name it under backup.places")
	}
	return db, nil
}

// databases names those that are not the server's own, nor ours.
func (db mysql) databases(ctx context.Context) ([]string, error) {
	out, err := db.script(ctx, "", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') AND SCHEMA_NAME NOT LIKE 'stackctl\\\\_%' ORDER BY 1;")
	return strings.Fields(out), err
}

// script runs statements in a database and returns what they print.
func (db mysql) script(ctx context.Context, name, statements string) (string, error) {
	stdout, stderr := &head{limit: 64 << 20}, &head{limit: 4 << 10}
	argv := db.client()
	if name != "" {
		argv = db.client("--database=" + name)
	}
	exit, err := db.Server.ExecStream(ctx, db.container, argv, strings.NewReader(statements+"\n"), stdout, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("the client ended with exit code %d: %s", exit, stderr.line())
	}
	if err == nil && stdout.over {
		err = errors.New("the client printed more than can be held")
	}
	return string(stdout.kept), err
}

// begin opens a client that stays.
func (db mysql) begin(ctx context.Context, name string) *transaction {
	return open(ctx, db.Server, db.container, "the client", db.client("--database="+name), func(mark string) string { return "SELECT '" + mark + "';" })
}

// tidy drops what runs that died left. Their connections ended with them.
func (db mysql) tidy(ctx context.Context) error {
	return fault("tidy up after an earlier run", db.dropLike(ctx, scratchPrefix), "")
}

func (db mysql) dropFormer(ctx context.Context) error {
	return fault("drop the database that the last restore replaced", db.dropLike(ctx, formerPrefix), "")
}

func (db mysql) dropLike(ctx context.Context, prefix string) error {
	out, err := db.script(ctx, "", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '"+strings.ReplaceAll(prefix, "_", `\_`)+"%';")
	for _, name := range strings.Fields(out) {
		if err == nil {
			_, err = db.script(ctx, "", "DROP DATABASE IF EXISTS "+quoted(name)+";")
		}
	}
	return err
}

func (db mysql) drop(ctx context.Context, name string) error {
	_, err := db.script(ctx, "", "DROP DATABASE IF EXISTS "+quoted(name)+";")
	return fault("drop database "+name, err, "the next backup or restore drops it")
}

// check looks for what every dump begins with.
func (db mysql) check(_ context.Context, start []byte) error {
	if !bytes.Contains(start[:min(len(start), 4<<10)], []byte(" dump ")) {
		return errors.New("what was dumped does not begin like a dump")
	}
	return nil
}

// lockPatience bounds how long writes wait for a query that runs on.
const lockPatience = 5 * time.Second

// dump dumps and counts in two snapshots that begin while nothing is written.
func (db mysql) dump(ctx context.Context, begin func() (io.Writer, error)) (found Contents, err error) {
	count := db.begin(ctx, db.name)
	defer count.end()
	lock := db.begin(ctx, db.name)
	defer lock.end()
	what := "open a snapshot of " + db.name
	if _, err := lock.ask(fmt.Sprintf("SET SESSION lock_wait_timeout = %d; FLUSH TABLES WITH READ LOCK;", int(lockPatience.Seconds()))); err != nil {
		return found, fault(what, err, "a query or transaction that runs for long keeps the lock away, or the user may not lock (RELOAD): run it again later, or name the volume under backup.places with `as: files` and `while: stopped`")
	}
	inside, err := db.look0(count)
	if err == nil && len(inside.tables) == 0 {
		return found, ErrEmpty
	}
	if err != nil {
		return found, fault(what, err, "")
	}
	out, err := begin()
	if err != nil {
		return found, err
	}
	began := &starting{w: out, began: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- db.run(ctx, began, db.dumper("--routines", "--triggers", "--events", "--", db.name)) }()
	select {
	case <-began.began:
	case err = <-ended:
		ended <- err
	}
	if len(inside.unsafe) == 0 { // what is in no snapshot stays locked
		lock.end()
	}
	if err := <-ended; err != nil {
		return found, err
	}
	if !bytes.Contains(began.tail, []byte("Dump completed")) {
		return found, errors.New("the dump does not end like one")
	}
	if found, err = inside.count(count); err != nil {
		return found, fault("count what is in "+db.name, err, "")
	}
	found.Database, found.Notes = db.name, db.notes(ctx, inside)
	return found, nil
}

// notes returns what the backup does not hold, and what it cost.
func (db mysql) notes(ctx context.Context, in inside) []string {
	var out []string
	if len(in.unsafe) > 0 {
		out = append(out, "nothing was written while it was dumped: these tables know no transactions: "+strings.Join(in.unsafe, ", "))
	}
	list, err := db.databases(ctx)
	list = slices.DeleteFunc(list, func(name string) bool { return name == db.name })
	if err == nil && len(list) > 0 {
		out = append(out, "the server holds databases that are not in it: "+strings.Join(list, ", "))
	}
	return out
}

// run dumps into a writer.
func (db mysql) run(ctx context.Context, out io.Writer, argv []string) error {
	stderr := &head{limit: 4 << 10}
	exit, err := db.Server.ExecStream(ctx, db.container, argv, nil, out, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("the dump ended with exit code %d: %s", exit, stderr.line())
	}
	return err
}

// starting passes a dump on and tells when its transaction has begun: with the
// first table.
type starting struct {
	w     io.Writer
	began chan struct{}
	open  bool
	tail  []byte
}

func (s *starting) Write(p []byte) (int, error) {
	s.tail = append(s.tail, p...)
	if !s.open && bytes.Contains(s.tail, []byte("structure for")) {
		s.open = true
		close(s.began)
	}
	s.tail = append([]byte(nil), s.tail[max(0, len(s.tail)-512):]...)
	return s.w.Write(p)
}

// load restores into a database of its own, of the same character set.
func (db mysql) load(ctx context.Context, m Manifest, in io.Reader) (name string, err error) {
	name = scratchPrefix + random()
	if err := db.create(ctx, name); err != nil {
		return name, fault("make the scratch database", err, "")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	size := func(ctx context.Context) (int64, error) { return db.sizeOf(ctx, name) }
	defer guard(ctx, cancel, m.Bytes, size)()
	stderr := &head{limit: 4 << 10}
	exit, err := db.Server.ExecStream(ctx, db.container, db.client("--binary-mode", "--database="+name), in, io.Discard, stderr)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil && exit != 0 {
		err = fmt.Errorf("the client ended with exit code %d: %s", exit, stderr.line())
	}
	return name, fault("restore "+m.Name+" into "+name, err, fixFor(stderr.line()))
}

func (db mysql) size(ctx context.Context) (int64, error) { return db.sizeOf(ctx, db.name) }

func (db mysql) sizeOf(ctx context.Context, name string) (int64, error) {
	out, err := db.script(ctx, "", "SELECT CAST(COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS UNSIGNED) FROM information_schema.TABLES WHERE TABLE_SCHEMA = "+text(name)+";")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(out), 10, 64)
}

// create makes a database like the live one.
func (db mysql) create(ctx context.Context, name string) error {
	out, err := db.script(ctx, "", "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "+text(db.name)+";")
	words := strings.Fields(out)
	if err == nil && len(words) != 2 {
		err = fmt.Errorf("there is no database %q", db.name)
	}
	if err != nil {
		return err
	}
	_, err = db.script(ctx, "", fmt.Sprintf("CREATE DATABASE %s CHARACTER SET %s COLLATE %s;", quoted(name), words[0], words[1]))
	return err
}

func (db mysql) look(ctx context.Context, scratch string) (Contents, error) {
	t := db.begin(ctx, scratch)
	defer t.end()
	in, err := db.look0(t)
	if err != nil {
		return Contents{}, err
	}
	return in.count(t)
}

// quoted is a name in a statement, text a value.
func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
func text(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(value) + "'"
}
