package deploy

import (
	"context"
	"errors"
	"path"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// reserveBytes and reserveFiles are what the way back needs on the host's disk:
// the edge's files, what is remembered of the release, and what the engine notes
// of containers that stop.
const (
	reserveBytes = 4 << 20
	reserveFiles = 128
)

// reserveDir takes up that room from before a server is changed until something
// fails: a disk that is full by then would bar the way back.
func reserveDir(root string) string { return path.Join(root, "tmp", "reserve") }

// reserveScript makes a file of bytes that no filesystem can compress, and empty ones.
const reserveScript = `export LC_ALL=C; [ -d "$1" ] || { rm -f "$1" && mkdir -p "$1"; } &&
{ [ "$(stat -c %s "$1/bytes" 2>/dev/null)" = "$2" ] || head -c "$2" /dev/urandom >"$1/bytes"; } &&
(cd "$1" && seq "$3" | xargs touch) || { rm -rf "$1"; exit 1; }`

// reserve takes the room.
func (x *executor) reserve(ctx context.Context) error {
	out, err := x.server.Run(ctx, "sh", "-c", reserveScript, "sh", reserveDir(x.d.Target.Path), strconv.Itoa(reserveBytes), strconv.Itoa(reserveFiles))
	if err == nil && out.Exit != 0 {
		err = errors.New(strings.TrimSpace(string(out.Stderr)))
	}
	if err != nil {
		fix := freeSpace
		if strings.Contains(err.Error(), "Permission denied") {
			fix = giveFolders
		}
		return stack.Fault(stack.CauseStep, "reserve room for the way back on "+x.d.Target.Host, err, fix)
	}
	return nil
}

// release gives the room to the way back. Without it the way back may still be open.
func (x *executor) release(ctx context.Context) {
	_ = x.server.RemoveAll(ctx, reserveDir(x.d.Target.Path))
}
