//go:build linux

package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWriteFileReplacesInOneInstant(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "routes.yml")
	must(t, os.WriteFile(name, []byte("before"), 0o600))
	open, err := os.Open(name)
	must(t, err)
	defer open.Close()
	must(t, c.WriteFile(t.Context(), name, []byte("after"), 0o640))
	content, _ := os.ReadFile(name)
	info, err := os.Stat(name)
	if must(t, err); string(content) != "after" || info.Mode().Perm() != 0o640 {
		t.Errorf("%q %v", content, info.Mode())
	}
	old := make([]byte, 10)
	if n, _ := open.Read(old); string(old[:n]) != "before" {
		t.Errorf("the old file was written into: %q", old[:n])
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteFileViaKeepsTemporariesOutOfAWatchedFolder(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	root := t.TempDir()
	watched, tmp := filepath.Join(root, "dynamic"), filepath.Join(root, "tmp")
	must(t, os.Mkdir(watched, 0o755))
	must(t, os.Mkdir(tmp, 0o755))
	watch, err := syscall.InotifyInit1(syscall.IN_NONBLOCK)
	must(t, err)
	defer syscall.Close(watch)
	_, err = syscall.InotifyAddWatch(watch, watched, syscall.IN_CREATE|syscall.IN_MOVED_TO|syscall.IN_CLOSE_WRITE)
	must(t, err)
	must(t, c.WriteFileVia(t.Context(), tmp, filepath.Join(watched, "a.yml"), []byte("x"), 0o644))
	events := make([]byte, 4096)
	n, err := syscall.Read(watch, events)
	must(t, err)
	seen := string(bytes.ReplaceAll(events[:n], []byte{0}, nil))
	if strings.Count(seen, "a.yml") != 1 || strings.Contains(seen, ".tmp") {
		t.Errorf("the watched folder saw %q", seen)
	}
}

func TestWriteFilesWritesOnlyWhatDiffers(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	root := filepath.Join(t.TempDir(), "shop") // is not there yet
	var files []stack.File
	for i := range 200 {
		files = append(files, stack.File{Path: fmt.Sprintf("releases/%d/it's a \"file\"\n%d", i%7, i), Mode: 0o644, Content: []byte(strings.Repeat(fmt.Sprint(i), i))})
	}
	files = append(files, stack.File{Path: "secrets/key", Mode: 0o600, Content: []byte("s")})
	written, err := c.WriteFiles(t.Context(), root, files)
	must(t, err)
	if len(written) != len(files) || !slices.IsSorted(written) {
		t.Fatalf("wrote %d of %d", len(written), len(files))
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(root, f.Path))
		must(t, err)
		info, _ := os.Stat(filepath.Join(root, f.Path))
		if !bytes.Equal(content, f.Content) || info.Mode().Perm() != f.Mode {
			t.Fatalf("%q is wrong on the server", f.Path)
		}
	}
	before := c.Stats()
	written, err = c.WriteFiles(t.Context(), root, files)
	if must(t, err); len(written) != 0 {
		t.Errorf("unchanged, but wrote %q", written)
	}
	if n := c.Stats().Sessions - before.Sessions; n != 1 {
		t.Errorf("comparing took %d sessions, want 1", n)
	}
	must(t, os.WriteFile(filepath.Join(root, files[3].Path), []byte("edited by hand"), 0o644))
	must(t, os.Remove(filepath.Join(root, files[5].Path)))
	must(t, os.Chmod(filepath.Join(root, "secrets/key"), 0o644))
	want := []string{files[3].Path, files[5].Path, "secrets/key"}
	slices.Sort(want)
	written, err = c.WriteFiles(t.Context(), root, files)
	if must(t, err); !slices.Equal(written, want) {
		t.Errorf("wrote %q, want %q", written, want)
	}
	if left, _ := os.ReadDir(filepath.Join(root, Scratch)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteFilesStaysUnderItsRoot(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	for _, name := range []string{"../out", "/etc/out", "a/../../out", "", ".", "a//b"} {
		if _, err := c.WriteFiles(t.Context(), t.TempDir(), []stack.File{{Path: name, Mode: 0o644}}); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestHashesLeaveOutWhatIsNotThere(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "-n a"), []byte("hello"), 0o600))
	must(t, os.Mkdir(filepath.Join(root, "folder"), 0o700))
	got, err := c.Hashes(t.Context(), root, []string{"-n a", "folder", "missing"})
	must(t, err)
	want, err := exec.Command("sha256sum", filepath.Join(root, "-n a")).Output()
	must(t, err)
	if len(got) != 2 || got["-n a"] != string(want[:64]) || got["folder"] != stack.FolderHash {
		t.Errorf("got %v", got)
	}
	got, err = c.Hashes(t.Context(), filepath.Join(root, "nowhere"), []string{"x"})
	if err != nil || len(got) != 0 {
		t.Errorf("no root: %v %v", got, err)
	}
}

func TestFileOperations(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	root := t.TempDir()
	in := func(name string) string { return filepath.Join(root, name) }
	if _, err := c.ReadFile(t.Context(), in("missing")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), in("missing")) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := c.List(t.Context(), in("missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	must(t, c.MkdirAll(t.Context(), in("a/b"), 0o700))
	must(t, c.MkdirAll(t.Context(), in("a/b"), 0o750))
	if info, err := c.Stat(t.Context(), in("a/b")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v %v", info, err)
	}
	must(t, c.WriteFile(t.Context(), in("a/b/f"), nil, 0o644))
	must(t, c.Rename(t.Context(), in("a/b/f"), in("a/b/g")))
	list, err := c.List(t.Context(), in("a/b"))
	if must(t, err); len(list) != 1 || list[0].Name() != "g" {
		t.Errorf("list %v", list)
	}
	if err := c.Remove(t.Context(), in("a")); err == nil {
		t.Error("a full folder was removed")
	}
	must(t, c.RemoveAll(t.Context(), in("a")))
	must(t, c.Remove(t.Context(), in("a")))
	for _, dir := range []string{"/", "/etc", "relative/path", "/tmp/../etc", "", "/tmp/"} {
		if err := c.RemoveAll(t.Context(), dir); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("RemoveAll(%q): %v", dir, err)
		}
	}
}

func TestFullDiskSaysWhatToFree(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	for name, c2 := range map[string]struct{ options, words string }{
		"bytes":  {"size=64k", "disk full"},
		"inodes": {"nr_inodes=1", "inode"},
	} {
		t.Run(name, func(t *testing.T) {
			disk := t.TempDir()
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", c2.options, "tmpfs", disk).CombinedOutput(); err != nil {
				t.Fatalf("mount a small disk: %v %s", err, out)
			}
			t.Cleanup(func() { syscall.Unmount(disk, 0) })
			target := filepath.Join(disk, "image.tar")
			err := c.WriteFile(t.Context(), target, make([]byte, 1<<20), 0o644)
			var full *DiskFullError
			if !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), target) || !strings.Contains(err.Error(), c2.words) {
				t.Fatalf("says %v", err)
			}
			if left, _ := os.ReadDir(disk); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// On a server it is not root who deploys.
func TestAFileThatMayNotBeReadIsOneThatDiffers(t *testing.T) {
	root := t.TempDir()
	must(t, os.Chmod(filepath.Dir(root), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "open"), []byte("x"), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "shut"), []byte("x"), 0))
	look := exec.Command("sh", "-c", inspectScript, "sh", root)
	look.Stdin = strings.NewReader("shut\x00open\x00gone")
	look.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := look.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	there, err := entries(out)
	if err != nil || len(there) != 2 || there["shut"].hash != Unreadable || len(there["open"].hash) != 64 || there["open"].mode != 0o644 {
		t.Errorf("%v %+v", err, there)
	}
}

func TestWhatStandsInTheWayOfAFileIsNamed(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	dir := t.TempDir()
	pipe, folder := filepath.Join(dir, "pipe"), filepath.Join(dir, "folder")
	must(t, syscall.Mkfifo(pipe, 0o600))
	must(t, os.MkdirAll(filepath.Join(folder, "full"), 0o700))
	for name, what := range map[string]string{pipe: "a named pipe", folder: "a folder"} {
		if _, err := c.ReadFile(t.Context(), name); err == nil || !strings.Contains(err.Error(), "it is "+what) {
			t.Errorf("read %s: %v", what, err)
		}
	}
	if err := c.WriteFile(t.Context(), folder, []byte("x"), 0o600); err == nil || !strings.Contains(err.Error(), "is a folder, where") {
		t.Errorf("write: %v", err)
	}
	must(t, c.WriteFile(t.Context(), pipe, []byte("x"), 0o600)) // the rename replaces it
}

func TestAReadOnlyDiskIsTold(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	dir := t.TempDir()
	must(t, exec.Command("mount", "-t", "tmpfs", "-o", "ro", "none", dir).Run())
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	err := c.WriteFile(t.Context(), filepath.Join(dir, "f"), []byte("x"), 0o600)
	_, fix := stack.Explain(err)
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "read-only") || !strings.Contains(fix, "findmnt -T "+dir) {
		t.Errorf("%v", err)
	}
}

// A server with umask 027 is a real one: a program in a container must still
// enter the folders that it has mounted, and nobody else on the server may.
func TestWriteFilesMakesFoldersThatContainersEnter(t *testing.T) {
	before := syscall.Umask(0o027)
	defer syscall.Umask(before)
	c := startSSHD(t, "").connect(t)
	root, large := t.TempDir(), filepath.Join(t.TempDir(), "geo.mmdb")
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	must(t, os.WriteFile(large, content, 0o600))
	sum := sha256.Sum256(content)
	files := []stack.File{
		{Path: "releases/1/files/conf/x", Mode: 0o444, Content: []byte("x")},
		{Path: "releases/1/files/conf/run", Mode: 0o555, Content: []byte("#!")},
		{Path: "releases/1/files/conf/empty", Mode: fs.ModeDir | 0o755},
		{Path: "releases/1/files/geo.mmdb", Mode: 0o444, Source: large, Sum: hex.EncodeToString(sum[:]), Bytes: int64(len(content))},
	}
	_, err := c.WriteFiles(t.Context(), root, files)
	must(t, err)
	for name, want := range map[string]fs.FileMode{"releases": fs.ModeDir | 0o700, "releases/1/files/conf": fs.ModeDir | 0o755, "releases/1/files/conf/empty": fs.ModeDir | 0o755,
		"releases/1/files/conf/x": 0o444, "releases/1/files/conf/run": 0o555, "releases/1/files/geo.mmdb": 0o444} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want mode %v", name, err, want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(root, "releases/1/files/geo.mmdb")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the large file arrived with %d bytes, %v", len(got), err)
	}
	written, err := c.WriteFiles(t.Context(), root, files)
	if must(t, err); len(written) != 0 {
		t.Errorf("unchanged, but wrote %q", written)
	}
	must(t, os.Remove(filepath.Join(root, "releases/1/files/geo.mmdb")))
	must(t, os.WriteFile(large, []byte("changed meanwhile"), 0o600))
	if _, err := c.WriteFiles(t.Context(), root, files); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Errorf("another content was sent: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(root, Scratch)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
