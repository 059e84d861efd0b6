// Package backup owns what a backup is: a dump of a place where a project keeps
// data, taken with the counts and hashes of what is in it, encrypted with age on
// the operator's side, kept on the host and here, checked, rehearsed, restored.
// It decides which places a release has. It reaches a server only through the
// interface below, and must not know what the data means, nor why a backup is taken.
package backup

import (
	"context"
	"errors"
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
	// Inspect returns the engine's own description of a container, as JSON.
	Inspect(ctx context.Context, container string) ([]byte, error)
	// Lend starts a container for commands, Return removes it.
	Lend(ctx context.Context, l stack.Loan) (container string, err error)
	Return(ctx context.Context, container string) error
	// Hold pauses or stops a running container, Release lets it go on.
	Hold(ctx context.Context, container string, stop bool) error
	Release(ctx context.Context, container string) error
	Commands
}

// Commands are run on a host.
type Commands interface {
	Run(ctx context.Context, argv ...string) (stack.Output, error)
	Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error)
}

// Backups are those of one project on one target.
type Backups struct {
	Config          stack.Backup
	Project, Target string
	// Adopting counts what docker compose made of the project as its own.
	Adopting bool
	// Places are those of the project that can be backed up.
	Places []Place
	// Archive reports whether nothing is ever removed from Config.Dir.
	Archive bool
	// Root is the target's folder on the host.
	Root   string
	Server Server
	// Hosts are those of a cluster that answer; none: the server is one host.
	Hosts []Host
	// Catalog is a query that prints one JSON document about the schema; it is
	// kept in the backup and means nothing here. Empty: none is kept.
	Catalog string
	Now     func() time.Time
	// Progress is told how many bytes went; the total is 0 where it is not known.
	Progress func(done, total int64)
	// taken are the backups that this run took; no pruning removes them.
	taken []string
}

// deadline bounds a dump and a restore.
const deadline = 2 * time.Hour

// cleanup bounds tidying up after a run was told to stop.
const cleanup = 30 * time.Second

// ErrEmpty means that there is nothing to back up.
var ErrEmpty = errors.New("it holds nothing")

// aside returns a context that outlives an interruption, for tidying up.
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

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
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
