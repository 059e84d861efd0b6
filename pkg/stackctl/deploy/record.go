package deploy

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// open notes on the host that the release is on its way, before anything of it
// comes there: what a deploy that is cut off leaves behind belongs to a release
// that a later one can prune. One that was good stays so until it fails.
func (x *executor) open(ctx context.Context) error {
	if x.record.State != stack.ReleaseGood {
		x.record.State, x.record.Reason = stack.ReleaseStarted, ""
	}
	// The engine would make the second one as root's.
	for _, dir := range []string{x.d.Target.At(stack.ReleasePath(x.record.ID)), x.d.Target.At(stack.EdgeDynamic)} {
		if err := x.server.MkdirAll(ctx, dir, 0o755); err != nil {
			return stack.Fault(stack.CauseStep, "make "+dir, err, "`stackctl provision` makes the project's folders")
		}
	}
	if err := node.Reserve(ctx, x.server, x.d.Target); err != nil {
		return err
	}
	return x.keep(ctx)
}

// freeReserve gives the room that was reserved to the way back, or to the end.
func (x *executor) freeReserve(ctx context.Context) {
	ctx, cancel := node.Aside(ctx)
	defer cancel()
	node.FreeReserve(ctx, x.server, x.d.Target)
}

func (x *executor) commit(ctx context.Context) error {
	x.freeReserve(ctx) // every gate has passed: this is the way to the end
	x.record.State, x.record.Reason, x.record.Switched = stack.ReleaseGood, "", switchedAt(x.seen, x.want.Release.ID, x.hostNow())
	if err := x.keep(ctx); err != nil {
		return err
	}
	if x.schema != nil {
		file := x.d.Target.At(stack.ReleasePath(x.want.Release.ID, stack.SchemaFile))
		if err := x.server.WriteFile(ctx, file, x.schema, 0o600); err != nil {
			return stack.Fault(stack.CauseStep, "write "+file, err, "")
		}
	}
	x.report.Live, x.committed = x.want.Release.ID, true
	return nil
}

// switchedAt is since when a release is live that is so now. One that was found
// live and good, and later than any other, has been since then.
func switchedAt(seen stack.Observed, id string, now time.Time) time.Time {
	if r := seen.Record(id); id == seen.Live && r.State == stack.ReleaseGood {
		others := slices.DeleteFunc(slices.Clone(seen.Releases), func(o stack.ReleaseRecord) bool { return o.ID == id })
		if !r.Switched.IsZero() && after(r.Switched, others).Equal(r.Switched) {
			return r.Switched
		}
	}
	return after(now, seen.Releases)
}

// after gives a time that is later than every switch so far: rollback and
// retention go by their order. It is now, unless the host's clock was set back.
func after(now time.Time, releases []stack.ReleaseRecord) time.Time {
	for _, r := range releases {
		if !now.After(r.Switched) {
			now = r.Switched.Add(time.Second)
		}
	}
	return now
}

// keep writes what the host remembers of the release.
func (x *executor) keep(ctx context.Context) error {
	raw, err := json.MarshalIndent(x.record, "", "  ")
	if err != nil {
		return err
	}
	file := x.d.Target.At(stack.ReleasePath(x.record.ID, stack.RecordFile))
	if err := x.server.WriteFile(ctx, file, append(raw, '\n'), 0o600); err != nil {
		return stack.Fault(stack.CauseStep, "write "+file, err, "")
	}
	return nil
}
