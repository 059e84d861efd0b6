package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

const (
	// changesMost bounds the changes that Conduct returns; the first ones are kept.
	changesMost = 5000
	// statsMost bounds one sample of what a container uses.
	statsMost = 1 << 20
)

// Conduct returns what a container has done so far: what it changed in its own
// file system, what it uses, and as whom it runs. Of one that has ended only the
// changes are known.
func (e *Engine) Conduct(ctx context.Context, id string) (stack.Conduct, error) {
	what := "look at what container " + id + " does"
	var out stack.Conduct
	diff, err := e.api.ContainerDiff(ctx, id, client.ContainerDiffOptions{})
	if err != nil {
		return out, stepFault(ctx, what, err, "")
	}
	for _, c := range diff.Changes[:min(len(diff.Changes), changesMost)] {
		out.Changes = append(out.Changes, stack.FileChange{Path: c.Path, Added: c.Kind == container.ChangeAdd, Removed: c.Kind == container.ChangeDelete})
	}
	if out.Memory, out.Threads, err = e.used(ctx, id); err != nil {
		return out, stepFault(ctx, what, err, "")
	}
	out.UIDs = e.uids(ctx, id)
	return out, nil
}

// used returns the memory and the tasks of a container. Pages of files that the
// kernel may drop do not count where it tells no maximum.
func (e *Engine) used(ctx context.Context, id string) (memory, tasks int64, err error) {
	res, err := e.api.ContainerStats(ctx, id, client.ContainerStatsOptions{})
	if err != nil {
		return 0, 0, fmt.Errorf("read what it uses: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var s container.StatsResponse
	if err := json.NewDecoder(io.LimitReader(res.Body, statsMost)).Decode(&s); err != nil {
		return 0, 0, fmt.Errorf("read what it uses: %w", err)
	}
	files := s.MemoryStats.Stats["inactive_file"]
	use := s.MemoryStats.Usage - min(files, s.MemoryStats.Usage)
	return int64(min(use, 1<<62)), int64(min(s.PidsStats.Current, 1<<62)), nil
}

// uids are the users of a container's processes, by number; nil where the host has
// no ps that tells.
func (e *Engine) uids(ctx context.Context, id string) []string {
	top, err := e.api.ContainerTop(ctx, id, client.ContainerTopOptions{Arguments: []string{"-eo", "pid,uid"}})
	if err != nil {
		return nil
	}
	column := slices.IndexFunc(top.Titles, func(t string) bool { return strings.EqualFold(t, "uid") })
	var out []string
	for _, process := range top.Processes {
		if column >= 0 && column < len(process) && !slices.Contains(out, process[column]) {
			out = append(out, process[column])
		}
	}
	slices.Sort(out)
	return out
}
