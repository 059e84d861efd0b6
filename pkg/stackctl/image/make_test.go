package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file is one entry of a test's archive.
type file struct {
	name, body string
	link       string
	kind       byte
}

// archiveOf writes a tar.
func archiveOf(files ...file) []byte {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.body)), Linkname: f.link, Typeflag: tar.TypeReg}
		if f.kind != 0 {
			h.Typeflag = f.kind
		}
		if h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink {
			h.Size = 0
		}
		_ = t.WriteHeader(h)
		_, _ = io.WriteString(t, f.body)
	}
	_ = t.Close()
	return b.Bytes()
}

// made is an image in parts, to be put into an archive of some shape.
type made struct {
	tag    string
	layers [][]byte
	config []byte
}

func imageOf(tag string, env string, layers ...[]byte) made {
	var c config
	c.OS, c.Architecture = "linux", "amd64"
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, hash(l))
	}
	doc := map[string]any{
		"os": c.OS, "architecture": c.Architecture,
		"config": map[string]any{"Env": []string{"V=" + env}, "Cmd": []string{"/data"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": c.RootFS.DiffIDs},
	}
	raw, _ := json.Marshal(doc)
	return made{tag, layers, raw}
}

func (m made) id() string { return hash(m.config) }

func (m made) diffIDs() (out []string) {
	for _, l := range m.layers {
		out = append(out, hash(l))
	}
	return out
}

func hexOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func manifestFile(config, tag string, layers []string) file {
	b, _ := json.Marshal([]manifest{{Config: config, RepoTags: []string{tag}, Layers: layers}})
	return file{name: "manifest.json", body: string(b)}
}

// legacy is the shape of docker save up to Engine 24.
func (m made) legacy() []file {
	var files []file
	var names []string
	for i, l := range m.layers {
		name := fmt.Sprintf("%064x/layer.tar", i)
		names = append(names, name)
		files = append(files, file{name: name, body: string(l)})
	}
	cfg := hexOf(m.config) + ".json"
	return append(files, file{name: cfg, body: string(m.config)}, manifestFile(cfg, m.tag, names))
}

// oci is the shape of docker save from Engine 25 on.
func (m made) oci() []file {
	files := []file{{name: "blobs/", kind: tar.TypeDir}, {name: "oci-layout", body: `{"imageLayoutVersion":"1.0.0"}`}}
	var names []string
	for _, l := range m.layers {
		name := "blobs/sha256/" + hexOf(l)
		names = append(names, name)
		files = append(files, file{name: name, body: string(l)})
	}
	cfg := "blobs/sha256/" + hexOf(m.config)
	return append(files, file{name: cfg, body: string(m.config)}, manifestFile(cfg, m.tag, names))
}

// zipped is the shape that libraries write: compressed layers.
func (m made) zipped() []file {
	var files []file
	var names []string
	for _, l := range m.layers {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = w.Write(l)
		_ = w.Close()
		name := hexOf(z.Bytes()) + ".tar.gz"
		names = append(names, name)
		files = append(files, file{name: name, body: z.String()})
	}
	cfg := "sha256:" + hexOf(m.config)
	return append(files, file{name: cfg, body: string(m.config)}, manifestFile(cfg, m.tag, names))
}

// write puts an archive into a folder.
func write(t testing.TB, dir, name string, files []file) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, archiveOf(files...), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// layer is a layer of one file of size bytes that compresses to about half.
func layer(name string, seed uint64, size int) []byte {
	body := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(len(name))})
	_, _ = r.Read(body)
	for i := range body {
		body[i] &= 0x0f
	}
	return archiveOf(file{name: name, body: string(body)})
}

// collect is a load that keeps what it was sent.
func collect(into *bytes.Buffer) func(context.Context, io.Reader) error {
	return func(_ context.Context, r io.Reader) error {
		_, err := io.Copy(into, r)
		return err
	}
}

// unpack reads what Ship sent.
func unpack(t testing.TB, sent []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func mustContain(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("error %v lacks %q", err, p)
		}
	}
}
