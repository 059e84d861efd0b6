// Package given owns the reading of files that the operator names: ordinary
// ones, of a bounded size. It must not know what is in them.
package given

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Most bounds a file that has no tighter bound of its own.
const Most = 16 << 20

// Read reads a file of at most so many bytes. A pipe, a device or a folder is
// refused at once: it may never end, or never begin.
func Read(file string, most int64) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if problem := ordinary(info.Mode()); problem != nil {
		return nil, &fs.PathError{Op: "read", Path: file, Err: problem}
	}
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	// What a file says of its size is not what it holds: see /proc.
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(raw)) > most {
		err = &fs.PathError{Op: "read", Path: file, Err: fmt.Errorf("is larger than the %d bytes that are read", most)}
	}
	if err != nil {
		return nil, err
	}
	return raw, nil
}

// ordinary says why a file of this kind is not read; nil: it is.
func ordinary(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("is a directory")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("is a pipe; an ordinary file is needed")
	}
	return errors.New("is no ordinary file")
}
