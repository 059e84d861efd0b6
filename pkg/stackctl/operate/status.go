// Package operate looks at a target and changes nothing there: its status and
// health, the certificates that it serves, its disk, its releases and backups.
// It must not know how a release comes there.
package operate

import (
	"context"
	"sync"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
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
	// Absent are the nodes of a cluster that do not answer.
	Absent []stack.Absent `json:"absent,omitempty"`
	// Since is when the edge was pointed at the live release.
	Since  time.Time `json:"since,omitzero"`
	By     string    `json:"by,omitempty"`
	Commit string    `json:"commit,omitempty"`
	Health Health    `json:"health"`
	Memory int64     `json:"memory_bytes"`
	Free   int64     `json:"free_bytes"`
	// Disk is that of all hosts together, and Hosts each by itself.
	Disk         stack.DiskUse         `json:"disk"`
	Hosts        []Host                `json:"hosts"`
	Certificates []Certificate         `json:"certificates"`
	Containers   []Container           `json:"containers"`
	Releases     []stack.ReleaseRecord `json:"releases"`
	// Unjudged reports whether no run has judged the live release to its end, as where one was
	// cut off after the switch, or is at work.
	Unjudged bool `json:"unjudged,omitempty"`
	// Beside are the releases other than the live one of which something runs.
	Beside []string `json:"beside,omitempty"`
	// FilesProblem is what is wrong with the files that the host keeps of the
	// live release: its containers run on, and may not start again.
	FilesProblem string          `json:"files_problem,omitempty"`
	Lock         *stack.LockInfo `json:"lock"`
	// Maintenance is since when and by whom visitors are kept out; nil: they are not.
	Maintenance *edge.Maintenance `json:"maintenance,omitempty"`
	// MaintenanceProblem is why that is not known.
	MaintenanceProblem string `json:"maintenance_problem,omitempty"`
	// Ingress is the server's, where the project shares it; nil: it does not.
	Ingress *Ingress `json:"ingress,omitempty"`
	// Composed is what docker compose made of the project; nil: nothing.
	Composed *Composed `json:"composed,omitempty"`
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
	// Problem is what is wrong with it; empty: nothing that its size tells.
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

// ReadStatus reads everything about a target, over the one connection; the
// certificates are read from outside.
func ReadStatus(ctx context.Context, server node.Server, c stack.Config, t stack.Target, now time.Time) (Status, error) {
	s, seen, err := overview(ctx, server, t, now)
	if err != nil {
		return s, err
	}
	kept := liveRelease(ctx, server, t, s.Live)
	s.Absent = server.Absent()
	s.Containers, s.Certificates = []Container{}, []Certificate{}
	for _, x := range ours(c, seen) {
		if serves(x, s.Live) {
			s.Containers = append(s.Containers, judge(x, kept, seen.Host.Clock))
		} else {
			s.Containers = append(s.Containers, Container{Container: x})
		}
	}
	s.Health = health(s.Live, kept, s.Containers)
	s.Ingress = ingressOf(kept, seen)
	s.Health.behind(s.Ingress)
	s.Beside = besideOf(s.Live, ours(c, seen))
	s.Composed = composedOf(c.Project, seen.Containers)
	var all sync.WaitGroup
	all.Go(func() {
		s.Hosts = hosts(ctx, server, c, t, seen)
		s.Disk = sumOf(s.Hosts)
	})
	if len(kept.Edge.Routes) > 0 { // workers have no edge, and nothing that could be served
		all.Go(func() { s.Certificates = certificates(ctx, reached(t, s.Absent), kept, now) })
	}
	all.Go(func() {
		list, problem := Backups(ctx, server, c, t)
		if s.Backup = newestOnHost(list); problem != nil {
			s.BackupProblem = problem.Error()
		}
	})
	all.Go(func() { s.FilesProblem = filesProblem(ctx, server, t, seen) })
	all.Go(func() {
		lock, problem := node.Holder(ctx, server, t)
		if s.Lock = lock; problem != nil {
			s.LockProblem = problem.Error()
		}
	})
	all.Go(func() {
		m, problem := node.Maintenance(ctx, server, t)
		if s.Maintenance = m; problem != nil {
			s.MaintenanceProblem = problem.Error()
		}
	})
	all.Wait()
	return s, nil
}

// Backups lists the backups of a target, the newest first.
func Backups(ctx context.Context, server node.Server, c stack.Config, t stack.Target) ([]backup.Listed, error) {
	return backups(server, c, t, nil).List(ctx)
}

// Data measures what a project keeps on a target, and finds the newest backup of each.
func Data(ctx context.Context, server node.Server, c stack.Config, t stack.Target, places []backup.Place) ([]backup.Datum, error) {
	return backups(server, c, t, places).Data(ctx)
}

func backups(server node.Server, c stack.Config, t stack.Target, places []backup.Place) *backup.Backups {
	kept := c.Backup
	kept.Dir = kept.Folder(t.Name)
	return &backup.Backups{Config: kept, Project: c.Project, Target: t.Name, Root: t.Path, Places: places, Server: server, Hosts: node.Keepers(server), Now: time.Now}
}

// filesProblem names what is wrong with what the host keeps of the live release.
func filesProblem(ctx context.Context, server node.Server, t stack.Target, seen stack.Observed) string {
	if seen.Live == "" {
		return ""
	}
	record := seen.Record(seen.Live)
	switch record.State {
	case "":
		return "the host keeps nothing of release " + seen.Live + " in " + t.At(stack.ReleasesDir) + ": its containers may not start again; deploy that release again"
	case stack.ReleaseUnreadable:
		return record.Reason + "; deploy that release again: it writes its record anew"
	}
	if err := node.CheckFiles(ctx, server, t, record); err != nil {
		return err.Error()
	}
	return ""
}
