package main

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// sample is a tree with a file, a folder and a link.
func sample() tree {
	t := newTree()
	t.accounts("app", 1000)
	t.file("usr/bin/hello", 0o755, []byte("hello"))
	t.dir("data", 0o700, 1000)
	return t
}

func digest(t *testing.T, trees ...tree) string {
	t.Helper()
	img, err := assemble(v1.Config{User: "1000"}, trees...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestSameContentMakesTheSameImage(t *testing.T) {
	first := digest(t, sample())
	if again := digest(t, sample()); first != again {
		t.Errorf("%s, then %s", first, again)
	}
	other := sample()
	other.file("usr/bin/hello", 0o755, []byte("hallo"))
	if digest(t, other) == first {
		t.Error("other content makes the same image")
	}
}

func TestLayerLeavesOutWhatTheLowerOneHolds(t *testing.T) {
	low, all := sample(), sample()
	all.file("usr/bin/more", 0o755, []byte("more"))
	all.dir("data", 0o755, 1000)
	rest := all.without(low)
	if _, ok := rest["usr/bin/more"]; !ok || len(rest) != 2 || rest["data"].header.Mode != 0o755 {
		t.Errorf("the upper layer holds %v, want usr/bin/more and the changed data", keys(rest))
	}
}

func keys(t tree) (out []string) {
	for p := range t {
		out = append(out, p)
	}
	return out
}

// packed is a tar stream like a Debian package's.
func packed(t *testing.T, entries ...tar.Header) io.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}

func TestPackagesFollowTheUsrMerge(t *testing.T) {
	got := newTree()
	err := got.unpack(packed(t,
		tar.Header{Name: "./bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin"},
		tar.Header{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		tar.Header{Name: "./bin/sh", Typeflag: tar.TypeReg, Mode: 0o755},
		tar.Header{Name: "./bin/rsh", Typeflag: tar.TypeLink, Linkname: "./bin/sh"},
		tar.Header{Name: "./usr/share/doc/x/changelog", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "./usr/share/doc/x/copyright", Typeflag: tar.TypeReg, Mode: 0o644},
	), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"usr/bin/sh", "usr/bin/rsh", "usr/share/doc/x/copyright"} {
		if got[p].header.Typeflag != tar.TypeReg {
			t.Errorf("%s is missing", p)
		}
	}
	if got["usr/bin"].header.Typeflag != tar.TypeDir || got["bin"].header.Linkname != "usr/bin" {
		t.Error("bin is no longer a link to usr/bin")
	}
	if _, ok := got["usr/share/doc/x/changelog"]; ok {
		t.Error("the changelog is kept")
	}
}

func TestMissingLibraryIsNamed(t *testing.T) {
	program, err := os.ReadFile("/bin/ls")
	if err != nil {
		t.Fatal(err)
	}
	got := newTree()
	got.file("usr/bin/ls", 0o755, program)
	if err := got.complete(); err == nil || !strings.Contains(err.Error(), "usr/bin/ls needs libc.so.6") {
		t.Errorf("the error is %v", err)
	}
}

func TestNewInputIsANewKey(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "test", "images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(file, text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range common() {
		put(f, "package main")
	}
	r := recipe{name: "x", ref: "x:1", inputs: []string{"x.go"}}
	if _, err := r.key(root); err == nil {
		t.Error("a missing input is accepted")
	}
	put("x.go", "one")
	one, err := r.key(root)
	if err != nil {
		t.Fatal(err)
	}
	put("x.go", "two")
	if two, err := r.key(root); err != nil || one == two {
		t.Errorf("the key stays %s (%v)", two, err)
	}
}

func TestEveryRecipeHasItsInputs(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recipes() {
		if _, err := r.key(root); err != nil {
			t.Error(err)
		}
		if _, err := name.NewTag(r.ref); err != nil {
			t.Error(err)
		}
	}
}

// TestPullsWhereARegistryAnswers runs a real registry on loopback.
func TestPullsWhereARegistryAnswers(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(discard())))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/shop/thing:1"
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	img, err := assemble(v1.Config{User: "1000"}, sample())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	m, file := pulling(t), filepath.Join(t.TempDir(), "thing.tar")
	built := false
	r := recipe{name: "thing", ref: ref, public: true, build: func(context.Context, *job) (v1.Image, error) {
		built = true
		return img, nil
	}}
	if err := m.make(t.Context(), r, file); err != nil {
		t.Fatal(err)
	}
	kept, err := tarball.ImageFromPath(file, &tag)
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := kept.ConfigName(); err != nil || got != want || built {
		t.Errorf("the archive holds %s (%v), want %s; built: %v", got, err, want, built)
	}
}

func TestBuildsWhereNoRegistryAnswers(t *testing.T) {
	server := httptest.NewServer(nil)
	ref := strings.TrimPrefix(server.URL, "http://") + "/shop/thing:1"
	server.Close()
	m, out := pulling(t), t.TempDir()
	built := 0
	r := recipe{name: "thing", ref: ref, folder: stackFolder, public: true, build: func(context.Context, *job) (v1.Image, error) {
		built++
		return assemble(v1.Config{}, sample())
	}}
	m.root, m.out, m.cache = repositoryOf(t), out, t.TempDir()
	for range 2 {
		if err := m.one(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if built != 1 {
		t.Errorf("built %d times, want once and then from the cache", built)
	}
	if _, err := os.Stat(filepath.Join(out, stackFolder, "thing.tar")); err != nil {
		t.Error(err)
	}
}

func TestUnknownImageIsRefused(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"nothing"}, &out, &errs); code != 2 || !strings.Contains(errs.String(), "there are traefik, ") {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}

func TestAGroupIsMadeOnlyWhenItIsNamed(t *testing.T) {
	usual, err := choose(recipes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	group, err := choose(recipes(), []string{projectsGroup, twelveGroup})
	if err != nil || len(group) < 10 {
		t.Fatalf("%d recipes, %v", len(group), err)
	}
	for _, r := range usual {
		if r.group != "" || r.onRequest {
			t.Errorf("%s is made without being named", r.name)
		}
	}
	for _, r := range group {
		if r.group == "" {
			t.Errorf("%s is of no group", r.name)
		}
	}
}

// TestAnImageIsMadeOnAnother holds that a program's files are one layer on its
// base, whose settings stay but for what a Dockerfile would say.
func TestAnImageIsMadeOnAnother(t *testing.T) {
	m, out := pulling(t), t.TempDir()
	m.root, m.out, m.cache, m.neverPull = repositoryOf(t), out, t.TempDir(), true
	base := recipe{name: "base", ref: "acme/base:1", folder: projectFolder, build: func(context.Context, *job) (v1.Image, error) {
		return assemble(v1.Config{Env: []string{searchPath}, User: "1000"}, sample())
	}}
	if err := m.one(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	a := app{name: "board", ref: "acme/board:1", source: "board/app", to: "/app", cmd: []string{"run"}}
	img, err := a.on(m.archive(base), filepath.Join(m.root, "test", "projects", "twelve", a.source))
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	layers, _ := img.Layers()
	if err != nil || len(layers) != 2 || file.Config.WorkingDir != "/app" || file.Config.User != "" || file.Config.Env[0] != searchPath {
		t.Errorf("%v: %d layers, %+v", err, len(layers), file.Config)
	}
}
