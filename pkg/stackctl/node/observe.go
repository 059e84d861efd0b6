package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// Observe reads what is on the server now. paths are the files, relative to
// the target's path, whose content matters to the plan. now is the operator's
// time, for a host that does not tell its own.
func Observe(ctx context.Context, server Server, t stack.Target, paths []string, now time.Time) (stack.Observed, error) {
	seen := stack.Observed{At: now.UTC(), Edges: edges(server, t)}
	var dynamic []stack.File
	var routes map[string]string
	var made time.Time
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { seen.Host, err = Facts(ctx, server, t); return })
	group.Go(func() (err error) { seen.Containers, err = server.Containers(ctx); return })
	group.Go(func() (err error) { seen.Images, err = server.Images(ctx); return })
	group.Go(func() (err error) { seen.Networks, err = server.Networks(ctx); return })
	group.Go(func() (err error) { seen.Volumes, err = server.Volumes(ctx); return })
	group.Go(func() (err error) { seen.Files, err = server.Hashes(ctx, t.Path, paths); return })
	group.Go(func() (err error) { seen.Releases, err = Records(ctx, server, t); return })
	group.Go(func() (err error) {
		if dynamic, err = ReadDynamic(ctx, server, t); err == nil {
			routes, err = server.Hashes(ctx, t.Path, dynamicPaths(dynamic))
		}
		return err
	})
	group.Go(func() (err error) { made, err = birth(ctx, server, t.At(stack.EdgeDynamic)); return })
	group.Go(func() (err error) { seen.Ingress, seen.Astray, err = Ingress(ctx, server.Members()); return })
	if err := group.Wait(); err != nil {
		return seen, fmt.Errorf("observe %s: %w", t.Where(), err)
	}
	if !seen.Host.Clock.IsZero() {
		seen.At = seen.Host.Clock.UTC()
	}
	// A folder of the future was made before the host's clock was set: that tells nothing.
	seen.Unrouted = dynamic == nil || !made.After(seen.At) && outlived(seen.Containers, t.At(stack.EdgeDynamic), made)
	seen.Live = edge.Live(dynamic)
	for _, name := range dynamicPaths(dynamic) {
		seen.Files[name] = routes[name] // none where a node of a cluster has others: a run was cut off
	}
	if seen.Live != "" {
		seen.Routed = edge.Routed(dynamic, seen.Live)
	}
	return seen, nil
}

// edges are the nodes of a cluster that visitors reach and that answer.
func edges(server Server, t stack.Target) []string {
	var out []string
	for _, n := range t.Labelled(stack.NodeEdge) {
		if slices.ContainsFunc(server.Members(), func(m Member) bool { return m.Name == n.Name }) {
			out = append(out, n.Name)
		}
	}
	return out
}

// ReadDynamic reads the edge's dynamic files of releases as they are on the host;
// nil: their folder is not there.
func ReadDynamic(ctx context.Context, h Host, t stack.Target) ([]stack.File, error) {
	dir := t.At(stack.EdgeDynamic)
	entries, err := h.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files := []stack.File{}
	for _, e := range entries {
		if !e.Mode().IsRegular() || e.Size() > 1<<20 || stack.Lasts(e.Name()) {
			continue
		}
		raw, err := h.ReadFile(ctx, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, stack.File{Path: e.Name(), Mode: 0o644, Content: raw})
	}
	return files, nil
}

func dynamicPaths(files []stack.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, stack.DynamicPath(f.Path))
	}
	return out
}

// birth is when a folder was made, to the second; the zero time where it is not
// there, or its filesystem does not know.
func birth(ctx context.Context, h Host, dir string) (time.Time, error) {
	out, err := h.Run(ctx, "stat", "-c", "%W", "--", dir)
	if err != nil {
		return time.Time{}, err
	}
	made, err := strconv.ParseInt(strings.TrimSpace(string(out.Stdout)), 10, 64)
	if out.Exit != 0 || err != nil || made <= 0 {
		return time.Time{}, nil //nolint:nilerr // not known
	}
	return time.Unix(made, 0), nil
}

// outlived reports whether the edge was started before the folder that it has mounted
// was made: it goes on reading the one that was there before.
func outlived(containers []stack.Container, dir string, made time.Time) bool {
	return slices.ContainsFunc(containers, func(c stack.Container) bool {
		return c.Layer == stack.LayerEdge && c.State == "running" && slices.Contains(c.Mounts, dir) && c.Started.Before(made)
	})
}
