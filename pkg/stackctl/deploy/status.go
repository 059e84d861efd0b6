package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Status is what runs on a target.
type Status struct {
	At         time.Time             `json:"at"`
	Target     string                `json:"target"`
	Host       string                `json:"host"`
	Domain     string                `json:"domain"`
	Engine     string                `json:"engine"`
	Live       string                `json:"live"`
	Memory     int64                 `json:"memory_bytes"`
	Free       int64                 `json:"free_bytes"`
	Containers []stack.Container     `json:"containers"`
	Releases   []stack.ReleaseRecord `json:"releases"`
	Lock       *stack.LockInfo       `json:"lock"`
}

// ReadStatus observes a target and keeps what is the project's.
func ReadStatus(ctx context.Context, server Server, c stack.Config, t stack.Target, now time.Time) (Status, error) {
	seen, err := observe(ctx, server, t, nil, now)
	if err != nil {
		return Status{}, err
	}
	s := Status{At: seen.At, Target: t.Name, Host: t.Host, Domain: t.Domain, Engine: "Docker " + seen.Host.EngineVersion,
		Live: seen.Live, Memory: seen.Host.MemoryBytes, Free: seen.Host.FreeBytes, Releases: seen.Releases}
	for _, container := range seen.Containers {
		if container.Labels[stack.LabelProject] == c.Project {
			s.Containers = append(s.Containers, container)
		}
	}
	sort.Slice(s.Containers, func(i, j int) bool {
		a, b := s.Containers[i], s.Containers[j]
		if a.Release != b.Release {
			return a.Release > b.Release
		}
		return a.Service < b.Service
	})
	sort.Slice(s.Releases, func(i, j int) bool { return s.Releases[i].Switched.After(s.Releases[j].Switched) })
	s.Lock, err = Holder(ctx, server, t.Path)
	return s, err
}

// Current lists the containers of the live release, the edge and the data
// layer; names limits them to some services.
func Current(ctx context.Context, server Server, c stack.Config, t stack.Target, names []string) ([]stack.Container, error) {
	s, err := ReadStatus(ctx, server, c, t, time.Now())
	if err != nil {
		return nil, err
	}
	var out []stack.Container
	var known []string
	for _, container := range s.Containers {
		if container.Release != "" && container.Release != s.Live {
			continue
		}
		known = append(known, container.Service)
		if len(names) == 0 || slices.Contains(names, container.Service) {
			out = append(out, container)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, stack.Fault(stack.CauseUsage, "find service "+n, errors.New("it does not run on "+t.Host), fmt.Sprintf("running: %s", strings.Join(known, ", ")))
		}
	}
	return out, nil
}
