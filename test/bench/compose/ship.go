package main

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// layers is how many the shipped image has: parts of this program's own
// deployer, so that they compress as programs do.
const layers = 4

// shipping sends an image the first time, with another highest layer, and
// again, in each way. Nobody has seen its layers before.
func (b *bench) shipping() error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	for _, way := range []struct {
		name string
		send func(tag string) (int64, error)
	}{
		{"`stackctl`", b.ship},
		{"`docker save \\| ssh docker load`", func(tag string) (int64, error) { return b.load(tag, false) }},
		{"`docker save \\| gzip \\| ssh docker load`", func(tag string) (int64, error) { return b.load(tag, true) }},
	} {
		times := []string{"the first time", "one layer changed", "unchanged"}
		took, bytes := make([][]time.Duration, len(times)), make([][]int64, len(times))
		for range rounds {
			parts, err := fresh(program)
			if err != nil {
				return err
			}
			first, err := b.archive(parts)
			if err != nil {
				return err
			}
			if parts[layers-1], err = layer(program[len(program)/layers*(layers-1):]); err != nil {
				return err
			}
			second, err := b.archive(parts)
			if err != nil {
				return err
			}
			for i, tag := range []string{first, second, second} {
				began := time.Now()
				n, err := way.send(tag)
				if err != nil {
					return err
				}
				took[i], bytes[i] = append(took[i], time.Since(began)), append(bytes[i], n)
			}
		}
		for i, when := range times {
			row(fmt.Sprintf("shipping an image, %s: %s", when, way.name), took[i], bytes[i])
		}
	}
	return nil
}

// ship is what a deploy does with an image, in a connection of its own.
func (b *bench) ship(tag string) (int64, error) {
	c, err := config.Load("stackctl.yaml")
	if err != nil {
		return 0, err
	}
	t, err := config.Target(c, "")
	if err != nil {
		return 0, err
	}
	index, err := image.Index(b.images())
	if err != nil {
		return 0, err
	}
	wanted, ok := image.Lookup(index, tag)
	if !ok {
		return 0, fmt.Errorf("no archive holds %s", tag)
	}
	server, err := node.Connect(b.ctx, t)
	if err != nil {
		return 0, err
	}
	defer func() { _ = server.Close() }()
	have, err := server.Images(b.ctx)
	if err != nil {
		return 0, err
	}
	if !holds(have, wanted.ID) {
		if _, err := server.Ship(b.ctx, wanted, nil, have, func(int64, int64) {}); err != nil {
			return 0, err
		}
	}
	return server.Wire().Sent, nil
}

func holds(have []stack.HostImage, id string) bool {
	for _, i := range have {
		if i.ID == id {
			return true
		}
	}
	return false
}

func (b *bench) images() string { return filepath.Join(b.dir, "images") }

// archive writes an image, and loads it into this machine's own engine for the
// ways that begin there.
func (b *bench) archive(parts []v1.Layer) (tag string, err error) {
	b.count++
	tag = fmt.Sprintf("%s:%d", project, b.count)
	i, err := mutate.AppendLayers(empty.Image, parts...)
	if err != nil {
		return "", err
	}
	own, err := i.ConfigFile()
	if err != nil {
		return "", err
	}
	own = own.DeepCopy()
	own.OS, own.Architecture, own.Config.Cmd = "linux", "amd64", []string{"/part"}
	if i, err = mutate.ConfigFile(i, own); err != nil {
		return "", err
	}
	reference, err := name.NewTag(tag)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(b.images(), 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(b.images(), fmt.Sprintf("%d.tar", b.count))
	if err := tarball.WriteToFile(file, reference, i); err != nil {
		return "", err
	}
	return tag, b.run(nil, "docker", "load", "-i", file)
}

// fresh makes layers that nobody has seen.
func fresh(program []byte) ([]v1.Layer, error) {
	var out []v1.Layer
	for i := range layers {
		l, err := layer(program[len(program)/layers*i : len(program)/layers*(i+1)])
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// layer holds a part of a program, and some random bytes that tell it from any
// other one.
func layer(part []byte) (v1.Layer, error) {
	stamp := make([]byte, 64)
	_, _ = rand.Read(stamp) // it never fails
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range map[string][]byte{"part": part, "stamp": stamp} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o444, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
}
