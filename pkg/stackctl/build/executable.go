package build

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// Executable reports whether a file that begins so is a program or a script. On
// Windows, where files have no execute bit, that is how both are known.
func Executable(head []byte) bool {
	return bytes.HasPrefix(head, []byte("#!")) || bytes.HasPrefix(head, []byte("\x7fELF"))
}

// executables takes the execute bit from what is no program: of a file of Windows
// every one is said to be.
func executables(dir string) fsutil.MapFunc {
	return func(path string, stat *types.Stat) fsutil.MapResult {
		mode := fs.FileMode(stat.Mode)
		if mode.IsRegular() && !Executable(headOf(filepath.Join(dir, path))) {
			stat.Mode = uint32(mode &^ 0o111)
		}
		return fsutil.MapResultKeep
	}
}

// headOf are the first bytes of a file; none where it cannot be read.
func headOf(file string) []byte {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 {
		return nil
	}
	return head[:n]
}
