// Package variant makes releases that differ from the one that was built, for
// tests and benchmarks. It must not know what is done with them.
package variant

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image writes an image archive that differs from another in its highest layer.
func Image(from, to string) error {
	image, err := tarball.ImageFromPath(from, nil)
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	top, err := stamped(layers[len(layers)-1])
	if err != nil {
		return err
	}
	next, err := mutate.AppendLayers(empty.Image, append(layers[:len(layers)-1:len(layers)-1], top)...)
	if err != nil {
		return err
	}
	own, err := next.ConfigFile()
	if err != nil {
		return err
	}
	own = own.DeepCopy()
	own.Config, own.OS, own.Architecture = config.Config, config.OS, config.Architecture
	if next, err = mutate.ConfigFile(next, own); err != nil {
		return err
	}
	tag, err := name.NewTag("stackctl/server:dev")
	if err != nil {
		return err
	}
	return tarball.WriteToFile(to, tag, next)
}

// stamped is a layer with one more file of random bytes.
func stamped(layer v1.Layer) (v1.Layer, error) {
	content, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	var out bytes.Buffer
	in, w := tar.NewReader(content), tar.NewWriter(&out)
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.Copy(w, in); err != nil {
			return nil, err
		}
	}
	var stamp [64]byte
	_, _ = rand.Read(stamp[:]) // it never fails
	if err := w.WriteHeader(&tar.Header{Name: "stamp", Mode: 0o444, Size: int64(len(stamp))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(stamp[:]); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
}
