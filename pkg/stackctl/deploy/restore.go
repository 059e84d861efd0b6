package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Backup takes a backup now. to is a folder for the operator's copy; empty:
// the configured one.
func (d *Deployer) Backup(ctx context.Context, to string) (stack.Report, error) {
	s := d.begin("backup")
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		s.report.Release = seen.Live
		return s.unlessStopped(ctx, s.phase("backup", func() (string, error) {
			b := d.backups(server, s.hostNow, s.bytes("backup"))
			if to != "" {
				b.Config.Dir, b.Archive = to, true
			}
			return s.takeBackup(ctx, b, backup.Reason{Cause: "asked for by " + d.Owner, Release: seen.Live})
		}))
	}))
}

// unlessStopped is the error of a part that may have failed because the run was
// told to stop.
func (s *story) unlessStopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return stack.Interrupted(ctx, s.report.Verb)
	}
	return err
}

// bytes tells how far a transfer is.
func (s *story) bytes(name string) func(done, total int64) {
	var last time.Time
	return func(done, total int64) {
		if now := s.d.Now(); now.Sub(last) >= progressEvery {
			last = now
			s.emit(stack.Event{Kind: stack.EventProgress, Name: name, Done: done, Total: total, Unit: "bytes"})
		}
	}
}

// Restoring says what is restored, and how.
type Restoring struct {
	// Backup is a name, a file's path, or "latest".
	Backup string
	// Drill restores into a scratch database only.
	Drill bool
	// AnySchema restores although the live release cannot work with it.
	AnySchema bool
}

// Restore rehearses a backup or puts it in the live database's place.
func (d *Deployer) Restore(ctx context.Context, w Restoring) (stack.Report, error) {
	s := d.begin("restore")
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		s.report.Release = seen.Live
		return s.unlessStopped(ctx, s.opened(ctx, server, seen.Live, w))
	}))
}

// opened opens a backup and does with it what is wanted.
func (s *story) opened(ctx context.Context, server node.Server, live string, w Restoring) error {
	b := s.d.backups(server, s.hostNow, s.bytes("restore"))
	var o *backup.Opened
	err := s.phase("open", func() (detail string, err error) {
		if o, err = b.Open(ctx, w.Backup); err != nil {
			return "", err
		}
		m := o.Manifest
		return fmt.Sprintf("%s: %d tables, %d rows, release %s, taken %s", m.Name, len(m.Tables), m.Rows(), cmp.Or(m.Release, "none"), m.Created.Format(time.RFC3339)), nil
	})
	if err != nil {
		return err
	}
	defer o.Close()
	if w.Drill {
		return s.drill(ctx, b, o)
	}
	return s.restore(ctx, server, b, o, live, w.AnySchema)
}

func (s *story) drill(ctx context.Context, b *backup.Backups, o *backup.Opened) error {
	var out backup.Outcome
	err := s.phase("drill", func() (detail string, err error) {
		out, err = b.Rehearse(ctx, o)
		return outcomeText(out), err
	})
	if err != nil {
		return err
	}
	s.artifactJSON("drill.json", out)
	if len(out.Differences) == 0 {
		return nil
	}
	for _, d := range out.Differences {
		s.note(d.String())
	}
	return stack.Fault(stack.CauseGate, "compare what was restored of "+out.Backup, fmt.Errorf("%d differences, such as %s", len(out.Differences), out.Differences[0]),
		"do not rely on this backup: take another with `stackctl backup` and rehearse that")
}

func outcomeText(o backup.Outcome) string {
	return fmt.Sprintf("%d tables and %d rows restored in %s, compared in %s: %d of %d tables equal", o.Tables, o.Rows,
		o.Restore.Round(time.Millisecond), o.Compare.Round(time.Millisecond), o.Equal, o.Tables)
}

// restore puts a backup in the live database's place, and takes it away again
// where the gates do not like it.
func (s *story) restore(ctx context.Context, server node.Server, b *backup.Backups, o *backup.Opened, live string, anySchema bool) error {
	if err := s.fitsLive(ctx, server, o, live, anySchema); err != nil {
		return err
	}
	err := s.phase("backup", func() (string, error) {
		present := *b
		present.Progress = s.bytes("backup")
		return s.takeBackup(ctx, &present, backup.Reason{Cause: "before the restore of " + o.Manifest.Name, Release: live})
	})
	if err != nil {
		return err
	}
	var r backup.Restored
	err = s.phase("restore", func() (detail string, err error) {
		if r, err = b.Restore(ctx, o); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s; switched in %s, the replaced database is %s until the next restore", outcomeText(r.Outcome), r.Switch.Round(time.Millisecond), r.Former), nil
	})
	s.artifactJSON("restore.json", r)
	for _, d := range r.Outcome.Differences {
		s.note(d.String())
	}
	if err != nil || live == "" {
		return err
	}
	if anySchema {
		s.note("the gates do not judge it: --any-schema was given. Lead to a release that fits: stackctl rollback " + o.Manifest.Release)
		return nil
	}
	judged := s.judgeRestored(ctx, server, live)
	if judged == nil {
		return nil
	}
	return errors.Join(judged, s.phase("undo", func() (string, error) {
		late, cancel := node.Aside(ctx)
		defer cancel()
		return "the replaced database is back", b.Undo(late, r)
	}))
}

// fitsLive refuses a schema that the live release cannot work with.
func (s *story) fitsLive(ctx context.Context, server node.Server, o *backup.Opened, live string, anySchema bool) error {
	if live == "" {
		s.note("no release is live: nothing tells whether the backup's schema fits")
		return nil
	}
	frozen, _ := server.ReadFile(ctx, s.d.Target.At(stack.ReleasePath(live, stack.SchemaFile)))
	why, known, err := misfits(live, frozen, o.Manifest.Catalog)
	switch {
	case err != nil:
		return err
	case !known:
		s.note("it is not known whether release " + live + " can work with the backup's schema; the gates judge it afterwards")
		return nil
	case why == "" || anySchema:
		return nil
	}
	if o.Manifest.Release == live {
		return stack.Fault(stack.CauseUsage, "restore "+o.Manifest.Name, fmt.Errorf("the schema has changed since: %s", why), "restore with --any-schema if you know why")
	}
	fix := "release " + cmp.Or(o.Manifest.Release, "none") + " was live when it was taken: `stackctl rollback " + o.Manifest.Release + "` first, or restore with --any-schema and roll back then"
	return stack.Fault(stack.CauseUsage, "restore "+o.Manifest.Name, fmt.Errorf("release %s, which is live, cannot work with its schema: %s", live, why), fix)
}

// restoredGates judge the application on the restored database: it is well,
// and the schema is its own.
var restoredGates = []string{"G3", "G6"}

func (s *story) judgeRestored(ctx context.Context, server node.Server, live string) error {
	today, _ := s.d.freeze(ctx)
	r, err := s.readRelease(ctx, server, live, today.Release)
	if err != nil {
		return err
	}
	subject := gate.Subject{Release: r, Outside: outside{}, Server: server, Config: s.d.Config, Target: s.d.Target}
	if err := s.phase("reconnect", func() (string, error) { return s.reconnected(ctx, subject) }); err != nil {
		return err
	}
	s.d.Gates = restoredGates
	return s.phase("judge", func() (string, error) {
		return strings.Join(restoredGates, ", "), s.judge(ctx, stack.PhasePre, subject)
	})
}

// reconnectPatience is how long the application may take to find the database
// again: its connections were ended, and each is noticed when it is used.
const reconnectPatience = 30 * time.Second

// reconnected waits until the application is well. Whether it is, the gates
// judge afterwards.
func (s *story) reconnected(ctx context.Context, subject gate.Subject) (string, error) {
	health, err := gates.Select(stack.PhasePre, []string{"G3"})
	if err != nil {
		return "", err
	}
	began := s.d.Now()
	for deadline := time.Now().Add(reconnectPatience); time.Now().Before(deadline) && ctx.Err() == nil; {
		if Judged(gate.Run(ctx, health, subject, func(stack.Event) {})) == nil {
			return "the application is well after " + s.d.Now().Sub(began).Round(time.Millisecond).String(), nil
		}
	}
	return "the application is not well yet", nil
}
