package image

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	godigest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// imageName is the annotation by which containerd names what it takes in.
const imageName = "io.containerd.image.name"

// layoutDocuments are those of an OCI image layout (OCI Image Format, image-layout.md). Its
// layers are named by the digest of what is stored. They are sent uncompressed, whatever the
// archive has: so that digest is the diff ID, and one that a store has from another archive is
// known to be the same.
func (p *packer) layoutDocuments(raw []byte) ([]document, error) {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: describe(ocispec.MediaTypeImageConfig, raw)}
	p.names, p.sizes = nil, nil
	for i := range p.image.layers {
		layer, err := p.describeLayer(i)
		if err != nil {
			return nil, err
		}
		m.Layers = append(m.Layers, layer)
		p.names, p.sizes = append(p.names, blobName(layer.Digest)), append(p.sizes, layer.Size)
	}
	listed, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	top := describe(ocispec.MediaTypeImageManifest, listed)
	if !strings.HasPrefix(p.ref, "sha256:") {
		top.Annotations = map[string]string{imageName: Canonical(p.ref), ocispec.AnnotationRefName: Canonical(p.ref)}
	}
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{top}})
	if err != nil {
		return nil, err
	}
	layout, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	return []document{
		{ocispec.ImageLayoutFile, layout}, {ocispec.ImageIndexFile, index}, {blobName(top.Digest), listed}, {blobName(m.Config.Digest), raw},
	}, err
}

// describeLayer is a layer as it is sent.
func (p *packer) describeLayer(i int) (ocispec.Descriptor, error) {
	e := p.image.layers[i]
	out := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: godigest.Digest(p.image.diffIDs[i]), Size: e.size}
	src := bufio.NewReader(io.NewSectionReader(p.archive.src, e.offset, e.size))
	kind, err := compression(src)
	if err != nil || kind == "" {
		return out, err
	}
	z, err := gzip.NewReader(src)
	if err == nil {
		out.Size, err = io.Copy(io.Discard, io.LimitReader(z, maxRaw))
	}
	if err != nil {
		return out, &readError{fmt.Errorf("read a compressed layer: %w", err)}
	}
	return out, nil
}

func describe(kind string, content []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: kind, Digest: godigest.FromBytes(content), Size: int64(len(content))}
}

func blobName(d godigest.Digest) string { return "blobs/" + d.Algorithm().String() + "/" + d.Encoded() }
