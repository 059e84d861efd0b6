package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// An engine keeps the layers of a load only when the whole of it arrived. A
// large image is therefore loaded in parts: each is an image of its own, of
// the layers so far, and stays on the host if the next one is cut off.

// partName is the repository of images that are a part of another one.
const partName = "stackctl/part"

// partBytes is how much of an archive is sent before what arrived is kept.
var partBytes int64 = 16 << 20

// Parts are the names of images on a host that a transfer in parts left, and
// that can go: those of images that have arrived. Others may be on their way,
// of another project too.
func Parts(have []stack.HostImage) []string {
	whole := map[string]bool{}
	for _, h := range have {
		whole[partTag(h.ID)] = true
	}
	var names []string
	for _, h := range have {
		for _, t := range h.Tags {
			tag, isPart := strings.CutPrefix(t, partName+":")
			if of, _, _ := strings.Cut(tag, "-"); isPart && whole[of] {
				names = append(names, t)
			}
		}
	}
	return names
}

// partTag is how the parts of an image are named.
func partTag(id string) string { return stack.ShortID(id) }

// stop is where the load that begins at a layer ends: after partBytes, or at
// the last layer.
func (s saved) stop(from int) int {
	var n int64
	for i := from; i < len(s.layers)-1; i++ {
		if n += s.layers[i].size; n >= partBytes {
			return i + 1
		}
	}
	return len(s.layers)
}

// part is the image of the first n layers.
func (a *archive) part(s saved, n int) (saved, error) {
	var c map[string]json.RawMessage
	if _, err := a.document(s.config, &c); err != nil {
		return saved{}, &readError{err}
	}
	layers, err := json.Marshal(map[string]any{"type": "layers", "diff_ids": s.diffIDs[:n]})
	if err != nil {
		return saved{}, err
	}
	c["rootfs"] = layers
	delete(c, "history") // it must list as many layers
	raw, err := json.Marshal(c)
	if err != nil {
		return saved{}, err
	}
	return saved{id: hash(raw), raw: raw, diffIDs: s.diffIDs[:n], layers: s.layers[:n]}, nil
}

// shipment is one image on its way, in one load or several.
type shipment struct {
	archive  *archive
	image    saved
	ref      string
	form     Form
	load     func(context.Context, io.Reader) error
	progress func(done, total int64)
}

// from sends the image without its first skip layers.
func (s shipment) from(ctx context.Context, skip int) (Sent, error) {
	all := Sent{Layers: len(s.image.diffIDs), LayersSent: len(s.image.diffIDs) - skip}
	var done, total int64
	for _, l := range s.image.layers[skip:] {
		total += l.size
	}
	for {
		end := s.image.stop(skip)
		img, ref := s.image, s.ref
		if end < len(s.image.layers) {
			part, err := s.archive.part(s.image, end)
			if err != nil {
				return all, err
			}
			img, ref = part, fmt.Sprintf("%s:%s-%d", partName, partTag(s.image.id), end)
		}
		before := done
		sent, err := s.send(ctx, img, ref, skip, func(d, _ int64) {
			done = before + d
			if s.progress != nil {
				s.progress(done, total)
			}
		})
		all.Bytes, all.RawBytes = all.Bytes+sent.Bytes, all.RawBytes+sent.RawBytes
		if err != nil || end == len(s.image.layers) {
			return all, err
		}
		all.Parts, skip = all.Parts+1, end
	}
}
