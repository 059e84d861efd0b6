package deploy

import (
	"context"
	"encoding/json"
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
	if err := x.endDetour(ctx); err != nil {
		return stack.Fault(stack.CauseStep, "end a rehearsal that was cut off", err, "see what Traefik logs: stackctl logs "+x.d.Config.Traefik.Service)
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
	x.record.State, x.record.Reason = stack.ReleaseGood, ""
	x.record.Switched, x.record.Turn = wentLive(x.seen, x.want.Release.ID, x.hostNow())
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

// wentLive is since when a release is live that is so now, and its turn. One that
// was found live and good, and went live last, has both from then.
func wentLive(seen stack.Observed, id string, now time.Time) (time.Time, int) {
	is := seen.Record(id)
	last := !is.Switched.IsZero() && id == seen.Live && is.State == stack.ReleaseGood
	turn := 0
	for _, r := range seen.Releases {
		turn = max(turn, r.Turn)
		last = last && (r.ID == id || stack.Newer(is, r) < 0)
	}
	if last {
		return is.Switched, is.Turn
	}
	return now, turn + 1
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
