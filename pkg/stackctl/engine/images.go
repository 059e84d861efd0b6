package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

// Load loads a docker-save-shaped archive into the host's store. What the
// engine reports in its answer's stream is an error as much as a refusal.
func (e *Engine) Load(ctx context.Context, archive io.Reader) error {
	err := e.load(ctx, archive)
	fix := ""
	if err != nil && strings.Contains(err.Error(), "no space left") {
		fix = "free space where the host keeps its images, about twice the size of the new one"
	}
	return stepFault(ctx, "load an image on the host", err, fix)
}

func (e *Engine) load(ctx context.Context, archive io.Reader) error {
	res, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer res.Close()
	dec := json.NewDecoder(io.LimitReader(res, 16<<20))
	for {
		var m jsonstream.Message
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case m.Error != nil:
			return m.Error
		}
	}
}

// Pull makes the host pull an image from its registry, with the operator's own
// credentials where there are some. progress gets the bytes of all layers known
// so far; it may be nil. A pull that stands still for a minute ends, and an
// image for another architecture than the host's is refused.
func (e *Engine) Pull(ctx context.Context, ref string, progress func(done, total int64)) error {
	auth, err := credentials(ref, authn.DefaultKeychain)
	if err == nil {
		err = e.pull(ctx, ref, auth, pullPatience, progress)
	}
	if err == nil {
		err = e.fits(ctx, ref)
	}
	return stepFault(ctx, "pull image "+ref+" on the host", err, pullFix(err))
}

// pullFix is what to do about a pull that failed.
func pullFix(err error) string {
	switch {
	case errors.Is(err, errStalled):
		return "run it again: layers that came whole are kept; where it stalls each time, see the host's way to the registry (proxy, MTU, firewall), or put an archive of the image into images.archives"
	case errors.Is(err, errArchitecture):
		return "name an image of the host's architecture, or one of several architectures"
	}
	return "check the name, that the host reaches the registry, and for a private one that `docker login` has been run here; or put an archive of it into images.archives"
}

func (e *Engine) pull(ctx context.Context, ref, auth string, patience time.Duration, progress func(done, total int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(patience, func() { cancel(errStalled) })
	defer stalled.Stop()
	res, err := e.api.ImagePull(ctx, ref, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return cause(ctx, err)
	}
	defer res.Close()
	type layer struct{ done, total int64 }
	layers := map[string]layer{}
	for m, err := range res.JSONMessages(ctx) {
		switch {
		case err != nil:
			return cause(ctx, err)
		case m.Error != nil:
			return m.Error
		}
		stalled.Reset(patience)
		if m.Progress == nil || m.Status != "Downloading" || progress == nil {
			continue
		}
		layers[m.ID] = layer{m.Progress.Current, m.Progress.Total}
		var done, total int64
		for _, l := range layers {
			done, total = done+l.done, total+l.total
		}
		progress(done, total)
	}
	return cause(ctx, ctx.Err())
}

// cause is why a pull ended: that it stalled rather than that it was cut off.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

// errArchitecture means that an image does not run on the host.
var errArchitecture = errors.New("the host cannot run it")

// fits refuses an image of another architecture than the host's: the Engine
// takes it, and its services would end at once.
func (e *Engine) fits(ctx context.Context, ref string) error {
	image, err := e.api.ImageInspect(ctx, ref)
	if err != nil {
		return err
	}
	version, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil || image.Architecture == "" || version.Arch == "" || image.Architecture == version.Arch {
		return err
	}
	return fmt.Errorf("it is for %s, the host is %s: %w", image.Architecture, version.Arch, errArchitecture)
}

// Tag gives an image a further name.
func (e *Engine) Tag(ctx context.Context, image, ref string) error {
	_, err := e.api.ImageTag(ctx, client.ImageTagOptions{Source: image, Target: ref})
	return stepFault(ctx, fmt.Sprintf("tag image %s as %s", image, ref), err, "")
}

// RemoveImage removes an image: by ID with all its tags, by a tag that tag, and
// the image where it was the last one. An image that a container uses stays,
// and that is an error.
func (e *Engine) RemoveImage(ctx context.Context, id string) error {
	what := "remove image " + id
	known, err := e.known(ctx, id)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	res, err := e.api.ImageInspect(ctx, known)
	if err != nil {
		return stepFault(ctx, what, err, "")
	}
	// By ID, the engine removes an image with several tags only by force.
	refs := named(res.RepoTags)
	if known == id && (len(refs) == 0 || slices.Contains(refs, id)) {
		refs = []string{id}
	}
	for _, ref := range refs {
		if _, err := e.api.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true}); err != nil {
			return stepFault(ctx, what, err, "")
		}
	}
	return nil
}
