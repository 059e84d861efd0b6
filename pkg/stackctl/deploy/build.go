package deploy

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/stack"
)

// Builder is an Engine on the operator's side that builds images.
type Builder interface {
	Build(ctx context.Context, b stack.Build, platform string, names []string, progress func(line string)) (stack.Built, error)
	// CanBuild reports whether it runs programs of a platform, Has whether it has
	// an image for it.
	CanBuild(ctx context.Context, platform string) bool
	Has(ctx context.Context, name, platform string) bool
	// Save writes an image as docker save does.
	Save(ctx context.Context, name string, to io.Writer) error
	Close() error
}

// buildImage builds an image: on the operator's Engine, from where the layers
// that the host lacks travel; on the host's own where there is none here, or
// none for the host's processor.
func (x *executor) buildImage(ctx context.Context, step stack.Step) (string, error) {
	i := x.image(step.Subject)
	platform := "linux/" + x.seen.Host.Arch
	show := func(line string) {
		x.emit(stack.Event{Kind: stack.EventProgress, Name: string(step.Kind), Message: line, Step: &step})
	}
	builder, why := x.builder(ctx, i, platform)
	if builder == nil {
		show("building on " + x.d.Target.Host + ": " + why)
		made, err := x.server.Build(ctx, *i.Build, platform, []string{i.Reference}, show)
		if err != nil {
			return "", buildFault(step, x.d.Target.Host, err)
		}
		x.keepBuilt(i.Reference, made.ID, nil)
		return fmt.Sprintf("built on %s, %d of %d steps cached", x.d.Target.Host, made.Cached, made.Steps), nil
	}
	defer func() { _ = builder.Close() }()
	how := "it was built here before"
	if !builder.Has(ctx, i.Reference, platform) {
		made, err := builder.Build(ctx, *i.Build, platform, slices.Concat([]string{i.Reference}, i.Build.Tags), show)
		if err != nil {
			return "", buildFault(step, "this machine", err)
		}
		how = fmt.Sprintf("built here, %d of %d steps cached", made.Cached, made.Steps)
	}
	sent, err := x.shipBuilt(ctx, builder, i, step)
	return how + "; " + sent, err
}

// builder is the operator's Engine, or why the host's has to do it.
func (x *executor) builder(ctx context.Context, i stack.Image, platform string) (Builder, string) {
	if x.d.Builder == nil {
		return nil, "this machine has no Engine"
	}
	b, err := x.d.Builder(ctx)
	if err != nil {
		return nil, "no Engine answers on this machine"
	}
	if b.Has(ctx, i.Reference, platform) || b.CanBuild(ctx, platform) {
		return b, ""
	}
	_ = b.Close()
	return nil, "the Engine of this machine does not run " + platform
}

// shipBuilt sends an image of the operator's Engine to the host, by way of an
// archive that is removed again.
func (x *executor) shipBuilt(ctx context.Context, from Builder, i stack.Image, step stack.Step) (string, error) {
	dir, err := os.MkdirTemp("", "stackctl-image")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file, err := os.Create(filepath.Join(dir, "image.tar"))
	if err != nil {
		return "", err
	}
	err = from.Save(ctx, i.Reference, file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", err
	}
	index, err := image.Index(dir)
	if err != nil {
		return "", err
	}
	saved, ok := image.Lookup(index, i.Reference)
	if !ok {
		return "", fmt.Errorf("the Engine of this machine saved no image %s", i.Reference)
	}
	saved.Reference = i.Reference
	if err := checkPlatform(stack.Release{Images: []stack.Image{saved}}, x.seen.Host); err != nil {
		return "", err
	}
	ctx, progress, stop := x.moving(ctx, step)
	defer stop()
	detail, err := x.server.Ship(ctx, saved, step.Nodes, x.seen.Images, progress)
	if err != nil {
		return detail, stack.Fault(stack.CauseStep, "ship image "+i.Reference, err, "")
	}
	x.keepBuilt(i.Reference, saved.ID, saved.Layers)
	return detail, nil
}

// keepBuilt remembers an image that the host has now: its record names it by
// ID, by which it is pruned one day.
func (x *executor) keepBuilt(reference, id string, layers []string) {
	x.seen.Images = append(x.seen.Images, stack.HostImage{ID: id, Layers: layers, Tags: []string{reference}})
	identify(x.record.Images, x.seen.Images)
}

// identify gives images that were built the IDs that the host has them by.
func identify(images []stack.Image, there []stack.HostImage) {
	for n, i := range images {
		for _, h := range there {
			if i.Built && slices.ContainsFunc(h.Tags, func(t string) bool { return image.Canonical(t) == image.Canonical(i.Reference) }) {
				images[n].ID = h.ID
			}
		}
	}
}

// buildFault names where a build failed; what went wrong is the builder's to say.
func buildFault(step stack.Step, where string, err error) error {
	return stack.Fault(stack.CauseStep, "build image "+step.Subject+" on "+where, err, "")
}
