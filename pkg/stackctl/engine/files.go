package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// Bounds of what is read out of one container at once.
const (
	filesMost      = 500
	filesBytesMost = 16 << 20
)

// Files reads a file, or the files of a folder and below, as a container sees
// them: also what only the container's user may read, and what lies on its
// volumes. The path may be a link; links below it and devices are left out. Paths are absolute. A path that is
// not there gives no files.
func (e *Engine) Files(ctx context.Context, container, at string) ([]stack.File, error) {
	what := "read " + at + " in container " + container
	return e.files(ctx, what, container, path.Clean("/"+at), 2)
}

func (e *Engine) files(ctx context.Context, what, container, at string, links int) ([]stack.File, error) {
	res, err := e.api.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: at})
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer func() { _ = res.Content.Close() }()
	if res.Stat.Mode&fs.ModeSymlink != 0 && res.Stat.LinkTarget != "" && links > 0 {
		return e.files(ctx, what, container, path.Clean("/"+res.Stat.LinkTarget), links-1)
	}
	// The archive names its entries from the path's own last part on.
	files, err := unpack(res.Content, path.Dir(at))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return files, nil
}

// unpack reads the regular files of an archive into memory.
func unpack(archive io.Reader, dir string) ([]stack.File, error) {
	var out []stack.File
	left := int64(filesBytesMost)
	in := tar.NewReader(io.LimitReader(archive, filesBytesMost+filesMost*2048))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if left -= h.Size; left < 0 || len(out) >= filesMost {
			return nil, fmt.Errorf("more than %d files or %d bytes", filesMost, filesBytesMost)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		out = append(out, stack.File{Path: path.Join(dir, path.Clean("/"+h.Name)), Mode: h.FileInfo().Mode().Perm(), Content: content})
	}
}
