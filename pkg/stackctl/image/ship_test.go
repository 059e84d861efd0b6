package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// indexed writes one image as an archive and returns what Index says of it.
func indexed(t testing.TB, m made, files []file) stack.Image {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "app.tar", files)
	index, err := Index(dir)
	if err != nil {
		t.Fatal(err)
	}
	return index[m.tag]
}

func TestShipLeavesOutWhatTheHostHas(t *testing.T) {
	one, two, three := layer("one", 1, 4000), layer("two", 2, 4000), layer("three", 3, 4000)
	m := imageOf("app:1", "", one, two, three)
	id := m.diffIDs()
	for _, c := range []struct {
		name string
		have []stack.HostImage
		sent int
	}{
		{"nothing", nil, 3},
		{"another image", []stack.HostImage{{Layers: []string{"sha256:0"}}}, 3},
		{"the base", []stack.HostImage{{Layers: []string{"sha256:0"}}, {Layers: id[:1]}}, 2},
		{"the longest of several", []stack.HostImage{{Layers: id[:1]}, {Layers: []string{id[0], id[1], "sha256:0"}}}, 1},
		{"a layer, but on another base", []stack.HostImage{{Layers: []string{"sha256:0", id[1], id[2]}}}, 3},
		{"all layers", []stack.HostImage{{Layers: id}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for shape, files := range map[string][]file{"legacy": m.legacy(), "oci": m.oci(), "zipped": m.zipped()} {
				var wire bytes.Buffer
				var done, total int64
				sent, err := Ship(t.Context(), indexed(t, m, files), c.have, Save, collect(&wire), func(d, n int64) { done, total = d, n })
				if err != nil {
					t.Fatal(err)
				}
				if sent.Layers != 3 || sent.LayersSent != c.sent || sent.Bytes != int64(wire.Len()) || sent.RawBytes != int64(c.sent*len(one)) || sent.Again {
					t.Errorf("%s: %+v, %d bytes on the wire", shape, sent, wire.Len())
				}
				if done != total || (c.sent > 0) != (total > 0) {
					t.Errorf("%s: progress ended at %d of %d", shape, done, total)
				}
				checkSent(t, m, unpack(t, wire.Bytes()), c.sent)
			}
		})
	}
}

// checkSent says that an archive lists all layers and holds the last n.
func checkSent(t *testing.T, m made, got map[string][]byte, n int) {
	t.Helper()
	var list []manifest
	if err := json.Unmarshal(got["manifest.json"], &list); err != nil || len(list) != 1 || len(list[0].Layers) != len(m.layers) {
		t.Fatalf("manifest.json is %s, %v", got["manifest.json"], err)
	}
	if hash(got[list[0].Config]) != m.id() || !slices.Equal(list[0].RepoTags, []string{m.tag}) {
		t.Errorf("config or tag differ: %+v", list[0])
	}
	for i, l := range m.layers {
		content, ok := got[list[0].Layers[i]]
		if ok != (i >= len(m.layers)-n) {
			t.Errorf("layer %d is there: %t", i, ok)
		}
		if ok && !bytes.Equal(plain(t, content), l) {
			t.Errorf("layer %d differs", i)
		}
	}
}

func plain(t *testing.T, b []byte) []byte {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestShipSendsARepeatedLayerOnce(t *testing.T) {
	one := layer("one", 1, 4000)
	m := imageOf("app:1", "", one, layer("two", 2, 4000), one)
	var wire bytes.Buffer
	files := m.oci()
	files = slices.Delete(files, 4, 5) // the archive holds it once, too
	if _, err := Ship(t.Context(), indexed(t, m, files), nil, Save, collect(&wire), nil); err != nil {
		t.Fatal(err)
	}
	checkSent(t, m, unpack(t, wire.Bytes()), 3)
}

func TestShipSendsEverythingWhereTheHostLostALayer(t *testing.T) {
	m := imageOf("app:1", "", layer("one", 1, 4000), layer("two", 2, 4000))
	lost := errors.New("open layer.tar: no such file or directory")
	var tries int
	var wire bytes.Buffer
	load := func(ctx context.Context, r io.Reader) error {
		tries++
		wire.Reset()
		if _, err := io.Copy(&wire, r); err != nil {
			return err
		}
		if tries == 1 {
			return lost
		}
		return nil
	}
	img := indexed(t, m, m.legacy())
	have := []stack.HostImage{{Layers: img.Layers[:1]}}
	sent, err := Ship(t.Context(), img, have, Save, load, nil)
	if err != nil || tries != 2 || !sent.Again || sent.LayersSent != 2 || sent.Bytes <= int64(wire.Len()) {
		t.Errorf("%d tries, %+v, %v", tries, sent, err)
	}
	checkSent(t, m, unpack(t, wire.Bytes()), 2)

	always := func(_ context.Context, r io.Reader) error { _, _ = io.Copy(io.Discard, r); return lost }
	if _, err := Ship(t.Context(), img, have, Save, always, nil); !errors.Is(err, lost) || stack.CauseOf(err) != stack.CauseStep {
		t.Errorf("got %v", err)
	}
	// A full disk gets no second try, which would need more.
	tries = 0
	full := func(_ context.Context, r io.Reader) error {
		tries++
		_, _ = io.Copy(io.Discard, r)
		return errors.New("write layer.tar: no space left on device")
	}
	if _, err := Ship(t.Context(), img, have, Save, full, nil); err == nil || tries != 1 {
		t.Errorf("%d tries on a full disk, %v", tries, err)
	}
	// With nothing left out there is nothing to try again.
	tries = 0
	count := func(ctx context.Context, r io.Reader) error { tries++; return always(ctx, r) }
	if _, err := Ship(t.Context(), img, nil, Save, count, nil); err == nil || tries != 1 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

// A part may go while the next one is on its way, as where somebody prunes.
func TestATransferWhosePartWasLostBeginsAgain(t *testing.T) {
	small := partBytes
	partBytes = 1
	t.Cleanup(func() { partBytes = small })
	m := imageOf("app:1", "", layer("one", 1, 4000), layer("two", 2, 4000))
	tries := 0
	load := func(_ context.Context, r io.Reader) error {
		tries++
		_, err := io.Copy(io.Discard, r)
		if tries == 2 {
			return errors.New("open layer.tar: no such file or directory")
		}
		return err
	}
	if sent, err := Ship(t.Context(), indexed(t, m, m.legacy()), nil, Save, load, nil); err != nil || !sent.Again || tries != 4 {
		t.Errorf("%d loads, %+v, %v", tries, sent, err)
	}
}

func TestPartsOfAnImageThatIsStillOnItsWayStay(t *testing.T) {
	have := []stack.HostImage{{ID: "sha256:111111111111aa"}, {ID: "sha256:2", Tags: []string{partName + ":111111111111-1"}}, {ID: "sha256:3", Tags: []string{partName + ":222222222222-1"}}}
	if got := Parts(have); !slices.Equal(got, []string{partName + ":111111111111-1"}) {
		t.Errorf("%v", got)
	}
}

func TestShipFindsADamagedLayer(t *testing.T) {
	m := imageOf("app:1", "", layer("one", 1, 400_000), layer("two", 2, 400_000))
	for shape, files := range map[string][]file{"legacy": m.legacy(), "zipped": m.zipped()} {
		t.Run(shape, func(t *testing.T) {
			img := indexed(t, m, files)
			raw, err := os.ReadFile(img.Archive)
			if err != nil {
				t.Fatal(err)
			}
			raw[100_000] ^= 0xff // inside the first layer
			if err := os.WriteFile(img.Archive, raw, 0o644); err != nil {
				t.Fatal(err)
			}
			var ended error
			load := func(_ context.Context, r io.Reader) error { _, ended = io.Copy(io.Discard, r); return ended }
			_, err = Ship(t.Context(), img, nil, Save, load, nil)
			if err == nil || ended == nil {
				t.Fatalf("shipped a damaged layer: %v, stream ended with %v", err, ended)
			}
			mustContain(t, err, "app:1")
		})
	}
}

func TestShipRefusesAnArchiveThatChanged(t *testing.T) {
	m := imageOf("app:1", "a", layer("one", 1, 400))
	img := indexed(t, m, m.legacy())
	img.ID = "sha256:" + strings.Repeat("0", 64)
	_, err := Ship(t.Context(), img, nil, Save, collect(new(bytes.Buffer)), nil)
	mustContain(t, err, "not in it any more", "app.tar")
}

func TestShipCancelledLeavesNoGoroutine(t *testing.T) {
	m := imageOf("app:1", "", layer("one", 1, 8<<20))
	img := indexed(t, m, m.legacy())
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Ship(ctx, img, nil, Save, func(ctx context.Context, r io.Reader) error {
		if _, err := r.Read(make([]byte, 10)); err != nil {
			return err
		}
		cancel()
		return ctx.Err()
	}, nil)
	if stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("got %v", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; <-tick.C {
		if time.Now().After(end) {
			b := make([]byte, 1<<20)
			t.Fatalf("goroutines are left:\n%s", b[:runtime.Stack(b, true)])
		}
	}
}

func TestShipNeedsLittleMemory(t *testing.T) {
	m := imageOf("app:1", "", layer("one", 1, 40<<20))
	img := indexed(t, m, m.legacy())
	var peak uint64
	runtime.GC()
	var base runtime.MemStats
	runtime.ReadMemStats(&base)
	_, err := Ship(t.Context(), img, nil, Save, func(_ context.Context, r io.Reader) error {
		buf := make([]byte, 4<<20)
		for {
			if _, err := io.ReadFull(r, buf); err != nil {
				return nil
			}
			runtime.GC()
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, base.HeapAlloc))
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if peak > 24<<20 {
		t.Errorf("%d MB were in use", peak>>20)
	}
}
