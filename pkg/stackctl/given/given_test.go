package given

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOrdinaryFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("12345"), 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link} {
		if raw, err := Read(name, 5); err != nil || string(raw) != "12345" {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
	}
	if _, err := Read(file, 4); err == nil || !strings.Contains(err.Error(), "larger than the 4 bytes") {
		t.Errorf("too large: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestWhatNeverEndsIsNotRead(t *testing.T) {
	for file, want := range map[string]string{t.TempDir(): "a directory", os.DevNull: "no ordinary file"} {
		if _, err := Read(file, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
