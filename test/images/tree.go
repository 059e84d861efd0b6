package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// epoch is the time of every file in every image, so that the same content
// makes the same image.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// tree is a filesystem in memory, by path without a leading slash.
type tree map[string]node

// node is one file, folder or link.
type node struct {
	header  tar.Header
	content []byte
}

// newTree has the folders that programs expect, with /usr merged.
func newTree() tree {
	t := tree{}
	for _, d := range []string{"etc", "root", "run", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/local/bin", "var/lib", "var/run"} {
		t.dir(d, 0o755, 0)
	}
	delete(t, "var/run")
	t.link("var/run", "/run")
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		t.link(d, "usr/"+d)
	}
	t.dir("tmp", 0o1777, 0)
	t.dir("var/tmp", 0o1777, 0)
	t.dir("root", 0o700, 0)
	return t
}

func (t tree) dir(p string, mode int64, owner int) {
	t.parents(p)
	t[p] = node{header: tar.Header{Typeflag: tar.TypeDir, Mode: mode, Uid: owner, Gid: owner}}
}

func (t tree) file(p string, mode int64, content []byte) {
	t.parents(p)
	t[p] = node{header: tar.Header{Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))}, content: content}
}

func (t tree) link(p, to string) {
	t.parents(p)
	t[p] = node{header: tar.Header{Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}}
}

func (t tree) parents(p string) {
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		if _, ok := t[d]; !ok {
			t[d] = node{header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}}
		}
	}
}

// accounts writes the user database: root, nobody and one more.
func (t tree) accounts(user string, id int) {
	t.file("etc/passwd", 0o644, fmt.Appendf(nil,
		"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n%s:x:%d:%d::/:/usr/sbin/nologin\n", user, id, id))
	t.file("etc/group", 0o644, fmt.Appendf(nil, "root:x:0:\nnogroup:x:65534:\n%s:x:%d:\n", user, id))
	t.file("etc/nsswitch.conf", 0o644, []byte("passwd: files\ngroup: files\nhosts: files dns\n"))
}

// copyIn adds a folder or file from disk.
func (t tree) copyIn(from, to string, mode func(fs.FileInfo) int64) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		at := path.Join(to, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			t.dir(at, 0o755, 0)
		case d.Type()&fs.ModeSymlink != 0:
			dest, err := os.Readlink(p)
			if err != nil {
				return err
			}
			t.link(at, dest)
		case d.Type().IsRegular():
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			t.file(at, mode(info), content)
		}
		return nil
	})
}

// unpack adds what keep accepts from a tar stream, following the /usr merge.
func (t tree) unpack(r io.Reader, keep func(string) bool) error {
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		raw := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		p := merged(raw)
		if raw == "" || !keep(p) {
			continue
		}
		if p != raw && h.Typeflag == tar.TypeSymlink && !strings.Contains(raw, "/") {
			continue // the /usr merge itself, which newTree made
		}
		switch h.Typeflag {
		case tar.TypeDir:
			if _, ok := t[p]; !ok {
				t.parents(p)
				t[p] = node{header: tar.Header{Typeflag: tar.TypeDir, Mode: h.Mode & 0o7777, Uid: h.Uid, Gid: h.Gid}}
			}
		case tar.TypeReg:
			content, err := io.ReadAll(in)
			if err != nil {
				return err
			}
			t.file(p, h.Mode&0o7777, content)
		case tar.TypeSymlink:
			t.link(p, h.Linkname)
		case tar.TypeLink:
			original, ok := t[merged(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"))]
			if !ok {
				return fmt.Errorf("%s is a link to %s, which is missing", h.Name, h.Linkname)
			}
			t.parents(p)
			t[p] = original
		}
	}
}

// merged maps /bin, /lib, … to their place below /usr.
func merged(p string) string {
	first, rest, _ := strings.Cut(p, "/")
	switch first {
	case "bin", "sbin", "lib", "lib64":
		return path.Join("usr", first, rest)
	}
	return p
}

// complete checks that every shared library that a program needs is there.
func (t tree) complete() error {
	have := map[string]bool{}
	for p := range t {
		have[path.Base(p)] = true
	}
	var missing []string
	for p, n := range t {
		if !bytes.HasPrefix(n.content, []byte(elf.ELFMAG)) {
			continue
		}
		f, err := elf.NewFile(bytes.NewReader(n.content))
		if err != nil {
			continue // not for this loader: firmware, object files
		}
		needs, err := f.ImportedLibraries()
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		for _, lib := range needs {
			if !have[lib] {
				missing = append(missing, p+" needs "+lib)
			}
		}
	}
	sort.Strings(missing)
	if len(missing) > 0 {
		return fmt.Errorf("libraries are missing:\n  %s", strings.Join(missing, "\n  "))
	}
	return nil
}

func (t tree) clone() tree {
	c := make(tree, len(t))
	maps.Copy(c, t)
	return c
}

// version is that of an installed package.
func (t tree) version(pkg string) string {
	for line := range strings.Lines(string(t["var/lib/dpkg/status.d/"+pkg].content)) {
		if v, ok := strings.CutPrefix(line, "Version: "); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// without removes what another tree has in the same form: what a lower layer holds.
func (t tree) without(lower tree) tree {
	rest := tree{}
	for p, n := range t {
		if l, ok := lower[p]; !ok || !bytes.Equal(l.content, n.content) || !sameHeader(l.header, n.header) {
			rest[p] = n
		}
	}
	return rest
}

func sameHeader(a, b tar.Header) bool {
	return a.Typeflag == b.Typeflag && a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid && a.Linkname == b.Linkname
}

// layer writes the tree in order of paths, all times equal.
func (t tree) layer() (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	paths := make([]string, 0, len(t))
	for p := range t {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths {
		n := t[p]
		h := n.header
		h.Name, h.ModTime, h.Format = p, epoch, tar.FormatPAX
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		if _, err := w.Write(n.content); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(buf.Bytes())), nil
	})
}
