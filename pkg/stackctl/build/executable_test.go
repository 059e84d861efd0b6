package build

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tonistiigi/fsutil/types"
)

func TestOnWindowsProgramsAreKnownByHowTheyBegin(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content    string
		executable bool
	}{
		"script": {"#!/bin/sh\n", true}, "program": {"\x7fELF\x02\x01", true}, "text": {"hello", false}, "short": {"#", false}, "empty": {"", false}, "two": {"#!", true},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		stat := &types.Stat{Mode: 0o755}
		executables(dir)(name, stat)
		if got := stat.Mode&0o111 != 0; got != c.executable {
			t.Errorf("%s: mode %o", name, stat.Mode)
		}
	}
	folder := &types.Stat{Mode: uint32(fs.ModeDir | 0o755)}
	executables(dir)("", folder)
	if folder.Mode != uint32(fs.ModeDir|0o755) {
		t.Errorf("a folder has the mode %o", folder.Mode)
	}
}
