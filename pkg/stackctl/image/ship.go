package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Sent is what one Ship put on the wire.
type Sent struct {
	Layers     int // of the image
	LayersSent int
	Bytes      int64 // that left this machine
	RawBytes   int64 // of the layers sent, before compression
	Took       time.Duration
	// Parts is how many loads came before the one that made the image.
	Parts int
	// Again reports whether the host lacked a layer that it was seen to have, so
	// that everything was sent in a second try.
	Again bool
}

// Form is the shape of what is sent.
type Form int

const (
	// Save is what docker save writes. The Engine's classic image store takes it without
	// the layers that it has.
	Save Form = iota
	// Layout is an OCI image layout. Containerd's image store takes it without the layers
	// that it has as they were sent.
	Layout
)

// Ship loads an image onto a host and leaves out the layers that one of the
// host's images already has: those below the first difference. have are the
// images in the host's store. load is the engine's; progress counts bytes of the archive's
// layers and may be nil. The caller compares the image's ID on the host
// afterwards.
//
// The stream is compressed as it goes, in bounded memory, and nothing is
// written to disk here. Each layer is checked against its diff ID on the way.
// A large image goes in parts, at the borders of layers. A transfer that was
// cut leaves the parts that arrived whole, and the next Ship goes on from
// there; see Parts.
func Ship(ctx context.Context, img stack.Image, have []stack.HostImage, form Form, load func(context.Context, io.Reader) error, progress func(done, total int64)) (Sent, error) {
	started := time.Now()
	sent, err := ship(ctx, img, have, form, load, progress)
	sent.Took = time.Since(started)
	if err == nil {
		return sent, nil
	}
	what := "ship image " + img.Reference
	var known *stack.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return sent, stack.Fault(stack.CauseInterrupted, what, err, "")
	case errors.As(err, &known):
		return sent, stack.Fault(known.Cause, what, err, "")
	}
	return sent, stack.Fault(stack.CauseStep, what, err, "")
}

func ship(ctx context.Context, img stack.Image, have []stack.HostImage, form Form, load func(context.Context, io.Reader) error, progress func(done, total int64)) (Sent, error) {
	a, closer, err := open(img.Archive)
	if err != nil {
		return Sent{}, archiveFault(img.Archive, err)
	}
	defer closer()
	s, err := a.pick(img)
	if err != nil {
		return Sent{}, archiveFault(img.Archive, err)
	}
	if form == Layout {
		have = sentBefore(have)
	}
	skip := shared(s.diffIDs, have)
	way := shipment{archive: a, image: s, ref: img.Reference, form: form, load: load, progress: progress}
	sent, err := way.from(ctx, skip)
	if err == nil || skip == 0 && sent.Parts == 0 || ctx.Err() != nil || !worthAgain(err) {
		return sent, err
	}
	// The layer may have gone since the host was looked at, or a part since it arrived.
	all, again := way.from(ctx, 0)
	all.Bytes += sent.Bytes
	all.RawBytes += sent.RawBytes
	all.Again = true
	if again != nil {
		again = fmt.Errorf("%w (and before, without the layers that the host has: %w)", again, err)
	}
	return all, again
}

// worthAgain reports whether a failed load may be for a layer that the host has lost:
// the archive, the connection and the host's disk are not to blame.
func worthAgain(err error) bool {
	return !errors.As(err, new(*readError)) && stack.CauseOf(err) == stack.CauseStep &&
		!strings.Contains(err.Error(), "no space left")
}

func archiveFault(file string, err error) error {
	return stack.Fault(stack.CauseUsage, "read image archive "+file, err, "make the image again")
}

// pick finds the image by its ID.
func (a *archive) pick(img stack.Image) (saved, error) {
	for _, s := range a.images {
		if s.id == img.ID {
			return s, nil
		}
	}
	return saved{}, fmt.Errorf("image %s is not in it any more", img.ID)
}

// shared counts the layers, from the lowest, that one host image has in the
// same order. Equal prefixes of diff IDs are equal chain IDs, which is what
// the engine looks layers up by.
func shared(diffIDs []string, have []stack.HostImage) int {
	most := 0
	for _, h := range have {
		n := 0
		for n < len(diffIDs) && n < len(h.Layers) && diffIDs[n] == h.Layers[n] {
			n++
		}
		most = max(most, n)
	}
	return most
}

// sentBefore are the images of a host whose layers are stored as they were sent here, and
// their parts; those of one that was pulled are compressed, and have other digests.
func sentBefore(have []stack.HostImage) []stack.HostImage {
	part := func(tag string) bool { return strings.HasPrefix(tag, partName+":") }
	return slices.DeleteFunc(slices.Clone(have), func(h stack.HostImage) bool { return !h.Shipped && !slices.ContainsFunc(h.Tags, part) })
}

// send streams an image without its first skip layers to load.
func (s shipment) send(ctx context.Context, of saved, ref string, skip int, progress func(done, total int64)) (Sent, error) {
	r, w := io.Pipe()
	var wire atomic.Int64
	p := &packer{archive: s.archive, image: of, ref: ref, form: s.form, skip: skip, progress: progress}
	packed := make(chan error, 1)
	go func() {
		err := p.pack(ctx, &counter{w: w, n: &wire})
		_ = w.CloseWithError(err)
		packed <- err
	}()
	err := s.load(ctx, r)
	// Unblocks the packer where load ended early.
	_ = r.CloseWithError(errEnded)
	packErr := <-packed
	if packErr != nil && !errors.Is(packErr, errEnded) {
		err = packErr
	}
	return Sent{Bytes: wire.Load(), RawBytes: p.raw}, err
}

// errEnded is what the packer gets where the engine stopped reading.
var errEnded = errors.New("the engine ended the transfer")

// readError is a fault of the archive, not of the host.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// counter counts what goes through.
type counter struct {
	w io.Writer
	n *atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// Has reports whether a host image is this image: same ID. It is false for a host
// with the containerd store, whose IDs are those of manifests.
func Has(img stack.Image, have []stack.HostImage) bool {
	return slices.ContainsFunc(have, func(h stack.HostImage) bool { return h.ID == img.ID })
}
