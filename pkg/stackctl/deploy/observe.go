package deploy

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

// observe reads what is on the server now. paths are the files, relative to
// the target's path, whose content matters to the plan. now is the operator's
// time, for a host that does not tell its own.
func observe(ctx context.Context, server Server, t stack.Target, paths []string, now time.Time) (stack.Observed, error) {
	seen := stack.Observed{At: now.UTC()}
	var dynamic []stack.File
	var made time.Time
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { seen.Host, err = facts(ctx, server, t.Path); return })
	group.Go(func() (err error) { seen.Containers, err = server.Containers(ctx); return })
	group.Go(func() (err error) { seen.Images, err = server.Images(ctx); return })
	group.Go(func() (err error) { seen.Networks, err = server.Networks(ctx); return })
	group.Go(func() (err error) { seen.Files, err = server.Hashes(ctx, t.Path, paths); return })
	group.Go(func() (err error) { seen.Releases, err = records(ctx, server, t.Path); return })
	group.Go(func() (err error) { dynamic, err = readDynamic(ctx, server, t.Path); return })
	group.Go(func() (err error) { made, err = birth(ctx, server, path.Join(t.Path, EdgeDynamic)); return })
	if err := group.Wait(); err != nil {
		return seen, fmt.Errorf("observe %s: %w", t.Host, err)
	}
	if !seen.Host.Clock.IsZero() {
		seen.At = seen.Host.Clock.UTC()
	}
	// A folder of the future was made before the host's clock was set: that tells nothing.
	seen.Unrouted = dynamic == nil || !made.After(seen.At) && outlived(seen.Containers, path.Join(t.Path, EdgeDynamic), made)
	for _, f := range dynamic {
		if id := edge.Release(f.Content); id != "" {
			seen.Live = id
		}
		seen.Files[EdgeDynamic+"/"+f.Path] = hash(f.Content)
	}
	return seen, nil
}

// observe is observe for a run: it also learns how far the two clocks are apart.
func (s *story) observe(ctx context.Context, server Server, paths []string) (stack.Observed, error) {
	began := time.Now()
	seen, err := observe(ctx, server, s.d.Target, paths, s.d.Now())
	if err != nil {
		return seen, err
	}
	s.ahead = seen.At.Sub(s.d.Now())
	took := time.Since(began)
	if s.pace = paceOf(took); s.pace >= slowPace {
		s.note(fmt.Sprintf("the line or the server is slow: one look took %s, so %.0f times the usual time is given", took.Round(time.Second), s.pace))
	}
	return seen, nil
}

const (
	// goodLook is how long one look at a server takes at most on a good line.
	goodLook = time.Second
	// slowPace is worth a note; steepPace bounds how much time is given.
	slowPace, steepPace = 3, 10
)

// paceOf tells by how long one look took how much more time things need.
func paceOf(took time.Duration) float64 {
	return min(max(float64(took)/float64(goodLook), 1), steepPace)
}

// stretch is a bound on work over the line, at its pace.
func (s *story) stretch(d time.Duration) time.Duration {
	return time.Duration(float64(d) * max(1, s.pace))
}

// readDynamic reads the edge's dynamic files as they are on the host; nil: their
// folder is not there.
func readDynamic(ctx context.Context, h Host, root string) ([]stack.File, error) {
	dir := path.Join(root, EdgeDynamic)
	entries, err := h.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files := []stack.File{}
	for _, e := range entries {
		if !e.Mode().IsRegular() || e.Size() > 1<<20 {
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

// outlived says that the edge was started before the folder that it has mounted
// was made: it goes on reading the one that was there before.
func outlived(containers []stack.Container, dir string, made time.Time) bool {
	return slices.ContainsFunc(containers, func(c stack.Container) bool {
		return c.Layer == stack.LayerEdge && c.State == "running" && slices.Contains(c.Mounts, dir) && c.Started.Before(made)
	})
}

// facts are what the engine knows of its host, and the free space and memory there.
func facts(ctx context.Context, server Server, root string) (stack.HostFacts, error) {
	f, err := server.Facts(ctx)
	if err == nil {
		var path, engine left
		path, engine, err = free(ctx, server, root, f.DockerRoot)
		f.FreeBytes, f.FreeFiles, f.DockerFree, f.DockerFiles = path.bytes, path.files, engine.bytes, engine.files
	}
	if err == nil {
		f.FreeMemory, err = freeMemory(ctx, server)
	}
	return f, err
}

// interest lists the files whose content a plan compares.
func (w Wanted) interest() []string {
	var out []string
	for _, f := range w.Release.Files {
		out = append(out, f.Path)
	}
	for _, p := range w.Release.Persistent {
		out = append(out, p.Path)
	}
	return out
}
