package image

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"stackctl/pkg/stackctl/stack"
)

// laidOut ships an image as a layout, and returns what arrived as another reader has it.
func laidOut(t *testing.T, img stack.Image, have []stack.HostImage) (arrived v1.Image, dir string, sent Sent) {
	t.Helper()
	var wire bytes.Buffer
	sent, err := Ship(t.Context(), img, have, Layout, collect(&wire), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, content := range unpack(t, wire.Bytes()) {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil || len(list.Manifests) != 1 || list.Manifests[0].Annotations[imageName] != "docker.io/library/app:1" {
		t.Fatalf("the index is %+v, %v", list, err)
	}
	arrived, err = index.Image(list.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return arrived, dir, sent
}

func TestALayoutIsAnImageToOtherReaders(t *testing.T) {
	m := imageOf("app:1", "", layer("one", 1, 4000), layer("two", 2, 4000), layer("three", 3, 4000))
	for shape, files := range map[string][]file{"legacy": m.legacy(), "oci": m.oci(), "zipped": m.zipped()} {
		arrived, _, sent := laidOut(t, indexed(t, m, files), nil)
		if err := validate.Image(arrived, validate.Fast); err != nil {
			t.Errorf("%s: %v", shape, err)
		}
		layers, err := arrived.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range layers {
			digest, _ := l.Digest()
			r, err := l.Compressed() // as it is stored
			if err != nil {
				t.Fatal(err)
			}
			stored, _ := io.ReadAll(r)
			if digest.String() != m.diffIDs()[i] || !bytes.Equal(stored, m.layers[i]) {
				t.Errorf("%s: layer %d is not what %s names", shape, i, digest)
			}
		}
		if id, err := arrived.ConfigName(); err != nil || id.String() != m.id() || sent.LayersSent != 3 {
			t.Errorf("%s: it is %s, %v, %+v", shape, id, err, sent)
		}
	}
}

func TestALayoutLeavesOutWhatTheStoreHasAsItWasSent(t *testing.T) {
	m := imageOf("app:1", "", layer("one", 1, 4000), layer("two", 2, 4000), layer("three", 3, 4000))
	id := m.diffIDs()
	for name, c := range map[string]struct {
		have stack.HostImage
		sent int
	}{
		"an image that was shipped": {stack.HostImage{Layers: id[:2], Shipped: true}, 1},
		"a part of it":              {stack.HostImage{Layers: id[:1], Tags: []string{partName + ":1234-1"}}, 2},
		"one that was pulled":       {stack.HostImage{Layers: id[:2], Tags: []string{"app:0"}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			arrived, dir, sent := laidOut(t, indexed(t, m, m.legacy()), []stack.HostImage{c.have})
			layers, err := arrived.Layers()
			if err != nil || len(layers) != 3 || sent.LayersSent != c.sent {
				t.Fatalf("%d layers, %+v, %v", len(layers), sent, err)
			}
			for i, l := range layers {
				digest, err := l.Digest()
				if err != nil || digest.String() != id[i] {
					t.Errorf("layer %d is named %s, %v", i, digest, err)
				}
				if _, err := os.Stat(filepath.Join(dir, "blobs", "sha256", digest.Hex)); (err == nil) != (i >= 3-c.sent) {
					t.Errorf("layer %d: %v", i, err)
				}
			}
		})
	}
}
