package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// undoLimit bounds an undo.
const undoLimit = 90 * time.Second

// undo brings back what served before this run. It is called when a step or a
// gate failed, or the operator stopped the run; cause is why.
func (x *executor) undo(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.stretch(undoLimit))
	defer cancel()
	node.FreeReserve(ctx, x.server, x.d.Target)
	old, own := x.seen.Live, x.want.Release.ID
	if old == "" && (x.started || x.switched || x.edged) {
		if old = x.nameless(); old != "" && old != own {
			x.note("the edge's files named no release when this run began; release " + old + " was the last good one, and ran")
			if err := x.reach(ctx, old, x.switched); err != nil {
				return err
			}
		}
	}
	x.report.Live = old
	if old == own {
		if old = x.unjudged(cause); old == "" {
			x.note("release " + own + " was live before this run and stays so")
			return nil
		}
		x.note("release " + own + " was live, but its deploy was cut off before it was judged; release " + old + " was good")
		if err := x.reach(ctx, old, true); err != nil {
			return err
		}
	}
	broken := x.brokenBase(ctx)
	if !x.started && !x.switched && !x.edged && len(broken) == 0 {
		return x.fail(ctx, cause)
	}
	x.logs(ctx, x.want.Release.AppProject())
	return x.phase("undo", func() (string, error) {
		var errs []error
		if len(broken) > 0 {
			x.note(strings.Join(broken, ", ") + " ran well when this run began: brought back beside release " + old)
		}
		if x.edged || len(broken) > 0 {
			errs = append(errs, x.restoreBase(ctx, old, broken))
		}
		if x.switched {
			errs = append(errs, x.switchBack(ctx, old))
		}
		// The new release goes last, and never while it may still be served.
		if errors.Join(errs...) == nil {
			if x.switched {
				errs = append(errs, x.settle(ctx), x.stop(ctx, own)) // it finishes its requests
			}
			errs = append(errs, x.server.RemoveProject(ctx, x.want.Release.AppProject()))
		}
		errs = append(errs, x.fail(ctx, cause))
		if err := errors.Join(errs...); err != nil {
			return "", stack.Fault(stack.CauseStep, "bring back release "+old, err, "run `stackctl status`, then `stackctl rollback`")
		}
		x.report.RolledBack = x.switched && old != ""
		if old == "" {
			return "nothing served before; nothing serves now", nil
		}
		return "release " + old + " serves", nil
	})
}

// unjudged gives the release to bring back where the live one was left by a
// deploy that was cut off after its switch, and is now found bad; empty: the
// live one stays.
func (x *executor) unjudged(cause error) string {
	if c := stack.CauseOf(cause); c == stack.CauseInterrupted || c == stack.CauseLocked {
		return ""
	}
	own := x.want.Release.ID
	for _, r := range x.seen.Releases {
		if r.ID == own && r.State != stack.ReleaseStarted {
			return ""
		}
	}
	last, err := Earlier(x.seen, "")
	if err != nil {
		return ""
	}
	return last.ID
}

// nameless gives the release that users had where the edge's files do not say
// it, as when they were garbled by hand: the last good one that ran when this
// run began. Traefik goes by what it read before from a file that it cannot read.
func (x *executor) nameless() string {
	last, err := Earlier(x.seen, "")
	if err != nil {
		return ""
	}
	for _, c := range x.seen.Containers {
		if c.Release == last.ID && c.Layer == stack.LayerApp && c.State == "running" && stack.Owns(c, x.want.Release.Project) {
			return last.ID
		}
	}
	return ""
}

// reach makes the undo lead to a release that the edge did not point at when
// this run began. What was stopped of it is started first; where nothing was,
// it serves all the while.
func (x *executor) reach(ctx context.Context, id string, stopped bool) error {
	r, err := x.readRelease(ctx, x.server, id, x.want.Release)
	if err != nil {
		return err
	}
	if x.before, err = edge.Point(r.Edge.Dynamic, id, r.AppServices()); err != nil {
		return err
	}
	x.switched, x.edged = true, true
	if stopped {
		x.drained = append(x.drained, stack.Step{Kind: stack.StepDrain, Release: id})
	}
	x.report.Live = id
	return nil
}

// switchBack starts the old release where it was drained and points the edge at it.
func (x *executor) switchBack(ctx context.Context, old string) error {
	if old != "" {
		lead := func() error { _, err := x.point(ctx, x.before); return err }
		start := func() error { return x.restart(ctx, old) }
		steps := []func() error{lead, start} // what the edge leads to still runs
		if slices.ContainsFunc(x.drained, func(s stack.Step) bool { return s.Release == old && len(s.Services) == 0 }) {
			steps = []func() error{start, lead}
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range x.want.Pointed {
		if err := x.server.Remove(ctx, x.d.Target.At(stack.DynamicPath(f.Path))); err != nil {
			return err
		}
	}
	return nil
}

// restart starts what was drained of a release.
func (x *executor) restart(ctx context.Context, id string) error {
	for _, step := range x.drained {
		if step.Release != id {
			continue
		}
		// A stop that was cut off goes on in the engine: what still runs may
		// be about to end. It is ended first; the new release serves meanwhile.
		if err := x.stop(ctx, id, step.Services...); err != nil {
			return err
		}
	}
	if err := x.server.Start(ctx, stack.AppProject(x.want.Release.Project, id)); err != nil {
		return fmt.Errorf("start release %s again: %w", id, err)
	}
	return nil
}

// fail records on the host that the release failed, and why. One that was good
// stays so until a gate says otherwise: a step that failed, or an operator who
// stopped, says nothing of it, and the way back to it must stay open.
func (x *executor) fail(ctx context.Context, cause error) error {
	switch {
	case x.record.State == "":
		return nil // it never came to the host
	case x.record.State == stack.ReleaseGood && stack.CauseOf(cause) != stack.CauseGate:
		return nil
	}
	x.record.State, x.record.Reason = stack.ReleaseFailed, cause.Error()
	return x.keep(ctx)
}
