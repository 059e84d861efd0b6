package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Backup takes backups now, of the named places or of all. to is a folder for
// the operator's copies; empty: the configured one.
func (d *Deployer) Backup(ctx context.Context, to string, names []string) (stack.Report, error) {
	s := d.begin("backup")
	places, err := d.found(ctx)
	if err == nil {
		places, err = d.named(places, names)
	}
	if err != nil {
		return s.end(ctx, err)
	}
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		s.report.Release = seen.Live
		return s.unlessStopped(ctx, s.phase("backup", func() (string, error) {
			b := d.backups(server, places, s.hostNow, s.bytes("backup"))
			if to != "" {
				b.Config.Dir, b.Archive = to, true
			}
			return s.takeBackups(ctx, b, backup.Reason{Cause: "asked for by " + d.Owner, Release: seen.Live})
		}))
	}))
}

// named are the places of these names; no names mean all.
func (d *Deployer) named(places []backup.Place, names []string) ([]backup.Place, error) {
	var known []string
	for _, p := range places {
		known = append(known, p.Name)
	}
	if len(places) == 0 {
		return nil, stack.Fault(stack.CauseUsage, "back up "+d.Config.Project, errors.New("nothing that it keeps is found in its compose files"),
			"name what holds data under backup.service or backup.places in stackctl.yaml")
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, stack.Fault(stack.CauseUsage, "back up "+n, errors.New("it is no place of the project that is backed up"), "the places are "+strings.Join(known, ", "))
		}
	}
	if len(names) == 0 {
		return places, nil
	}
	return slices.DeleteFunc(slices.Clone(places), func(p backup.Place) bool { return !slices.Contains(names, p.Name) }), nil
}

// unlessStopped is the error of a part that may have failed because the run was
// told to stop.
func (s *story) unlessStopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return stack.Interrupted(ctx, s.report.Verb)
	}
	return err
}

// bytes returns how far a transfer is.
func (s *story) bytes(name string) func(done, total int64) {
	var last time.Time
	return func(done, total int64) {
		if now := s.d.Now(); now.Sub(last) >= progressEvery {
			last = now
			s.emit(stack.Event{Kind: stack.EventProgress, Name: name, Done: done, Total: total, Unit: "bytes"})
		}
	}
}

// Restoring is what is restored, and how.
type Restoring struct {
	// Backup is a name, a file's path, "latest", or "latest:PLACE".
	Backup string
	// Drill restores into a scratch database only.
	Drill bool
	// AnySchema restores although the live release cannot work with it.
	AnySchema bool
}

// Restore rehearses a backup or puts it in the live place's place. A rehearsal
// of "latest" is one of the newest backup of each place.
func (d *Deployer) Restore(ctx context.Context, w Restoring) (stack.Report, error) {
	s := d.begin("restore")
	places, err := d.found(ctx)
	if err != nil {
		return s.end(ctx, err)
	}
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		s.report.Release = seen.Live
		b := d.backups(server, places, s.hostNow, s.bytes("restore"))
		if !w.Drill || w.Backup != "latest" {
			return s.unlessStopped(ctx, s.opened(ctx, server, b, seen.Live, w, 1))
		}
		newest, err := b.Newest(ctx)
		if err != nil {
			return err
		}
		var failed error
		for _, name := range newest {
			one := w
			one.Backup = name
			if err := s.unlessStopped(ctx, s.opened(ctx, server, b, seen.Live, one, len(newest))); err != nil && ctx.Err() != nil {
				return err
			} else if failed == nil {
				failed = err
			}
		}
		return failed
	}))
}

// opened opens a backup, one of some, and does with it what is wanted.
func (s *story) opened(ctx context.Context, server node.Server, b *backup.Backups, live string, w Restoring, some int) error {
	var o *backup.Opened
	err := s.phase("open", func() (detail string, err error) {
		if o, err = b.Open(ctx, w.Backup); err != nil {
			return "", err
		}
		m := o.Manifest
		return fmt.Sprintf("%s of %s: %d %s, %d %s, release %s, taken %s", m.Name, o.Place.Name, len(m.Tables), m.Kind.Parts(), m.Rows(), m.Kind.Count(),
			cmp.Or(m.Release, "none"), m.Created.Format(time.RFC3339)), nil
	})
	if err != nil {
		return err
	}
	defer o.Close()
	if w.Drill {
		return s.drill(ctx, b, o, some)
	}
	return s.restore(ctx, server, b, o, live, w.AnySchema)
}

func (s *story) drill(ctx context.Context, b *backup.Backups, o *backup.Opened, some int) error {
	var out backup.Outcome
	err := s.phase("drill", func() (detail string, err error) {
		out, err = b.Rehearse(ctx, o)
		return outcomeText(out), err
	})
	if err != nil {
		return err
	}
	s.artifactJSON(artifactOf("drill", o.Place.Name, some), out)
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
	return fmt.Sprintf("%d %s and %d %s restored in %s, compared in %s: %d of %d %s equal", o.Tables, o.Kind.Parts(), o.Rows, o.Kind.Count(),
		o.Restore.Round(time.Millisecond), o.Compare.Round(time.Millisecond), o.Equal, o.Tables, o.Kind.Parts())
}

// restore puts a backup in the live place's place, and takes it away again
// where the gates do not like it.
func (s *story) restore(ctx context.Context, server node.Server, b *backup.Backups, o *backup.Opened, live string, anySchema bool) error {
	if o.Place.Kind == backup.PostgreSQL {
		if err := s.fitsLive(ctx, server, o, live, anySchema); err != nil {
			return err
		}
	}
	err := s.phase("backup", func() (string, error) {
		present := *b
		present.Progress = s.bytes("backup")
		present.Places = []backup.Place{o.Place}
		return s.takeBackups(ctx, &present, backup.Reason{Cause: "before the restore of " + o.Manifest.Name, Release: live})
	})
	if err != nil {
		return err
	}
	var r backup.Restored
	err = s.phase("restore", func() (detail string, err error) {
		if r, err = b.Restore(ctx, o); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s; switched in %s, what was replaced is %s until the next restore", outcomeText(r.Outcome), r.Switch.Round(time.Millisecond), r.Former), nil
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
	judged := s.judgeRestored(ctx, server, live, o.Place.Kind)
	if judged == nil {
		return nil
	}
	return errors.Join(judged, s.phase("undo", func() (string, error) {
		late, cancel := node.Aside(ctx)
		defer cancel()
		return "what was replaced is back", b.Undo(late, r)
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

// restoredGates judge the application on what was restored: it is well, and a
// database's schema is its own.
func restoredGates(kind backup.Kind) []string {
	if kind == backup.PostgreSQL {
		return []string{"G3", "G6"}
	}
	return []string{"G3"}
}

func (s *story) judgeRestored(ctx context.Context, server node.Server, live string, kind backup.Kind) error {
	today, _ := s.d.freeze(ctx)
	r, err := s.readRelease(ctx, server, live, today.Release)
	if err != nil {
		return err
	}
	subject := gate.Subject{Release: r, Outside: outside{}, Server: server, Config: s.d.Config, Target: s.d.Target}
	if err := s.phase("reconnect", func() (string, error) { return s.reconnected(ctx, subject) }); err != nil {
		return err
	}
	s.d.Gates = restoredGates(kind)
	return s.phase("judge", func() (string, error) {
		return strings.Join(s.d.Gates, ", "), s.judge(ctx, stack.PhasePre, subject)
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

// Places decides what of a project is backed up on a target, and how; also what
// is not, with the reason.
func Places(ctx context.Context, c stack.Config, t stack.Target) ([]backup.Place, error) {
	d := &Deployer{Config: c, Target: t, Now: time.Now}
	want, err := d.freeze(ctx)
	if err != nil {
		return nil, err
	}
	return backup.Places(c.Backup, c.File, t.Path, want.Release.Services)
}
