package deploy

import (
	"context"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// remove removes services that the release has no more, what a trial left, or
// the containers of a release that is not good.
func (x *executor) remove(ctx context.Context, step stack.Step) (string, error) {
	project := x.want.Release.Project
	if len(step.Services) > 0 { // what it writes is to be whole
		if err := x.stop(ctx, step.Release, step.Services...); err != nil {
			return "", err
		}
	}
	var err error
	switch {
	case step.Release != "" && len(step.Services) > 0:
		err = x.server.RemoveServices(ctx, stack.AppProject(project, step.Release), step.Services)
	case step.Release != "":
		err = x.server.RemoveProject(ctx, stack.AppProject(project, step.Release))
	case len(step.Services) == 0:
		if err = x.endDetour(ctx); err == nil { // a rehearsal may have led visitors to it
			err = x.server.RemoveProject(ctx, stack.TrialProject(project))
		}
	default:
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
	if err := x.server.RemoveAll(ctx, x.d.Target.At(stack.ReleasePath(id))); err != nil {
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
	for _, i := range slices.Concat(x.want.Release.Images, x.record.Images) {
		used[i.ID] = true
	}
	for _, c := range x.seen.Containers { // of another project too, whether they run or not
		if !stack.Owns(c, x.want.Release.Project) {
			used[c.ImageID] = true
		}
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
