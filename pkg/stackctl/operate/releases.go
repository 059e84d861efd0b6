package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// overview observes a target, and what is live there.
func overview(ctx context.Context, server node.Server, t stack.Target, now time.Time) (Status, stack.Observed, error) {
	seen, err := node.Observe(ctx, server, t, nil, now)
	if err != nil {
		return Status{}, seen, err
	}
	s := Status{At: seen.At, Target: t.Name, Host: t.Where(), Domain: t.Domain, Engine: "Docker " + seen.Host.EngineVersion,
		Live: seen.Live, Memory: seen.Host.MemoryBytes, Free: seen.Host.FreeBytes, Releases: seen.Releases}
	slices.SortFunc(s.Releases, stack.Newer)
	for _, r := range s.Releases {
		if r.ID == s.Live {
			s.Since, s.By, s.Commit = r.Switched, r.By, r.Commit
			s.Unjudged = r.State == stack.ReleaseStarted
		}
	}
	return s, seen, nil
}

// ours are the project's containers, the releases' before the edge and the data layer.
func ours(c stack.Config, seen stack.Observed) []stack.Container {
	var out []stack.Container
	for _, container := range seen.Containers {
		if stack.Owns(container, c.Project) {
			out = append(out, container)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Release != out[j].Release {
			return out[i].Release > out[j].Release
		}
		return out[i].Service < out[j].Service
	})
	return out
}

// Releases lists what the host keeps, the newest first, and which one is live.
func Releases(ctx context.Context, server node.Server, t stack.Target) (list []stack.ReleaseRecord, live string, err error) {
	s, _, err := overview(ctx, server, t, time.Now())
	return s.Releases, s.Live, err
}

// Current lists the containers of the live release, the edge and the data
// layer; names limits them to some services.
func Current(ctx context.Context, server node.Server, c stack.Config, t stack.Target, names []string) ([]stack.Container, error) {
	s, seen, err := overview(ctx, server, t, time.Now())
	if err != nil {
		return nil, err
	}
	var out []stack.Container
	var known []string
	for _, container := range ours(c, seen) {
		if !serves(container, s.Live) {
			continue
		}
		known = append(known, container.Service)
		if len(names) == 0 || slices.Contains(names, container.Service) {
			out = append(out, container)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, stack.Fault(stack.CauseUsage, "find service "+n, errors.New("it does not run on "+t.Where()), fmt.Sprintf("running: %s", strings.Join(known, ", ")))
		}
	}
	return out, nil
}
