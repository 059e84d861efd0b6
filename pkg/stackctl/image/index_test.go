package image

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestIndexReadsEveryShape(t *testing.T) {
	m := imageOf("example/app:1", "a", layer("one", 1, 1000), layer("two", 2, 1000))
	for shape, files := range map[string][]file{"legacy": m.legacy(), "oci": m.oci(), "zipped": m.zipped()} {
		t.Run(shape, func(t *testing.T) {
			dir := t.TempDir()
			p := write(t, dir, "app.tar", files)
			if err := os.WriteFile(filepath.Join(dir, "README"), []byte("not an archive"), 0o644); err != nil {
				t.Fatal(err)
			}
			index, err := Index(dir)
			if err != nil {
				t.Fatal(err)
			}
			got := index["example/app:1"]
			if got.ID != m.id() || !slices.Equal(got.Layers, m.diffIDs()) || got.Platform != "linux/amd64" || got.Archive != p || len(index) != 1 {
				t.Errorf("got %+v", index)
			}
		})
	}
}

func TestLookupKnowsEverySpelling(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "redis.tar", imageOf("docker.io/library/redis:latest", "", layer("one", 1, 10)).legacy())
	index, err := Index(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"redis", "redis:latest", "docker.io/library/redis", "library/redis:latest"} {
		if _, ok := Lookup(index, ref); !ok {
			t.Errorf("%s is not found in %v", ref, index)
		}
	}
	for _, ref := range []string{"redis:7", "UPPER", ""} {
		if _, ok := Lookup(index, ref); ok {
			t.Errorf("%q is found", ref)
		}
	}
}

func TestIndexRefusesOneNameForTwoImages(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.tar", imageOf("app:1", "a", layer("one", 1, 10)).legacy())
	write(t, dir, "b.tar", imageOf("app:1", "b", layer("one", 1, 10)).oci())
	_, err := Index(dir)
	mustContain(t, err, "app:1", "a.tar", "b.tar")
}

func TestIndexOfAMissingFolder(t *testing.T) {
	_, err := Index(filepath.Join(t.TempDir(), "none"))
	mustContain(t, err, "none", "images.archives")
	if stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("cause %s", stack.CauseOf(err))
	}
}

func TestIndexFollowsLinksInsideTheArchive(t *testing.T) {
	one := layer("one", 1, 100)
	m := imageOf("app:1", "", one, one)
	files := []file{
		{name: "a/layer.tar", body: string(one)},
		{name: "b/layer.tar", kind: tar.TypeSymlink, link: "../a/layer.tar"},
		{name: "c.json", body: string(m.config)},
		manifestFile("c.json", m.tag, []string{"a/layer.tar", "b/layer.tar"}),
	}
	dir := t.TempDir()
	write(t, dir, "app.tar", files)
	if _, err := Index(dir); err != nil {
		t.Fatal(err)
	}
}

func TestIndexNamesTheDamagedArchive(t *testing.T) {
	one, two := layer("one", 1, 1000), layer("two", 2, 1000)
	m := imageOf("app:1", "", one, two)
	whole := archiveOf(m.legacy()...)
	with := func(change func([]file) []file) []byte { return archiveOf(change(m.legacy())...) }
	cases := []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "manifest.json is missing"},
		{"not a tar", []byte(strings.Repeat("nonsense ", 200)), "damaged or cut off"},
		{"cut in a layer", whole[:1200], "cut off"},
		{"cut before the manifest", whole[:len(whole)-2048], "manifest.json is missing"},
		{"a layer left out", with(func(f []file) []file { return f[1:] }), "layer.tar is missing"},
		{"the config left out", with(func(f []file) []file { return slices.Delete(f, 2, 3) }), "image config"},
		{"the config changed", with(func(f []file) []file { f[2].body += " "; return f }), "has the digest"},
		{"a manifest that is no JSON", with(func(f []file) []file { f[3].body = "{"; return f }), "manifest.json"},
		{"an empty manifest", with(func(f []file) []file { f[3].body = "[]"; return f }), "lists 0 images"},
		{"fewer layers than diff IDs", with(func(f []file) []file {
			f[3] = manifestFile(f[2].name, "app:1", []string{f[0].name})
			return f
		}), "1 layers and 2 diff IDs"},
		{"a layer twice", with(func(f []file) []file { return append(f, f[0]) }), "twice"},
		{"the manifest twice", with(func(f []file) []file { return append(f, f[3]) }), "twice"},
		{"a bad tag", with(func(f []file) []file {
			f[3] = manifestFile(f[2].name, "../../etc:1", []string{f[0].name, f[1].name})
			return f
		}), "tag"},
		{"links in a circle", with(func(f []file) []file {
			f[0] = file{name: f[0].name, kind: tar.TypeSymlink, link: "layer.tar"}
			return f
		}), "chain of links"},
		{"a link out of the archive", with(func(f []file) []file {
			f[0] = file{name: f[0].name, kind: tar.TypeSymlink, link: "../../../../etc/passwd"}
			return f
		}), "is missing"},
		{"a huge manifest", with(func(f []file) []file { f[3].body = strings.Repeat(" ", maxDocument+1); return f }), "too long"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "bad.tar"), c.raw, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Index(dir)
			mustContain(t, err, "bad.tar", c.want)
		})
	}
}

func TestAHugeClaimedSizeIsRefused(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "manifest.json", Size: 1 << 50, Mode: 0o644, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	_, err := readArchive(bytes.NewReader(b.Bytes()), int64(b.Len()))
	mustContain(t, err, "manifest.json")
}

// FuzzArchive gives hostile archives to the reader: whatever it accepts is
// consistent, and it neither panics nor reads without bound.
func FuzzArchive(f *testing.F) {
	m := imageOf("app:1", "", layer("one", 1, 300), layer("two", 2, 300))
	for _, files := range [][]file{m.legacy(), m.oci(), m.zipped()} {
		raw := archiveOf(files...)
		f.Add(raw)
		f.Add(raw[:len(raw)/2])
	}
	f.Add(archiveOf(file{name: "../../manifest.json", body: "[]"}, file{name: "manifest.json", kind: tar.TypeSymlink, link: "/manifest.json"}))
	f.Add(archiveOf(file{name: "manifest.json", body: `[{"Config":"../x","RepoTags":["a"],"Layers":["../../x","/x","x"]}]`}, file{name: "x", body: `{"rootfs":{"diff_ids":["a","b","c"]}}`}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := readArchive(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		for _, s := range a.images {
			if !digest.MatchString(s.id) || len(s.layers) != len(s.diffIDs) {
				t.Fatalf("accepted %+v", s)
			}
			for _, e := range append(slices.Clone(s.layers), s.config) {
				if e.link != "" || e.offset < 0 || e.size < 0 || e.offset+e.size > int64(len(raw)) {
					t.Fatalf("accepted a file outside of the archive: %+v", e)
				}
			}
		}
	})
}
