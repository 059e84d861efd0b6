package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

// host is the local Docker Engine.
func host(t testing.TB) (*engine.Engine, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e, err := engine.Open(ctx, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", "/var/run/docker.sock")
	})
	if err != nil {
		t.Fatalf("this test needs a Docker Engine: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e, ctx
}

func images(t testing.TB, e *engine.Engine, ctx context.Context) []stack.HostImage {
	t.Helper()
	have, err := e.Images(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return have
}

// removed takes an image off the host when the test ends.
func removed(t testing.TB, e *engine.Engine, tag string) {
	t.Cleanup(func() { _ = e.RemoveImage(context.Background(), tag) })
}

// unique makes a seed that no other run uses, so that no layer is there yet.
func unique() uint64 { return rand.Uint64() }

// seeded is a layer that no other test or run has.
func seeded(name string, size int) []byte {
	body := make([]byte, size)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(unique())
	}
	r := rand.NewChaCha8(key)
	_, _ = r.Read(body)
	for i := range body {
		body[i] &= 0x3f // compresses to about three quarters
	}
	return archiveOf(file{name: name, body: string(body)})
}

// compressed is what the layer takes with gzip's default level.
func compressed(t testing.TB, layer []byte) int64 {
	t.Helper()
	var n bytes.Buffer
	z := gzip.NewWriter(&n)
	if _, err := z.Write(layer); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return int64(n.Len())
}

// TestOnlyTheChangedLayerTravels is figure F4: an 80 MB image, then a change of
// its uppermost 20 MB.
func TestOnlyTheChangedLayerTravels(t *testing.T) {
	e, ctx := host(t)
	tag := fmt.Sprintf("stackctl-image-test/app:%x", unique())
	removed(t, e, tag)
	base, app1, app2 := seeded("base", 60<<20), seeded("app", 20<<20), seeded("app", 20<<20)
	first := imageOf(tag, "1", base, app1)
	img := indexed(t, first, first.oci())
	sent, err := Ship(ctx, img, images(t, e, ctx), e.Load, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first:   %d of %d layers, %d bytes (raw %d) in %s", sent.LayersSent, sent.Layers, sent.Bytes, sent.RawBytes, sent.Took)
	if !Has(img, images(t, e, ctx)) {
		t.Fatal("the image is not on the host under its ID")
	}

	second := imageOf(tag+"-2", "2", base, app2)
	limit := compressed(t, app2) * 105 / 100
	for shape, files := range map[string][]file{"plain": second.legacy(), "gzipped": second.zipped()} {
		changed := indexed(t, second, files)
		sent, err = Ship(ctx, changed, images(t, e, ctx), e.Load, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("changed: %s, %d of %d layers, %d bytes (raw %d, gzip -6 %d) in %s", shape, sent.LayersSent, sent.Layers, sent.Bytes, sent.RawBytes, limit*100/105, sent.Took)
		if sent.LayersSent != 1 || sent.Again || sent.Bytes > limit {
			t.Errorf("%s: sent %+v, more than %d bytes", shape, sent, limit)
		}
		if !Has(changed, images(t, e, ctx)) {
			t.Fatalf("%s: the image is not on the host under its ID", shape)
		}
		// The layer goes with its image, for the next shape.
		if err := e.RemoveImage(ctx, changed.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNothingButTheConfigChanged needs no layer at all.
func TestNothingButTheConfigChanged(t *testing.T) {
	e, ctx := host(t)
	tag := fmt.Sprintf("stackctl-image-test/config:%x", unique())
	removed(t, e, tag)
	removed(t, e, tag+"-2")
	one := seeded("one", 1<<20)
	m, other := imageOf(tag, "1", one), imageOf(tag+"-2", "2", one)
	if _, err := Ship(ctx, indexed(t, m, m.legacy()), nil, e.Load, nil); err != nil {
		t.Fatal(err)
	}
	img := indexed(t, other, other.legacy())
	sent, err := Ship(ctx, img, images(t, e, ctx), e.Load, nil)
	if err != nil || sent.LayersSent != 0 || sent.Bytes > 4096 || !Has(img, images(t, e, ctx)) {
		t.Errorf("sent %+v, %v", sent, err)
	}
}

// TestALayerThatTheHostLostFailsCleanly asks what the engine itself does: it
// refuses, leaves nothing, and the second try sends all.
func TestALayerThatTheHostLostFailsCleanly(t *testing.T) {
	e, ctx := host(t)
	tag := fmt.Sprintf("stackctl-image-test/lost:%x", unique())
	removed(t, e, tag)
	m := imageOf(tag, "1", seeded("one", 1<<20), seeded("two", 1<<20))
	img := indexed(t, m, m.legacy())
	var failures int
	load := func(ctx context.Context, r io.Reader) error {
		err := e.Load(ctx, r)
		if err != nil {
			failures++
			if Has(img, images(t, e, ctx)) {
				t.Error("the failed load left the image")
			}
		}
		return err
	}
	lying := []stack.HostImage{{ID: "sha256:0", Layers: img.Layers[:1]}}
	sent, err := Ship(ctx, img, lying, load, nil)
	if err != nil || failures != 1 || !sent.Again || sent.LayersSent != 2 {
		t.Errorf("%d failures, sent %+v, %v", failures, sent, err)
	}
	if !Has(img, images(t, e, ctx)) {
		t.Error("the image is not on the host")
	}
}

// TestACutTransferLeavesNothing cuts the stream in the middle.
func TestACutTransferLeavesNothing(t *testing.T) {
	e, ctx := host(t)
	tag := fmt.Sprintf("stackctl-image-test/cut:%x", unique())
	removed(t, e, tag)
	m := imageOf(tag, "1", seeded("one", 4<<20), seeded("two", 4<<20))
	img := indexed(t, m, m.legacy())
	cut := errors.New("the connection was cut")
	load := func(ctx context.Context, r io.Reader) error {
		return e.Load(ctx, io.MultiReader(io.LimitReader(r, 4<<20), broken{cut}))
	}
	if _, err := Ship(ctx, img, nil, load, nil); !errors.Is(err, cut) {
		t.Errorf("got %v", err)
	}
	have := images(t, e, ctx)
	if Has(img, have) || slices.ContainsFunc(have, func(h stack.HostImage) bool { return slices.Contains(h.Layers, img.Layers[0]) }) {
		t.Error("the cut transfer left something")
	}
	if _, err := Ship(ctx, img, have, e.Load, nil); err != nil || !Has(img, images(t, e, ctx)) {
		t.Errorf("the second try: %v", err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
