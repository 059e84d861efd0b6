package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// maxRaw bounds one layer after decompression.
const maxRaw = 64 << 30

// packer writes an archive that lists all layers of an image and holds those from
// skip on.
type packer struct {
	archive  *archive
	image    saved
	ref      string
	form     Form
	skip     int
	progress func(done, total int64)

	// names are the layers' files in what is written, and sizes their bytes.
	names       []string
	sizes       []int64
	done, total int64
	raw         int64
}

// pack writes the archive as a sequence of gzip members, which the engine
// decompresses as one stream. Layers that are compressed already go into
// members that only store.
func (p *packer) pack(ctx context.Context, w io.Writer) error {
	z := newBlocks(w)
	defer func() { _ = z.Close() }() // where an error ends the loop
	t := tar.NewWriter(z)
	for _, l := range p.image.layers[p.skip:] {
		p.total += l.size
	}
	if err := p.documents(t); err != nil {
		return err
	}
	for i := p.skip; i < len(p.image.layers); i++ {
		if p.repeated(i) {
			continue
		}
		if err := p.layer(ctx, t, z, i); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// document is a file that is not a layer.
type document struct {
	name string
	body []byte
}

// documents writes what names the layers, and settles how they are named.
func (p *packer) documents(t *tar.Writer) error {
	raw := p.image.raw
	if raw == nil {
		raw = make([]byte, p.image.config.size)
		if _, err := p.archive.src.ReadAt(raw, p.image.config.offset); err != nil {
			return &readError{err}
		}
	}
	list, err := p.savedDocuments(raw)
	if p.form == Layout {
		list, err = p.layoutDocuments(raw)
	}
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := t.WriteHeader(header(d.name, int64(len(d.body)))); err != nil {
			return err
		}
		if _, err := t.Write(d.body); err != nil {
			return err
		}
	}
	return nil
}

// savedDocuments are those of docker save: the config and manifest.json.
func (p *packer) savedDocuments(raw []byte) ([]document, error) {
	m := manifest{Config: strings.TrimPrefix(p.image.id, "sha256:") + ".json", RepoTags: []string{p.ref}}
	if strings.HasPrefix(p.ref, "sha256:") {
		m.RepoTags = nil
	}
	for _, d := range p.image.diffIDs {
		m.Layers = append(m.Layers, strings.TrimPrefix(d, "sha256:")+"/layer.tar")
	}
	p.names, p.sizes = m.Layers, nil
	for _, e := range p.image.layers {
		p.sizes = append(p.sizes, e.size)
	}
	list, err := json.Marshal([]manifest{m})
	return []document{{m.Config, raw}, {"manifest.json", list}}, err
}

// repeated reports whether an earlier layer of the archive has the same content; one
// copy serves both.
func (p *packer) repeated(i int) bool {
	for j := p.skip; j < i; j++ {
		if p.image.diffIDs[j] == p.image.diffIDs[i] {
			return true
		}
	}
	return false
}

// layer writes one layer and checks its diff ID on the way.
func (p *packer) layer(ctx context.Context, t *tar.Writer, z *blocks, i int) error {
	e := p.image.layers[i]
	src := bufio.NewReaderSize(&progressing{
		r: io.NewSectionReader(p.archive.src, e.offset, e.size), p: p, ctx: ctx,
	}, 256<<10)
	kind, err := compression(src)
	if err != nil {
		return err
	}
	if kind == "gzip" && p.form == Save {
		z.setLevel(gzip.NoCompression)
	} else {
		z.setLevel(level)
	}
	if err := t.WriteHeader(header(p.names[i], p.sizes[i])); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := p.copyLayer(t, sum, src, kind)
	p.raw += n
	if err != nil {
		return err
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != p.image.diffIDs[i] {
		return &readError{fmt.Errorf("layer %d of %s is damaged: its content has the digest %s, not %s", i+1, p.ref, got, p.image.diffIDs[i])}
	}
	return nil
}

// copyLayer copies a layer, as it is or for a layout uncompressed, and hashes its
// uncompressed content.
func (p *packer) copyLayer(t, sum io.Writer, src *bufio.Reader, kind string) (int64, error) {
	if kind == "" {
		return io.Copy(t, io.TeeReader(src, sum))
	}
	if p.form == Layout {
		z, err := gzip.NewReader(src)
		if err != nil {
			return 0, &readError{fmt.Errorf("read a compressed layer: %w", err)}
		}
		return io.Copy(t, io.TeeReader(io.LimitReader(z, maxRaw), sum))
	}
	copied := io.TeeReader(src, t)
	z, err := gzip.NewReader(copied)
	if err != nil {
		return 0, &readError{fmt.Errorf("read a compressed layer: %w", err)}
	}
	n, err := io.Copy(sum, io.LimitReader(z, maxRaw))
	if err != nil {
		return n, fmt.Errorf("read a compressed layer: %w", err)
	}
	_, err = io.Copy(io.Discard, copied)
	return n, err
}

// compression returns how a layer is stored: "" or "gzip". Others are refused,
// because older engines cannot read them.
func compression(r *bufio.Reader) (string, error) {
	magic, err := r.Peek(6)
	if err != nil && err != io.EOF {
		return "", &readError{err}
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return "gzip", nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), bytes.HasPrefix(magic, []byte("BZh")), bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return "", &readError{fmt.Errorf("a layer is compressed with something else than gzip, which not every engine reads")}
	}
	return "", nil
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatPAX}
}

// progressing reports what is read and stops where the context ended.
type progressing struct {
	r   io.Reader
	p   *packer
	ctx context.Context
}

func (r *progressing) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	r.p.done += int64(n)
	if r.p.progress != nil && n > 0 {
		r.p.progress(r.p.done, r.p.total)
	}
	if err != nil && err != io.EOF {
		err = &readError{err}
	}
	return n, err
}
