package deploy

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// open notes on the host that the release is on its way, before anything of it
// comes there: what a deploy that is cut off leaves behind belongs to a release
// that a later one can prune. One that was good stays so until it fails.
func (x *executor) open(ctx context.Context) error {
	if x.record.State != stack.ReleaseGood {
		x.record.State, x.record.Reason = stack.ReleaseStarted, ""
	}
	root := x.d.Target.Path
	// The engine would make the second one as root's.
	for _, dir := range []string{path.Join(root, "releases", x.record.ID), path.Join(root, EdgeDynamic)} {
		if err := x.server.MkdirAll(ctx, dir, 0o755); err != nil {
			return stack.Fault(stack.CauseStep, "make "+dir, err, "`stackctl provision` makes the project's folders")
		}
	}
	if err := x.reserve(ctx); err != nil {
		return err
	}
	return x.keep(ctx)
}

func (x *executor) commit(ctx context.Context) error {
	x.release(ctx) // every gate has passed: this is the way to the end
	x.record.State, x.record.Reason, x.record.Switched = stack.ReleaseGood, "", switchedAt(x.seen, x.want.Release.ID, x.hostNow())
	if err := x.keep(ctx); err != nil {
		return err
	}
	if x.schema != nil {
		file := path.Join(x.d.Target.Path, "releases", x.want.Release.ID, "schema.json")
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
	if r := recordAt(seen, id); id == seen.Live && r.State == stack.ReleaseGood {
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
	file := path.Join(x.d.Target.Path, "releases", x.record.ID, "release.json")
	if err := x.server.WriteFile(ctx, file, append(raw, '\n'), 0o600); err != nil {
		return stack.Fault(stack.CauseStep, "write "+file, err, "")
	}
	return nil
}

// remove removes services that the release has no more.
func (x *executor) remove(ctx context.Context, step stack.Step) (string, error) {
	project := x.want.Release.Project
	var err error
	if len(step.Services) == 0 {
		err = x.server.RemoveProject(ctx, trialProject(project))
	} else {
		err = x.server.RemoveServices(ctx, project, step.Services)
	}
	if err != nil {
		return "", stack.Fault(stack.CauseStep, "remove "+step.Subject, err, "")
	}
	return "volumes stay", nil
}

// prune removes what belongs to one release alone.
func (x *executor) prune(ctx context.Context, id string) error {
	if err := x.server.RemoveProject(ctx, stack.AppProject(x.want.Release.Project, id)); err != nil {
		return stack.Fault(stack.CauseStep, "prune release "+id, err, "")
	}
	if err := x.server.RemoveAll(ctx, path.Join(x.d.Target.Path, "releases", id)); err != nil {
		return stack.Fault(stack.CauseStep, "prune release "+id, err, "")
	}
	return x.pruneImages(ctx, id)
}

// pruneImages removes the images that only the pruned release ran.
func (x *executor) pruneImages(ctx context.Context, id string) error {
	used := map[string]bool{}
	var gone []stack.Image
	for _, r := range x.seen.Releases {
		if r.ID == id {
			gone = r.Images
			continue
		}
		for _, i := range r.Images {
			used[i.ID] = true
		}
	}
	for _, i := range x.want.Release.Images {
		used[i.ID] = true
	}
	for _, i := range gone {
		if i.ID == "" || used[i.ID] {
			continue
		}
		if err := x.server.RemoveImage(ctx, i.ID); err != nil {
			x.note("image " + i.Reference + " of release " + id + " stays on the host: " + err.Error())
		}
	}
	return nil
}
