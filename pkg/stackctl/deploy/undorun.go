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

// undo brings back what served before this run. It is called when a step or a
// gate failed, or the operator stopped the run; cause is why.
func (x *executor) undo(ctx context.Context, cause error) error {
	ctx = context.WithoutCancel(ctx)
	x.freeReserve(ctx)
	u, err := x.undone(ctx, cause)
	if err != nil {
		return err
	}
	x.report.Live = u.Old.ID
	if u.Old.ID == x.want.Release.ID {
		x.note("release " + u.Old.ID + " was live before this run and stays so")
		return nil
	}
	plan := Undo(u)
	x.artifact("undo.txt", []byte(plan.String()))
	x.cause, x.old, x.back = cause, u.Old, u.Edge
	if len(plan.Steps) == 1 { // nothing but the record of it
		if err := x.fail(ctx, cause); err != nil {
			x.note(err.Error())
		}
		return nil
	}
	for _, s := range plan.Steps {
		if s.Kind == stack.StepData || s.Kind == stack.StepEdge && !x.began(stack.StepEdge) {
			x.note(strings.Join(s.Services, ", ") + " ran well when this run began: brought back beside release " + u.Old.ID)
		}
	}
	x.logs(ctx, x.want.Release.AppProject())
	return x.phase("undo", func() (string, error) {
		if err := x.runUndo(ctx, plan); err != nil {
			return "", stack.Fault(stack.CauseStep, "bring back release "+u.Old.ID, err, "run `stackctl status`, then `stackctl rollback`")
		}
		x.report.RolledBack = u.Old.ID != "" && (u.Idle || x.began(stack.StepSwitch))
		if u.Old.ID == "" {
			if x.began(stack.StepReinstate) {
				return "what `docker compose` started serves again", nil
			}
			return "nothing served before; nothing serves now", nil
		}
		return "release " + u.Old.ID + " serves", nil
	})
}

// abandon records what a run knows that may touch the server no more: another one
// may be at work there, or it cannot be reached.
func (x *executor) abandon() {
	x.report.Unseen = true
	id := x.want.Release.ID
	led := "this run had led nobody to release " + id
	switch {
	case !x.began(stack.StepSwitch):
	case x.turned.IsZero():
		x.report.Live = ""
		led = "the edge was just being led to release " + id + ", and `stackctl status` says what serves"
	default:
		x.report.Live = id
		led = "the edge had been led to release " + id + ", which was not judged to its end, and `stackctl status` says what serves"
	}
	x.note("nothing was brought back, for the server is out of reach, or another run's: " + led + "; run the same command again")
}

// stranded records how an undo ended that failed: whom the edge leads to now, or,
// where the server went away, that it can't be seen.
func (x *executor) stranded(ctx context.Context, failure, err error) error {
	ctx = context.WithoutCancel(ctx)
	gone := err
	if stack.CauseOf(err) != stack.CauseUnreachable {
		gone = node.CheckReachable(ctx, x.server, x.d.Target)
	}
	if gone == nil {
		x.report.Unsettled = true
		if files, unread := node.ReadDynamic(ctx, x.server, x.d.Target); unread == nil {
			x.report.Live = edge.Live(files)
		}
		return fmt.Errorf("%w; and then: %w", failure, err)
	}
	x.report.Unseen = true
	if x.began(stack.StepSwitch) {
		x.report.Live = ""
	}
	x.note("the server went away while what served before was brought back")
	return fmt.Errorf("%w; meanwhile: %w", gone, failure)
}

// runUndo applies the steps of an undo. One that fails hinders no other, with two
// exceptions: the new release, which may still be served then, stays; and where
// something did not end, nothing is started that must not run beside it.
func (x *executor) runUndo(ctx context.Context, plan stack.Plan) error {
	var errs []error
	var left []string
	crowded := false
	for i, step := range plan.Steps {
		ends := step.Release == x.want.Release.ID && (step.Kind == stack.StepDrain || step.Kind == stack.StepRemove)
		starts := step.Kind == stack.StepReinstate || step.Kind == stack.StepData || step.Kind == stack.StepEdge || step.Kind == stack.StepStart
		if ends && len(errs) > 0 || starts && crowded {
			left = append(left, string(step.Kind)+" "+step.Subject)
			continue
		}
		timeouts := x.d.Config.Timeouts
		timeouts.Start = timeouts.StartOf(x.old, step.Services)
		bounded, cancel := context.WithTimeout(ctx, x.stretch(timeOf(step, timeouts, x.grace())))
		err := x.step(bounded, step, i, len(plan.Steps), nil)
		if errors.Is(bounded.Err(), context.DeadlineExceeded) && err != nil {
			err = fmt.Errorf("%s %s had not ended in time: %w", step.Kind, step.Subject, err)
		}
		cancel()
		crowded = crowded || err != nil && step.Kind == stack.StepRemove
		switch {
		case err != nil && step.Kind == stack.StepFail:
			x.note(err.Error()) // what serves is as it was
		case err != nil:
			errs = append(errs, err)
		}
	}
	if len(left) > 0 {
		errs = append(errs, errors.New("not done after that: "+strings.Join(left, ", ")))
	}
	return errors.Join(errs...)
}

// stepMargin is what a step may take beside what it waits for.
const stepMargin = 60 * time.Second

// timeOf is how long a step of an undo may take at most, where services get
// grace to stop.
func timeOf(s stack.Step, t stack.Timeouts, grace time.Duration) time.Duration {
	switch s.Kind {
	case stack.StepData, stack.StepEdge, stack.StepStandby, stack.StepIngress, stack.StepStart, stack.StepReinstate:
		return t.Start + grace + stepMargin
	case stack.StepStop, stack.StepRemove:
		return grace + stepMargin
	case stack.StepDrain:
		return t.Drain + grace + stepMargin
	case stack.StepSwitch:
		return switchDeadline + stepMargin
	}
	return stepMargin
}

// grace is how long any service of the two releases may take to stop.
func (x *executor) grace() time.Duration {
	grace := 10 * time.Second // the engine's
	for _, r := range []stack.Release{x.want.Release, x.old} {
		for _, s := range r.Services {
			grace = max(grace, s.StopGrace)
		}
	}
	return grace
}

// undone reads what an undo is planned from.
func (x *executor) undone(ctx context.Context, cause error) (Undone, error) {
	id, idle := Destination(x.seen, x.want.Release, x.applied, cause)
	u := Undone{Applied: x.applied, Release: x.want.Release, Idle: idle, Before: x.seen, Edge: x.before, Cause: cause.Error()}
	u.Old = stack.Release{ID: id, Project: x.want.Release.Project}
	if id == x.want.Release.ID {
		return u, nil
	}
	if id != "" {
		old, err := x.readRelease(ctx, x.server, id, x.want.Release)
		switch {
		case err == nil:
			u.Old = old
		case idle || x.began(stack.StepEdge) || x.began(stack.StepData):
			return u, err
		default:
			x.note("what can be brought back without its files is: " + err.Error())
		}
	}
	switch {
	case id == "":
		u.Edge = nil
	case idle:
		var err error
		if u.Edge, err = edge.Point(u.Old.Edge.Dynamic, id, u.Old.Upstreams()); err != nil {
			return u, err
		}
		x.note(idleNote(x.seen.Live, id))
	}
	look, cancel := node.Aside(ctx)
	defer cancel()
	now, err := node.Observe(look, x.server, x.d.Target, x.want.interest(), x.d.Now())
	if u.Now = apart(now, x.want.Release.Project); err != nil {
		x.note("what differs is not known, so all that was done is undone: " + err.Error())
		u.Now, u.Blind = x.seen, true
	}
	return u, nil
}

func idleNote(live, id string) string {
	if live == "" {
		return "the edge's files named no release when this run began; release " + id + " was the last good one, and ran"
	}
	return "release " + live + " was live, but its deploy was cut off before it was judged; release " + id + " was good"
}

// Destination returns the release that an undo leads to; empty: nothing served.
// idle reports whether the edge did not lead to it when the run began.
func Destination(before stack.Observed, r stack.Release, applied []stack.Step, cause error) (id string, idle bool) {
	switch before.Live {
	case r.ID:
		if id := unjudged(before, r.ID, cause); id != "" {
			return id, true
		}
		if len(before.Adopted) > 0 && judged(cause) && before.Record(r.ID).State != stack.ReleaseGood {
			return "", true // docker compose served before
		}
		return r.ID, false
	case "":
		changed := slices.ContainsFunc(applied, func(s stack.Step) bool {
			return slices.Contains([]stack.Kind{stack.StepMigrate, stack.StepStart, stack.StepSwitch, stack.StepEdge}, s.Kind)
		})
		if id := nameless(before, r.Project); changed && id != "" && id != r.ID {
			return id, true
		}
	}
	return before.Live, false
}

// judged reports whether a run ended for something that it found.
func judged(cause error) bool {
	c := stack.CauseOf(cause)
	return c != stack.CauseInterrupted && c != stack.CauseLocked
}

// unjudged is the release to bring back where the live one was left by a deploy
// that was cut off after its switch, and is now found bad; empty: the live one
// stays.
func unjudged(before stack.Observed, own string, cause error) string {
	if !judged(cause) {
		return ""
	}
	if r := before.Record(own); r.State != "" && r.State != stack.ReleaseStarted {
		return ""
	}
	last, err := Earlier(before, "")
	if err != nil {
		return ""
	}
	return last.ID
}

// nameless is the release that users had where the edge's files do not name it,
// as when they were garbled by hand: the last good one that ran when this run
// began. Traefik goes by what it read before from a file that it cannot read.
func nameless(before stack.Observed, project string) string {
	last, err := Earlier(before, "")
	if err != nil {
		return ""
	}
	for _, c := range before.Containers {
		if c.Release == last.ID && c.Layer == stack.LayerApp && c.State == "running" && stack.Owns(c, project) {
			return last.ID
		}
	}
	return ""
}

// fail records on the host that the release failed, and why. One that was good
// stays so until a gate fails it: a step that failed, or an operator who
// stopped, proves nothing of it, and the way back to it must stay open.
func (x *executor) fail(ctx context.Context, cause error) error {
	switch {
	case x.record.State == "":
		return nil // it never came to the host
	case x.record.State == stack.ReleaseGood && stack.CauseOf(cause) != stack.CauseGate:
		return nil
	}
	x.record.State, x.record.Reason = stack.ReleaseFailed, cause.Error()
	if err := x.keep(ctx); err != nil {
		return fmt.Errorf("record that release %s failed: %w", x.record.ID, err)
	}
	return nil
}
