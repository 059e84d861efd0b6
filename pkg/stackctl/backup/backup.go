// Package backup owns what a backup is: a dump of a database, taken with the
// counts and hashes of its tables in one snapshot, encrypted with age on the
// operator's side, kept on the host and here, checked, rehearsed, restored. It
// reaches a server only through the interface below, and must not know what
// the tables mean, nor why a backup is taken.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Server is what a backup needs of a server.
type Server interface {
	Containers(ctx context.Context) ([]stack.Container, error)
	// Exec and ExecStream run a command in a container.
	Exec(ctx context.Context, container string, argv ...string) (stack.Output, error)
	ExecStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
	// Run and Attach run a command on the host.
	Run(ctx context.Context, argv ...string) (stack.Output, error)
	Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error)
}

// Backups are those of one project on one target.
type Backups struct {
	Config          stack.Backup
	Project, Target string
	// Archive says that nothing is ever removed from Config.Dir.
	Archive bool
	// Root is the target's folder on the host.
	Root   string
	Server Server
	// Catalog is a query that prints one JSON document about the schema; it is
	// kept in the backup and means nothing here. Empty: none is kept.
	Catalog string
	Now     func() time.Time
	// Progress is told how many bytes went; the total is 0 where it is not known.
	Progress func(done, total int64)
	// taken is the backup that was taken last; no pruning removes it.
	taken string
}

// deadline bounds a dump and a restore.
const deadline = 2 * time.Hour

// cleanup bounds tidying up after a run was told to stop.
const cleanup = 30 * time.Second

// ErrEmpty says that the database holds no table.
var ErrEmpty = errors.New("the database holds no table")

// aside gives a context that outlives an interruption, for tidying up.
func aside(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanup)
}

// fault is the error of a step of a backup or a restore.
func fault(what string, err error, fix string) error {
	var told *stack.Error
	if err == nil || errors.As(err, &told) && told.Cause != stack.CauseStep {
		return err
	}
	return stack.Fault(stack.CauseStep, what, err, fix)
}

// hostDir is where the host keeps backups.
func (b *Backups) hostDir() string { return path.Join(b.Root, "backups") }

func (b *Backups) tell(done, total int64) {
	if b.Progress != nil {
		b.Progress(done, total)
	}
}

// database is where the dumps come from and go to.
type database struct {
	server     Server
	container  string
	user, name string
}

// session marks every connection to the database that is made here, so that
// what a run that died left behind is found and ended.
const session = "stackctl-backup"

// database finds the container of the data service and asks it whose database
// it holds.
func (b *Backups) database(ctx context.Context) (database, error) {
	what := "find the database of service " + b.Config.Service
	if b.Config.Service == "" {
		return database{}, stack.Fault(stack.CauseUsage, what, errors.New("backup.service names none"), "name the data service under backup.service in stackctl.yaml")
	}
	list, err := b.Server.Containers(ctx)
	if err != nil {
		return database{}, fault(what, err, "")
	}
	db := database{server: b.Server, user: b.Config.User, name: b.Config.Database}
	for _, c := range list {
		if c.Project == b.Project && c.Service == b.Config.Service && c.State == "running" {
			db.container = c.ID
		}
	}
	if db.container == "" {
		return db, fault(what, errors.New("it does not run"), "start it with `stackctl deploy`")
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

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// marked lets every connection that argv makes carry our name.
func marked(argv []string) []string { return append([]string{"env", "PGAPPNAME=" + session}, argv...) }

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
	_, err := db.script(ctx, maintenance, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '`+session+`' AND pid <> pg_backend_pid();
SELECT format('DROP DATABASE IF EXISTS %I', datname) FROM pg_database WHERE datname LIKE '`+strings.ReplaceAll(scratchPrefix, "_", `\_`)+`%' \gexec
`)
	return fault("tidy up after an earlier run", err, "")
}

// head keeps the first bytes that are written to it.
type head struct {
	kept  []byte
	limit int
	over  bool
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.limit-len(h.kept))
	h.kept = append(h.kept, p[:n]...)
	h.over = h.over || n < len(p)
	return len(p), nil
}

// line is what was said, fit for an error.
func (h *head) line() string {
	text := strings.Join(strings.Fields(string(h.kept)), " ")
	return text[:min(len(text), 400)]
}
