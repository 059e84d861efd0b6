package release

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"stackctl/pkg/stackctl/build"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// What a mounted folder may hold. Files above inMemory are streamed to the
// server, the others are read once, so that what was judged is what is sent.
const (
	maxFile    = 256 << 20
	maxFolder  = 1 << 30
	maxEntries = 20000
	inMemory   = 1 << 20
)

// tree is what a local folder holds, for the server: the execute bit travels
// with a file, nothing else of its mode does.
type tree struct {
	// bounds is the folder that symbolic links must not lead out of.
	bounds string
	// without are paths in the tree that are left out, but for their place.
	without map[string]bool
	// skip are local paths that are left out altogether.
	skip  []string
	files []stack.File
	bytes int64
}

// readTree reads a folder into a tree. Symbolic links inside bounds are followed, others
// refused with their place; empty folders are kept.
func readTree(t tree, dir string) (tree, error) {
	at, err := filepath.EvalSymlinks(dir)
	if err == nil {
		err = t.folder(at, "", []string{at})
	}
	return t, err
}

// folder adds a folder's entries; above are the folders that it is in, by
// their real paths.
func (t *tree) folder(dir, at string, above []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) == 0 && at != "" {
		return t.add(stack.File{Path: at, Mode: fs.ModeDir | 0o755})
	}
	for _, e := range entries {
		if err := t.entry(filepath.Join(dir, e.Name()), path.Join(at, e.Name()), above); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) entry(file, at string, above []string) error {
	if contains(t.skip, file) {
		return nil
	}
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		link := file
		if file, err = t.follow(link); err != nil {
			return err
		}
		if info, err = os.Stat(file); err != nil {
			return err
		}
		if info.IsDir() && contains(above, file) {
			return fmt.Errorf("the link %s leads to a folder that it is in", link)
		}
	}
	switch {
	case t.without[at] && info.IsDir():
		return t.add(stack.File{Path: at, Mode: fs.ModeDir | 0o755})
	case t.without[at]:
		return t.add(stack.File{Path: at, Mode: 0o444})
	case info.IsDir():
		return t.folder(file, at, append(above[:len(above):len(above)], file))
	}
	f, err := readFile(file, at)
	if err != nil {
		return err
	}
	return t.add(f)
}

// follow is where a link leads, if that is inside the project.
func (t *tree) follow(link string) (string, error) {
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		target, _ := os.Readlink(link)
		return "", fmt.Errorf("the link %s leads to %s, which is not there", link, target)
	}
	bounds, err := filepath.EvalSymlinks(t.bounds)
	if err != nil {
		return "", err
	}
	if !within(bounds, to) {
		return "", fmt.Errorf("the link %s leads out of the project, to %s", link, to)
	}
	return to, nil
}

func (t *tree) add(f stack.File) error {
	t.files = append(t.files, f)
	t.bytes += max(f.Bytes, int64(len(f.Content)))
	switch {
	case len(t.files) > maxEntries:
		return fmt.Errorf("the folder holds more than %d files", maxEntries)
	case t.bytes > maxFolder:
		return fmt.Errorf("the folder holds more than %d MB", maxFolder>>20)
	}
	return nil
}

// has reports whether a path is in the tree.
func (t *tree) has(at string) bool {
	for _, f := range t.files {
		if f.Path == at || strings.HasPrefix(f.Path, at+"/") {
			return true
		}
	}
	return false
}

// hash is over what the tree holds.
func (t *tree) hash() string {
	h := sha256.New()
	for _, f := range t.files {
		partOf(h, f)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// readFile is a local file as it goes to the server, under a name there.
func readFile(file, name string) (stack.File, error) {
	info, err := os.Stat(file)
	if err != nil {
		return stack.File{}, err
	}
	f := stack.File{Path: name, Mode: 0o444}
	if info.Size() > maxFile {
		return f, fmt.Errorf("%s: %d MB are more than the %d that a file may have", file, info.Size()>>20, maxFile>>20)
	}
	if info.Mode().IsRegular() && info.Size() > inMemory {
		f.Source, f.Bytes = file, info.Size()
		var head []byte
		f.Sum, head, err = sumOf(file)
		f.Mode |= executable(info.Mode(), head)
		return f, err
	}
	if f.Content, err = given.Read(file, inMemory); err != nil {
		return f, err
	}
	f.Mode |= executable(info.Mode(), f.Content)
	return f, nil
}

// executable is the execute bit of a file. Windows keeps none: there a program or
// a script is known by how it begins.
func executable(mode fs.FileMode, content []byte) fs.FileMode {
	if mode&0o111 != 0 || runtime.GOOS == "windows" && build.Executable(content) {
		return 0o111
	}
	return 0
}

// sumOf is the SHA-256 of a file, and its first bytes.
func sumOf(file string) (sum string, head []byte, err error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = f.Close() }()
	head = make([]byte, 2)
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxFile+1))
	if err == nil && n > maxFile {
		err = errors.New(file + " grew while it was read")
	}
	if _, e := f.ReadAt(head, 0); e != nil && err == nil {
		err = e
	}
	return hex.EncodeToString(h.Sum(nil)), head, err
}

// ofDatabase are names that a database's own files have, which are never sent:
// a copy of a running database is a broken one.
var ofDatabase = []string{"PG_VERSION", "ibdata1", "WiredTiger", "appendonlydir", "dump.rdb", "appendonly.aof", "mnesia"}

// database reports whether a local folder is the data of a database.
func database(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if contains(ofDatabase, e.Name()) {
			return true
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), "pgdata") {
			if _, err := os.Stat(filepath.Join(dir, e.Name(), "PG_VERSION")); err == nil {
				return true
			}
		}
	}
	return false
}
