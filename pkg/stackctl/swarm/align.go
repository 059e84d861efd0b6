package swarm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// A node that was away has the records, files and routes of then. Each run that may
// change something counts up a number on every node that answers: who has a smaller
// one was away, and is never believed.

// turnFile holds the number of the last run that a node took part in.
const turnFile = "turn"

// turns reads the number of each member. A folder that is not there counts as 0.
func (c *Cluster) turns(ctx context.Context) ([]int64, error) {
	out := make([]int64, len(c.members))
	err := c.each(ctx, func(ctx context.Context, i int, m *member) error {
		raw, err := m.server.ReadFile(ctx, c.target.At(turnFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if out[i], err = strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err != nil {
			return fmt.Errorf("%s holds no number: %w", c.target.At(turnFile), err)
		}
		return nil
	})
	return out, err
}

// latest is the manager whose records are the newest, the first of several.
func latest(managers []*member, turn map[*member]int64) *member {
	return slices.MaxFunc(managers, func(a, b *member) int {
		return cmp.Or(cmp.Compare(turn[a], turn[b]), slices.Index(managers, b)-slices.Index(managers, a))
	})
}

// behind are the members that lack runs.
func (c *Cluster) behind(turns []int64) []*member {
	newest := slices.Max(turns)
	var out []*member
	for i, m := range c.members {
		if turns[i] < newest {
			out = append(out, m)
		}
	}
	return out
}

// kept are the folders of a project that all nodes have alike, but for secrets.
var kept = []string{"releases", "files", stack.EdgeDynamic}

// Align copies the records, files and routes of home to the nodes that were away, and
// returns their names; before that it makes certain who is away, and then it counts the run that is about to begin.
func (c *Cluster) Align(ctx context.Context) ([]string, error) {
	err := c.awaitNodes(ctx)
	var names []string
	if err == nil {
		names, err = c.align(ctx)
	}
	return names, fault("bring nodes that were away to the state of the others", err)
}

func (c *Cluster) align(ctx context.Context) ([]string, error) {
	turns, err := c.turns(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range c.behind(turns) {
		if err := c.copyTo(ctx, m); err != nil {
			return names, fmt.Errorf("give %s what %s has: %w", m.Name, c.home.Name, err)
		}
		names = append(names, m.Name)
	}
	next := strconv.FormatInt(slices.Max(turns)+1, 10) + "\n"
	return names, c.WriteFileVia(ctx, c.target.At(stack.TmpDir), c.target.At(turnFile), []byte(next), 0o644)
}

// packScript writes the folders that are there, without secrets, and unpackScript takes
// them: what is there is replaced file by file, and routes that home lacks go, so that
// the edge never reads half a folder.
const (
	packScript   = `cd "$1" && shift && for d; do [ -d "$d" ] && set -- "$@" "$d"; shift; done; tar -cf - --exclude='releases/*/secrets' "$@"`
	unpackScript = `cd "$1" && rm -rf tmp/aligned && mkdir tmp/aligned && tar -C tmp/aligned -xpf - &&
for d in releases files; do [ ! -d "tmp/aligned/$d" ] || { mkdir -p "$d" && cp -a --remove-destination "tmp/aligned/$d/." "$d/"; } || exit; done
for f in tmp/aligned/edge/dynamic/*; do [ ! -f "$f" ] || mv -f "$f" edge/dynamic/ || exit; done
for f in edge/dynamic/*; do [ -f "$f" ] || continue; case "$2" in *"/${f##*/}/"*) ;; *) rm -f "$f";; esac; done; rm -rf tmp/aligned`
)

func (c *Cluster) copyTo(ctx context.Context, m *member) error {
	entries, err := c.home.server.List(ctx, c.target.At(stack.EdgeDynamic))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	routes := "/"
	for _, e := range entries {
		routes += e.Name() + "/"
	}
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		var said bytes.Buffer
		exit, err := c.home.server.Attach(ctx, nil, w, &said, append([]string{"sh", "-c", packScript, "sh", c.target.Path}, kept...)...)
		if err == nil && exit != 0 {
			err = fmt.Errorf("on %s: %s", c.home.Name, strings.TrimSpace(said.String()))
		}
		packed <- err
		w.CloseWithError(err) // nil is the end
	}()
	var said bytes.Buffer
	exit, err := m.server.Attach(ctx, r, io.Discard, &said, "sh", "-c", unpackScript, "sh", path.Clean(c.target.Path), routes)
	_ = r.CloseWithError(errors.New("the other node takes no more"))
	if err == nil && exit != 0 {
		err = fmt.Errorf("on %s: %s", m.Name, strings.TrimSpace(said.String()))
	}
	return errors.Join(<-packed, err)
}
