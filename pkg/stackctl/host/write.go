package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/stack"
)

// writers is how many files are written at a time; more is no faster.
const writers = 16

// Scratch is the folder under a root where WriteFiles puts temporary names: on
// the same filesystem, and outside every folder that a program watches.
const Scratch = "tmp"

// createNew are the flags of a file that must not be there yet.
const createNew = os.O_WRONLY | os.O_CREATE | os.O_EXCL

// DiskFullError means that the server has no room for a file.
type DiskFullError struct {
	Path   string
	Needed int64
	Free   int64
	// NoInodes reports whether there is room, but no file can be added.
	NoInodes bool
}

func (e *DiskFullError) Error() string {
	if e.NoInodes {
		return fmt.Sprintf("the filesystem of %s has no free inode; remove old files there", e.Path)
	}
	return fmt.Sprintf("disk full: %s needs %d bytes, its filesystem has %d free; free some with `docker image prune`, `docker builder prune`, by removing old releases, or enlarge the disk",
		e.Path, e.Needed, e.Free)
}

// Unwrap lets errors.Is find ENOSPC.
func (e *DiskFullError) Unwrap() error { return syscall.ENOSPC }

// WriteFile writes a file so that nobody ever sees half of it: under a
// temporary name beside it, to the disk, then renamed.
func (c *Conn) WriteFile(ctx context.Context, name string, content []byte, mode fs.FileMode) error {
	return c.WriteFileVia(ctx, path.Dir(name), name, content, mode)
}

// WriteFileVia is WriteFile with the temporary name in another folder of the
// same filesystem, for a file in a folder that a program watches.
func (c *Conn) WriteFileVia(ctx context.Context, tmpDir, name string, content []byte, mode fs.FileMode) error {
	_, err := file(ctx, c, "write", name, func(s *sftp.Client) (struct{}, error) {
		tmp, err := writeTemporary(s, tmpDir, name, bytes.NewReader(content), mode)
		if err == nil {
			if err = s.PosixRename(tmp, name); err != nil {
				_ = s.Remove(tmp)
			}
		}
		return struct{}{}, full(s, tmpDir, name, len(content), err)
	})
	return err
}

// writeTemporary writes content under a new name in dir and returns that name.
func writeTemporary(s *sftp.Client, dir, name string, content io.Reader, mode fs.FileMode) (string, error) {
	tmp := path.Join(dir, "."+path.Base(name)+"."+rand.Text()[:10]+".tmp")
	f, err := s.OpenFile(tmp, createNew)
	if err != nil {
		return "", err
	}
	// The mode comes first: a secret is never readable, not even while it is written.
	err = f.Chmod(mode.Perm())
	if err == nil {
		_, err = io.Copy(f, content)
	}
	if _, can := s.HasExtension("fsync@openssh.com"); can && err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = s.Remove(tmp)
		return "", err
	}
	return tmp, nil
}

// full tells a full disk, a read-only one and a folder in the way from other
// failures: SFTP has one code for all of them.
func full(s *sftp.Client, dir, name string, size int, err error) error {
	var status *sftp.StatusError
	if err == nil || !errors.As(err, &status) || status.FxCode() != sftp.ErrSSHFxFailure {
		return err
	}
	disk, look := s.StatVFS(dir)
	if look != nil {
		return err
	}
	free := int64(disk.Bavail * disk.Frsize) //nolint:gosec // no disk is that large
	switch {
	case free < int64(size)+int64(disk.Frsize): //nolint:gosec // as above
		return &DiskFullError{Path: name, Needed: int64(size), Free: free}
	case disk.Files > 0 && disk.Favail == 0:
		return &DiskFullError{Path: name, NoInodes: true}
	case disk.Flag&readOnly != 0:
		return stack.Fault(stack.CauseStep, "the file system of "+dir, fmt.Errorf("it is mounted read-only: %w", syscall.EROFS),
			"`dmesg` and `findmnt -T "+dir+"` on the host tell why; make it writable, then run the same command again")
	}
	return inTheWay(s, name, err)
}

// readOnly is the flag of a filesystem that takes no writes (ST_RDONLY).
const readOnly = 1

// inTheWay names what stands in the place of a file, where that is why it cannot
// be written.
func inTheWay(s *sftp.Client, name string, err error) error {
	there, look := s.Lstat(name)
	if look != nil || there.Mode().IsRegular() {
		return err
	}
	return fmt.Errorf("%s is %s, where an ordinary file belongs: move it away (%w)", name, kind(there.Mode()), err)
}

// kind is what a name stands for, in a word.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "no ordinary file"
}

// WriteFiles writes those files under root whose content or mode differs from
// what is there, and returns their paths, sorted. Paths are relative to root.
func (c *Conn) WriteFiles(ctx context.Context, root string, files []stack.File) ([]string, error) {
	names := make([]string, len(files))
	for i, f := range files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return nil, c.fail(ctx, "write "+f.Path, fmt.Errorf("the path is not inside %s: %w", root, fs.ErrInvalid))
		}
		names[i] = f.Path
	}
	there, err := c.inspect(ctx, root, names)
	if err != nil {
		return nil, err
	}
	var write []stack.File
	for _, f := range files {
		want := entry{f.Hash(), f.Mode.Perm()}
		if there[f.Path] != want && (want.hash != stack.FolderHash || there[f.Path].hash != stack.FolderHash) {
			write = append(write, f)
		}
	}
	if len(write) == 0 {
		return nil, nil
	}
	if err := c.mkdirs(ctx, root, write); err != nil {
		return nil, err
	}
	return c.writeAll(ctx, root, write)
}

// mkdirsScript makes folders that every user may enter, whatever the umask is:
// programs in containers do not run as the user who deploys. The ones right
// below the root ($1) are that user's alone, so that nobody else on the host
// reads what is in them; the Engine mounts from them all the same.
const mkdirsScript = `umask 022; mkdir -p -- "$1" || exit 1; cd -- "$1" || exit 1; shift
for d do [ -d "$d" ] || mkdir -m 700 -- "$d" || exit 1; done
exec xargs -0 -r mkdir -p --`

// mkdirs makes the folders that files go to, those among files, and the
// scratch folder.
func (c *Conn) mkdirs(ctx context.Context, root string, files []stack.File) error {
	dirs, tops := []string{Scratch}, []string{Scratch}
	for _, f := range files {
		dir := f.Path
		if f.Mode&fs.ModeDir == 0 {
			dir = path.Dir(dir)
		}
		dirs = append(dirs, dir)
		if top, _, _ := strings.Cut(dir, "/"); top != "edge" && top != "." { // whose folder provision makes
			tops = append(tops, top)
		}
	}
	for _, list := range []*[]string{&dirs, &tops} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	out, err := c.RunInput(ctx, strings.NewReader(strings.Join(dirs, "\x00")), append([]string{"sh", "-c", mkdirsScript, "sh", root}, tops...)...)
	if err == nil && out.Exit != 0 {
		err = c.fail(ctx, "make folders under "+root, errors.New(lastLine(out.Stderr)))
	}
	return err
}

func (c *Conn) writeAll(ctx context.Context, root string, files []stack.File) ([]string, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	var lock sync.Mutex
	var written []string
	for _, f := range files {
		group.Go(func() error {
			err := c.writeOne(ctx, root, f)
			if err == nil {
				lock.Lock()
				defer lock.Unlock()
				written = append(written, f.Path)
			}
			return err
		})
	}
	err := group.Wait()
	slices.Sort(written)
	return written, err
}

// writeOne writes one file of a release; a folder is made already.
func (c *Conn) writeOne(ctx context.Context, root string, f stack.File) error {
	tmp, name := path.Join(root, Scratch), path.Join(root, f.Path)
	switch {
	case f.Mode&fs.ModeDir != 0:
		return nil
	case f.Source == "":
		return c.WriteFileVia(ctx, tmp, name, f.Content, f.Mode)
	}
	return c.stream(ctx, tmp, name, f)
}

// Hashes maps those of paths that are files under root to the SHA-256 of their
// content, in hex, or to Unreadable; folders to stack.FolderHash.
func (c *Conn) Hashes(ctx context.Context, root string, paths []string) (map[string]string, error) {
	there, err := c.inspect(ctx, root, paths)
	hashes := make(map[string]string, len(there))
	for name, e := range there {
		hashes[name] = e.hash
	}
	return hashes, err
}

// entry is what is compared of a file.
type entry struct {
	hash string
	mode fs.FileMode
}

// Unreadable is in the place of the hash of a file that the user who deploys
// may not read. It differs from every hash, so such a file is written anew.
const Unreadable = "unreadable"

// inspectScript reads NUL-separated paths and prints the hash of each file
// that is there, then the mode of each.
const inspectScript = `cd -- "$1" 2>/dev/null || exit 0
LC_ALL=C exec xargs -0 -r sh -c 'for f do
  shift
  if [ -d "$f" ]; then printf "folder  %s\0" "$f"; continue; fi
  [ -f "$f" ] || continue
  if [ -r "$f" ]; then set -- "$@" "$f"; else printf "unreadable  %s\0" "$f"; fi
done
[ $# -gt 0 ] || exit 0
sha256sum -z -- "$@" && stat -L --printf "%a  %n\0" -- "$@"' sh`

func (c *Conn) inspect(ctx context.Context, root string, paths []string) (map[string]entry, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	out, err := c.RunInput(ctx, strings.NewReader(strings.Join(paths, "\x00")), "sh", "-c", inspectScript, "sh", root)
	if err == nil && out.Exit != 0 {
		err = c.fail(ctx, "compare the files under "+root, errors.New(lastLine(out.Stderr)))
	}
	if err != nil {
		return nil, err
	}
	there, err := entries(out.Stdout)
	return there, c.fail(ctx, "compare the files under "+root, err)
}

// entries reads what inspectScript prints.
func entries(printed []byte) (map[string]entry, error) {
	there := map[string]entry{}
	for line := range strings.SplitSeq(string(printed), "\x00") {
		value, name, found := strings.Cut(line, "  ")
		e := there[name]
		switch {
		case !found:
			continue
		case value == Unreadable, value == stack.FolderHash, len(value) == hex.EncodedLen(sha256.Size):
			e.hash = value
		default:
			mode, err := strconv.ParseUint(value, 8, 32)
			if err != nil {
				return nil, err
			}
			e.mode = fs.FileMode(mode)
		}
		there[name] = e
	}
	return there, nil
}
