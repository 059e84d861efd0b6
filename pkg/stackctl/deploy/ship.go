package deploy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// stallLimit is how long a transfer may stand still; a slow one goes on.
const stallLimit = 10 * time.Minute

func (x *executor) image(reference string) stack.Image {
	for _, i := range x.want.Release.Images {
		if i.Reference == reference {
			return i
		}
	}
	return stack.Image{Reference: reference}
}

// progressEvery bounds how often a transfer tells how far it is.
const progressEvery = 250 * time.Millisecond

func (x *executor) progress(step stack.Step) func(done, total int64) {
	var lock sync.Mutex
	var last time.Time
	return func(done, total int64) {
		lock.Lock()
		defer lock.Unlock()
		now := x.d.Now()
		if done < total && now.Sub(last) < progressEvery {
			return
		}
		last = now
		x.emit(stack.Event{Kind: stack.EventProgress, Name: string(step.Kind), Message: step.Subject, Done: done, Total: total, Unit: "bytes", Step: &step})
	}
}

// moving is a transfer's context, which ends when nothing moves any more.
func (x *executor) moving(ctx context.Context, step stack.Step) (context.Context, func(done, total int64), func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stalled := time.AfterFunc(stallLimit, func() { cancel(fmt.Errorf("nothing moved for %s", stallLimit)) })
	show := x.progress(step)
	progress := func(done, total int64) {
		stalled.Reset(stallLimit)
		show(done, total)
	}
	return ctx, progress, func() { stalled.Stop(); cancel(nil) }
}

// bring brings an image to the host, as its step says.
func (x *executor) bring(ctx context.Context, step stack.Step) (string, error) {
	switch step.Kind {
	case stack.StepPullImage:
		return x.pullImage(ctx, step)
	case stack.StepBuildImage:
		return x.buildImage(ctx, step)
	}
	return x.shipImage(ctx, step)
}

func (x *executor) shipImage(ctx context.Context, step stack.Step) (string, error) {
	ctx, progress, stop := x.moving(ctx, step)
	defer stop()
	i := x.image(step.Subject)
	detail, err := x.server.Ship(ctx, i, step.Nodes, x.seen.Images, progress)
	if err != nil {
		return detail, stack.Fault(stack.CauseStep, "ship image "+i.Reference, err, "")
	}
	x.seen.Images = append(x.seen.Images, stack.HostImage{ID: i.ID, Layers: i.Layers, Tags: []string{i.Reference}, Nodes: step.Nodes})
	return detail, nil
}

func (x *executor) pullImage(ctx context.Context, step stack.Step) (string, error) {
	ctx, progress, stop := x.moving(ctx, step)
	defer stop()
	err := x.server.Pull(ctx, step.Subject, step.Nodes, progress)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, "pull image "+step.Subject+" on "+x.d.Target.Where(), err, "") // the engine knows why, and what to do
	}
	return "pulled", nil
}

func (x *executor) shipFiles(ctx context.Context) (string, error) {
	root := x.d.Target.Path
	written, err := x.server.WriteFiles(ctx, root, x.want.Release.Files)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, "write the release's files to "+root, err, "")
	}
	made := absentPersistent(x.want.Release, x.seen)
	if err := node.Seed(ctx, x.server, root, made); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files", len(written)) + persistentDetail(made), nil
}
