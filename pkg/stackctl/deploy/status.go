package deploy

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/stack"
)

// Status is what runs on a target, since when, and how well.
type Status struct {
	At     time.Time `json:"at"`
	Target string    `json:"target"`
	Host   string    `json:"host"`
	Domain string    `json:"domain"`
	Engine string    `json:"engine"`
	Live   string    `json:"live"`
	// Since is when the edge was pointed at the live release.
	Since        time.Time             `json:"since,omitzero"`
	By           string                `json:"by,omitempty"`
	Commit       string                `json:"commit,omitempty"`
	Health       Health                `json:"health"`
	Memory       int64                 `json:"memory_bytes"`
	Free         int64                 `json:"free_bytes"`
	Disk         stack.DiskUse         `json:"disk"`
	Certificates []Certificate         `json:"certificates"`
	Containers   []Container           `json:"containers"`
	Releases     []stack.ReleaseRecord `json:"releases"`
	// Unjudged says that no run has judged the live release to its end, as where one was
	// cut off after the switch, or is at work.
	Unjudged bool `json:"unjudged,omitempty"`
	// FilesProblem is what is wrong with the files that the host keeps of the
	// live release: its containers run on, and may not start again.
	FilesProblem string          `json:"files_problem,omitempty"`
	Lock         *stack.LockInfo `json:"lock"`
	// LockProblem is why it is not known who holds the lock.
	LockProblem string `json:"lock_problem,omitempty"`
	// Backup is the newest one on the host; nil: there is none.
	Backup *Backup `json:"backup"`
	// BackupProblem is why it is not known which backups there are.
	BackupProblem string `json:"backup_problem,omitempty"`
}

// Backup is the newest backup on the host.
type Backup struct {
	Name  string    `json:"name"`
	At    time.Time `json:"at"`
	Bytes int64     `json:"bytes"`
	// Problem says what is wrong with it; empty: nothing that its size tells.
	Problem string `json:"problem,omitempty"`
}

// newestOnHost is the newest of the backups, the newest first, that the host has.
func newestOnHost(list []backup.Listed) *Backup {
	for _, l := range list {
		if l.Host {
			return &Backup{l.Name, l.Created.UTC(), l.HostBytes, l.Problem}
		}
	}
	return nil
}

// ReadStatus tells everything about a target, over the one connection; the
// certificates are read from outside.
func ReadStatus(ctx context.Context, server Server, c stack.Config, t stack.Target, now time.Time) (Status, error) {
	s, seen, err := overview(ctx, server, t, now)
	if err != nil {
		return s, err
	}
	kept := liveRelease(ctx, server, t.Path, s.Live)
	s.Containers = []Container{}
	for _, x := range ours(c, seen) {
		if serves(x, s.Live) {
			s.Containers = append(s.Containers, judged(x, kept, seen.Host.Clock))
		} else {
			s.Containers = append(s.Containers, Container{Container: x})
		}
	}
	s.Health = health(s.Live, kept, s.Containers)
	var all sync.WaitGroup
	all.Go(func() { s.Disk = usage(ctx, server, c, t, seen) })
	all.Go(func() { s.Certificates = certificates(ctx, t, kept, now) })
	all.Go(func() {
		list, problem := BackupList(ctx, server, c, t)
		if s.Backup = newestOnHost(list); problem != nil {
			s.BackupProblem = problem.Error()
		}
	})
	all.Go(func() { s.FilesProblem = keptBadly(ctx, server, t, seen) })
	all.Go(func() {
		lock, problem := Holder(ctx, server, t.Path)
		if s.Lock = lock; problem != nil {
			s.LockProblem = problem.Error()
		}
	})
	all.Wait()
	return s, nil
}

// overview observes a target and tells what is live there.
func overview(ctx context.Context, server Server, t stack.Target, now time.Time) (Status, stack.Observed, error) {
	seen, err := observe(ctx, server, t, nil, now)
	if err != nil {
		return Status{}, seen, err
	}
	s := Status{At: seen.At, Target: t.Name, Host: t.Host, Domain: t.Domain, Engine: "Docker " + seen.Host.EngineVersion,
		Live: seen.Live, Memory: seen.Host.MemoryBytes, Free: seen.Host.FreeBytes, Releases: seen.Releases}
	sort.Slice(s.Releases, func(i, j int) bool { return s.Releases[i].Switched.After(s.Releases[j].Switched) })
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
		if container.Labels[stack.LabelProject] == c.Project {
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
func Releases(ctx context.Context, server Server, t stack.Target) (list []stack.ReleaseRecord, live string, err error) {
	s, _, err := overview(ctx, server, t, time.Now())
	return s.Releases, s.Live, err
}

// Current lists the containers of the live release, the edge and the data
// layer; names limits them to some services.
func Current(ctx context.Context, server Server, c stack.Config, t stack.Target, names []string) ([]stack.Container, error) {
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
			return nil, stack.Fault(stack.CauseUsage, "find service "+n, errors.New("it does not run on "+t.Host), fmt.Sprintf("running: %s", strings.Join(known, ", ")))
		}
	}
	return out, nil
}

// keptBadly says what is wrong with what the host keeps of the live release.
func keptBadly(ctx context.Context, server Server, t stack.Target, seen stack.Observed) string {
	if seen.Live == "" {
		return ""
	}
	record := recordAt(seen, seen.Live)
	switch record.State {
	case "":
		return "the host keeps nothing of release " + seen.Live + " in " + path.Join(t.Path, "releases") + ": its containers may not start again; deploy that release again"
	case stack.ReleaseUnreadable:
		return record.Reason + "; deploy that release again: it writes its record anew"
	}
	if err := whole(ctx, server, t, record); err != nil {
		return err.Error()
	}
	return ""
}
