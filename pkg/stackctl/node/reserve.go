package node

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

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
func reserveDir(t stack.Target) string { return t.At(stack.TmpDir, "reserve") }

// reserveScript makes a file of bytes that no filesystem can compress, and empty ones.
const reserveScript = `export LC_ALL=C; [ -d "$1" ] || { rm -f "$1" && mkdir -p "$1"; } &&
{ [ "$(stat -c %s "$1/bytes" 2>/dev/null)" = "$2" ] || head -c "$2" /dev/urandom >"$1/bytes"; } &&
(cd "$1" && seq "$3" | xargs touch) || { rm -rf "$1"; exit 1; }`

// Reserve takes the room, on every node of a cluster.
func Reserve(ctx context.Context, server Server, t stack.Target) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, m := range server.Members() {
		group.Go(func() error { return reserve(ctx, m, t) })
	}
	return group.Wait()
}

func reserve(ctx context.Context, m Member, t stack.Target) error {
	out, err := m.Run(ctx, "sh", "-c", reserveScript, "sh", reserveDir(t), strconv.Itoa(reserveBytes), strconv.Itoa(reserveFiles))
	if err == nil && out.Exit != 0 {
		err = errors.New(strings.TrimSpace(string(out.Stderr)))
	}
	if err != nil {
		fix := FreeSpace
		if strings.Contains(err.Error(), "Permission denied") {
			fix = GiveFolders
		}
		return stack.Fault(stack.CauseStep, "reserve room for the way back on "+cmp.Or(m.Name, t.Where()), err, fix)
	}
	return nil
}

// FreeReserve gives the room to the way back. Without it the way back may still be open.
func FreeReserve(ctx context.Context, server Host, t stack.Target) {
	_ = server.RemoveAll(ctx, reserveDir(t))
}
