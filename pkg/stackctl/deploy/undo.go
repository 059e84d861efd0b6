package deploy

import (
	"context"
	"errors"
	"fmt"
	"path"

	"stackctl/pkg/stackctl/stack"
)

// undo brings back what served before this run. It is called when a step or a
// gate failed, or the operator stopped the run; cause is why.
func (x *executor) undo(ctx context.Context, cause error) error {
	ctx, cancel := aside(ctx)
	defer cancel()
	old, own := x.seen.Live, x.want.Release.ID
	x.report.Live = old
	if old == own {
		x.note("release " + own + " was live before this run and stays so")
		return nil
	}
	if !x.started && !x.switched && !x.edged {
		return x.fail(ctx, cause)
	}
	x.logs(ctx, x.want.Release.AppProject())
	return x.phase("undo", func() (string, error) {
		var errs []error
		if x.edged {
			errs = append(errs, x.restoreBase(ctx, old))
		}
		if x.switched {
			errs = append(errs, x.switchBack(ctx, old))
		}
		// The new release goes last, and never while it may still be served.
		if errors.Join(errs...) == nil {
			if x.switched {
				errs = append(errs, x.stop(ctx, own)) // it finishes its requests
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

// switchBack starts the old release where it was drained and points the edge at it.
func (x *executor) switchBack(ctx context.Context, old string) error {
	if old != "" {
		if x.drained {
			// A stop that was cut off goes on in the engine: what still runs may
			// be about to end. It is ended first; the new release serves meanwhile.
			if err := x.stop(ctx, old); err != nil {
				return err
			}
		}
		if err := x.server.Start(ctx, stack.AppProject(x.want.Release.Project, old)); err != nil {
			return fmt.Errorf("start release %s again: %w", old, err)
		}
		_, err := x.point(ctx, x.before)
		return err
	}
	for _, f := range x.want.Pointed {
		if err := x.server.Remove(ctx, path.Join(x.d.Target.Path, EdgeDynamic, f.Path)); err != nil {
			return err
		}
	}
	return nil
}

// restoreBase gives the edge the definition that the old release had.
func (x *executor) restoreBase(ctx context.Context, old string) error {
	if old == "" {
		return nil
	}
	base, err := x.server.ReadFile(ctx, path.Join(x.d.Target.Path, "releases", old, "base.yaml"))
	if err != nil {
		return err
	}
	var names []string
	for _, s := range x.want.Release.Services {
		if s.Layer == stack.LayerEdge && s.Deployed {
			names = append(names, s.Name)
		}
	}
	_, err = x.server.Up(ctx, x.want.Release.Project, base, names, nil)
	return err
}

// fail records on the host that the release failed, and why.
func (x *executor) fail(ctx context.Context, cause error) error {
	if x.record.State == "" {
		return nil // it never came to the host
	}
	x.record.State, x.record.Reason = stack.ReleaseFailed, cause.Error()
	return x.keep(ctx)
}
