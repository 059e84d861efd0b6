package build

import (
	"io/fs"
	"path/filepath"

	"github.com/tonistiigi/fsutil/types"
)

// link is where a symbolic link of a context leads.
func link(info fs.FileInfo) string {
	if s, ok := info.Sys().(*types.Stat); ok {
		return filepath.ToSlash(s.Linkname)
	}
	return ""
}
