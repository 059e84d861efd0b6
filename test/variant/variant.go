// Package variant makes releases that differ from the one that was built, for
// tests and benchmarks. It must not know what is done with them.
package variant

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Tag is the application's image in the compose file.
const Tag = "stackctl/server:dev"

// revision is the label with the commit that the application also tells.
const revision = "org.opencontainers.image.revision"

// Image writes an image archive that differs from another in its highest layer,
// under a tag.
func Image(from, to, tag string) error { return rewrite(from, to, tag, nil) }

// Migration writes an image archive of the application with one more migration:
// the program is compiled anew with the file among the embedded ones, and with
// what it makes among the expected objects.
func Migration(ctx context.Context, repo, from, to, file, sql string, makes map[string]string) error {
	dir, err := os.MkdirTemp("", "variant-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	expected := map[string]string{}
	known, err := os.ReadFile(filepath.Join(repo, "pkg/server/postgres/expected.json"))
	if err == nil {
		err = json.Unmarshal(known, &expected)
	}
	if err != nil {
		return fmt.Errorf("read the expected schema: %w", err)
	}
	maps.Copy(expected, makes)
	schema, err := json.Marshal(expected)
	if err != nil {
		return err
	}
	added, objects := filepath.Join(dir, file), filepath.Join(dir, "expected.json")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(repo, "pkg/server/postgres/migrations", file): added,
		filepath.Join(repo, "pkg/server/postgres/expected.json"):    objects,
	}})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{added: []byte(sql), objects: schema, filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
	image, err := tarball.ImageFromPath(from, nil)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "server")
	cmd := exec.CommandContext(ctx, "scripts/build.sh", "server", binary, "-overlay", filepath.Join(dir, "overlay.json"))
	cmd.Dir, cmd.Env = repo, append(os.Environ(), "COMMIT="+config.Config.Labels[revision])
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the application with %s: %w\n%s", file, err, out)
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	return rewrite(from, to, Tag, program)
}

// rewrite writes an archive whose highest layer has a stamp, and another
// program where one is given.
func rewrite(from, to, tag string, program []byte) error {
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
	top, err := stamped(layers[len(layers)-1], program)
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
	reference, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(to, reference, next)
}

// stamped is a layer with one more file of random bytes, and with another
// program where one is given.
func stamped(layer v1.Layer, program []byte) (v1.Layer, error) {
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
		var body io.Reader = in
		if program != nil && filepath.Base(h.Name) == "server" && h.Typeflag == tar.TypeReg {
			h.Size, body = int64(len(program)), bytes.NewReader(program)
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.Copy(w, body); err != nil {
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
