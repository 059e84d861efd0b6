package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/stack"
)

// This file loads what package image sends into a real engine.

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// tarred is a tar of files in order.
func tarred(t testing.TB, names []string, bodies [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(bodies[i]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bodies[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// someLayer is a layer that no run had before; gzip takes a quarter off it.
func someLayer(t testing.TB, size int) []byte {
	t.Helper()
	body := make([]byte, size)
	_, _ = rand.Read(body)
	for i := range body {
		body[i] &= 0x3f
	}
	return tarred(t, []string{"data"}, [][]byte{body})
}

func zip(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// saved writes an image as docker save does, with plain or gzipped layers, and
// indexes it.
func saved(t testing.TB, tag, env string, zipped bool, layers ...[]byte) stack.Image {
	t.Helper()
	var names, files, diffIDs []string
	var bodies [][]byte
	for _, l := range layers {
		diffIDs = append(diffIDs, "sha256:"+sha(l))
		if zipped {
			l = zip(t, l)
		}
		names, files, bodies = append(names, sha(l)+"/layer.tar"), append(files, sha(l)+"/layer.tar"), append(bodies, l)
	}
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": runtime.GOARCH,
		"config": map[string]any{"Env": []string{"V=" + env}, "Cmd": []string{"/data"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal([]map[string]any{{"Config": sha(config) + ".json", "RepoTags": []string{tag}, "Layers": names}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	raw := tarred(t, append(files, sha(config)+".json", "manifest.json"), append(bodies, config, list))
	if err := os.WriteFile(filepath.Join(dir, "image.tar"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	index, err := image.Index(dir)
	if err != nil {
		t.Fatal(err)
	}
	return index[tag]
}

// shipTag is a tag that is removed when the test ends.
func shipTag(t testing.TB, e *Engine) string {
	tag := "stackctl-engine-test/ship:" + random()
	t.Cleanup(func() { _ = e.RemoveImage(context.Background(), tag) })
	return tag
}

func (w *world) images() []stack.HostImage {
	w.t.Helper()
	list, err := w.Images(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// TestOnlyTheChangedLayerTravels is figure F4: an 80 MB image, then a change of
// its uppermost 20 MB.
func TestOnlyTheChangedLayerTravels(t *testing.T) {
	w := newWorld(t)
	base, app1, app2 := someLayer(t, 60<<20), someLayer(t, 20<<20), someLayer(t, 20<<20)
	first := saved(t, shipTag(t, w.Engine), "1", false, base, app1)
	sent, err := image.Ship(w.ctx, first, w.images(), image.Save, w.Load, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first:   %d of %d layers, %d bytes (raw %d) in %s", sent.LayersSent, sent.Layers, sent.Bytes, sent.RawBytes, sent.Took)
	if !image.Has(first, w.images()) {
		t.Fatal("the image is not on the host under its ID")
	}
	whole := int64(len(zip(t, app2)))
	for shape, zipped := range map[string]bool{"plain": false, "gzipped": true} {
		changed := saved(t, shipTag(t, w.Engine), "2", zipped, base, app2)
		sent, err = image.Ship(w.ctx, changed, w.images(), image.Save, w.Load, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("changed: %s, %d of %d layers, %d bytes (raw %d, gzip -6 %d) in %s", shape, sent.LayersSent, sent.Layers, sent.Bytes, sent.RawBytes, whole, sent.Took)
		if sent.LayersSent != 1 || sent.Again || sent.Bytes > whole*105/100 {
			t.Errorf("%s: sent %+v, more than 1.05 times %d bytes", shape, sent, whole)
		}
		if !image.Has(changed, w.images()) {
			t.Fatalf("%s: the image is not on the host under its ID", shape)
		}
		// The layer goes with its image, for the next shape.
		if err := w.RemoveImage(w.ctx, changed.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingButTheConfigChanged(t *testing.T) {
	w := newWorld(t)
	one := someLayer(t, 1<<20)
	if _, err := image.Ship(w.ctx, saved(t, shipTag(t, w.Engine), "1", false, one), nil, image.Save, w.Load, nil); err != nil {
		t.Fatal(err)
	}
	img := saved(t, shipTag(t, w.Engine), "2", false, one)
	sent, err := image.Ship(w.ctx, img, w.images(), image.Save, w.Load, nil)
	if err != nil || sent.LayersSent != 0 || sent.Bytes > 4096 || !image.Has(img, w.images()) {
		t.Errorf("sent %+v, %v", sent, err)
	}
}

// TestALayerThatTheHostLostFailsCleanly asks what the engine itself does: it
// refuses, leaves nothing, and the second try sends all.
func TestALayerThatTheHostLostFailsCleanly(t *testing.T) {
	w := newWorld(t)
	img := saved(t, shipTag(t, w.Engine), "1", false, someLayer(t, 1<<20), someLayer(t, 1<<20))
	var failures int
	load := func(ctx context.Context, r io.Reader) error {
		err := w.Load(ctx, r)
		if err != nil {
			failures++
			if image.Has(img, w.images()) {
				t.Error("the failed load left the image")
			}
		}
		return err
	}
	lying := []stack.HostImage{{ID: "sha256:0", Layers: img.Layers[:1]}}
	sent, err := image.Ship(w.ctx, img, lying, image.Save, load, nil)
	if err != nil || failures != 1 || !sent.Again || sent.LayersSent != 2 {
		t.Errorf("%d failures, sent %+v, %v", failures, sent, err)
	}
	if !image.Has(img, w.images()) {
		t.Error("the image is not on the host")
	}
}

func TestACutTransferOfASmallImageLeavesNothing(t *testing.T) {
	w := newWorld(t)
	img := saved(t, shipTag(t, w.Engine), "1", false, someLayer(t, 4<<20), someLayer(t, 4<<20))
	cut := errors.New("the connection was cut")
	load := func(ctx context.Context, r io.Reader) error {
		return w.Load(ctx, io.MultiReader(io.LimitReader(r, 4<<20), failing{cut}))
	}
	if _, err := image.Ship(w.ctx, img, nil, image.Save, load, nil); !errors.Is(err, cut) {
		t.Errorf("got %v", err)
	}
	have := w.images()
	if image.Has(img, have) || slices.ContainsFunc(have, func(h stack.HostImage) bool { return slices.Contains(h.Layers, img.Layers[0]) }) {
		t.Error("the cut transfer left something")
	}
	if _, err := image.Ship(w.ctx, img, have, image.Save, w.Load, nil); err != nil || !image.Has(img, w.images()) {
		t.Errorf("the second try: %v", err)
	}
}

func TestACutTransferGoesOnAfterThePartThatArrived(t *testing.T) {
	w := newWorld(t)
	img := saved(t, shipTag(t, w.Engine), "1", false, someLayer(t, 17<<20), someLayer(t, 1<<20), someLayer(t, 1<<20))
	cut := errors.New("the connection was cut")
	loads := 0
	load := func(ctx context.Context, r io.Reader) error {
		if loads++; loads >= 2 { // also when the run itself tries again
			r = io.MultiReader(io.LimitReader(r, 1<<20), failing{cut})
		}
		return w.Load(ctx, r)
	}
	if _, err := image.Ship(w.ctx, img, nil, image.Save, load, nil); !errors.Is(err, cut) {
		t.Fatalf("got %v", err)
	}
	have := w.images()
	if image.Has(img, have) {
		t.Fatal("the cut transfer left the image")
	}
	var last int64
	sent, err := image.Ship(w.ctx, img, have, image.Save, w.Load, func(_, total int64) { last = total })
	if err != nil || sent.LayersSent != 2 || sent.RawBytes > 3<<20 || last > 3<<20 {
		t.Errorf("the second try sent %+v of %d, %v", sent, last, err)
	}
	parts := image.Parts(w.images())
	if len(parts) == 0 {
		t.Error("no part of the image that has arrived can go")
	}
	for _, name := range parts {
		if err := w.RemoveImage(w.ctx, name); err != nil {
			t.Error(err)
		}
	}
	if have = w.images(); !image.Has(img, have) || len(image.Parts(have)) != 0 {
		t.Error("the image did not survive the removal of its part")
	}
}
