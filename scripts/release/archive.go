package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"
)

// member is a file of an archive.
type member struct {
	name string // in the archive's folder
	from string
	mode os.FileMode
}

// texts are the files of the repository that every archive holds.
var texts = []string{"LICENSE", "NOTICE", "README.md"}

// archiveName is the name of the archive of a platform.
func (r *release) archiveName(p platform) string {
	ending := ".tar.gz"
	if p.os == "windows" {
		ending = ".zip"
	}
	return r.base(p) + ending
}

// base is the name of what there is once per platform, without an ending.
func (r *release) base(p platform) string {
	return "stackctl_" + r.number() + "_" + p.os + "_" + p.arch
}

// archives packs one archive per platform.
func (r *release) archives(context.Context) error {
	for _, p := range r.platforms {
		members, err := r.members(p)
		if err != nil {
			return err
		}
		pack := r.tarball
		if p.os == "windows" {
			pack = r.zipped
		}
		if err := into(r.file(r.archiveName(p)), func(w io.Writer) error { return pack(w, r.base(p), members) }); err != nil {
			return err
		}
	}
	return nil
}

// members are the files of a platform's archive, sorted.
func (r *release) members(p platform) ([]member, error) {
	program := r.program(p)
	all := []member{{filepath.Base(program), program, 0o755}}
	for _, name := range texts {
		all = append(all, member{name, filepath.Join(r.root, name), 0o644})
	}
	for _, folder := range []string{"man", "completions"} {
		files, err := os.ReadDir(filepath.Join(r.work, folder))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			all = append(all, member{path.Join(folder, f.Name()), filepath.Join(r.work, folder, f.Name()), 0o644})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all, nil
}

// into writes a new file.
func into(file string, write func(io.Writer) error) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// compressed writes through gzip, which notes neither name nor time.
func compressed(w io.Writer, write func(io.Writer) error) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}

func (r *release) tarball(w io.Writer, folder string, members []member) error {
	return compressed(w, func(z io.Writer) error {
		t := tar.NewWriter(z)
		for _, m := range members {
			content, err := os.ReadFile(m.from)
			if err != nil {
				return err
			}
			h := &tar.Header{Name: folder + "/" + m.name, Mode: int64(m.mode), Size: int64(len(content)), ModTime: r.date, Format: tar.FormatUSTAR, Uname: "root", Gname: "root"}
			if err := t.WriteHeader(h); err != nil {
				return err
			}
			if _, err := t.Write(content); err != nil {
				return err
			}
		}
		return t.Close()
	})
}

func (r *release) zipped(w io.Writer, folder string, members []member) error {
	z := zip.NewWriter(w)
	for _, m := range members {
		content, err := os.ReadFile(m.from)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: folder + "/" + m.name, Method: zip.Deflate, Modified: r.date}
		h.SetMode(m.mode)
		f, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(content); err != nil {
			return err
		}
	}
	return z.Close()
}
