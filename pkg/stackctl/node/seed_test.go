//go:build linux

package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// writing is a local host that files are written to.
type writing struct{ local }

func (writing) WriteFiles(_ context.Context, root string, files []stack.File) ([]string, error) {
	for _, f := range append(files, stack.File{Path: "tmp", Mode: fs.ModeDir}) {
		name := filepath.Join(root, f.Path)
		dir := name
		if !f.Mode.IsDir() {
			dir = filepath.Dir(name)
		}
		before := syscall.Umask(0o022) // as the host's own WriteFiles does
		err := os.MkdirAll(dir, 0o755)
		syscall.Umask(before)
		if err == nil && !f.Mode.IsDir() {
			err = errors.Join(os.WriteFile(name, f.Content, f.Mode), os.Chmod(name, f.Mode))
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func TestAPersistentFolderIsMadeOnceAndNeverTouchedAgain(t *testing.T) {
	before := syscall.Umask(0o027) // some servers have it
	defer syscall.Umask(before)
	root := t.TempDir()
	list := []stack.Persistent{
		{Path: "data/app.db", File: true, Services: []string{"api"}, Seed: []stack.File{{Mode: 0o644, Content: []byte("rows")}}},
		{Path: "data/none", Services: []string{"api"}},
		{Path: "data/state", File: true, Services: []string{"api"}},
		{Path: "data/up", Services: []string{"api"}, Seed: []stack.File{{Path: "in/a", Mode: 0o644, Content: []byte("a")}, {Path: "run", Mode: 0o755, Content: []byte("#!")}, {Path: "empty", Mode: fs.ModeDir | 0o755}}},
		{Path: "data/up/later", Services: []string{"worker"}},
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(Seed(t.Context(), writing{}, root, list))
	for name, want := range map[string]fs.FileMode{
		"data": fs.ModeDir | 0o700, "data/app.db": 0o666, "data/none": fs.ModeDir | 0o777, "data/state": 0o666, "data/up": fs.ModeDir | 0o777,
		"data/up/in": fs.ModeDir | 0o777, "data/up/in/a": 0o644, "data/up/run": 0o755, "data/up/empty": fs.ModeDir | 0o777, "data/up/later": fs.ModeDir | 0o777,
	} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want mode %v", name, err, want)
		}
	}
	// What services did in the meantime stays, whatever the project has now.
	must(os.WriteFile(filepath.Join(root, "data/up/in/a"), []byte("uploaded"), 0o600))
	must(os.Remove(filepath.Join(root, "data/up/run")))
	must(os.WriteFile(filepath.Join(root, "data/app.db"), []byte("more rows"), 0o600))
	must(os.Remove(filepath.Join(root, "data/none")))
	must(os.Symlink("/elsewhere", filepath.Join(root, "data/none")))
	must(Seed(t.Context(), writing{}, root, list))
	for name, want := range map[string]string{"data/up/in/a": "uploaded", "data/app.db": "more rows"} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "data/up/run")); err == nil {
		t.Error("what a service removed was brought back")
	}
	if to, _ := os.Readlink(filepath.Join(root, "data/none")); to != "/elsewhere" {
		t.Errorf("a link that somebody made was replaced by %q", to)
	}
	if left, _ := os.ReadDir(filepath.Join(root, "tmp")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
