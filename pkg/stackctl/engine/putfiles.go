package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"path"

	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// PutFiles writes files below a folder of a container, as root's and with their
// modes; folders between are made for root alone. The folder must be on a volume
// where the container's root is read-only.
func (e *Engine) PutFiles(ctx context.Context, container, dir string, files []stack.File) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	made := map[string]bool{".": true}
	for _, f := range files {
		if at := path.Dir(f.Path); !made[at] {
			made[at] = true
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: at + "/", Mode: 0o700}); err != nil {
				return fmt.Errorf("pack %s: %w", at, err)
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: f.Path, Mode: int64(f.Mode.Perm()), Size: int64(len(f.Content))}); err != nil {
			return fmt.Errorf("pack %s: %w", f.Path, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return fmt.Errorf("pack %s: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := e.api.CopyToContainer(ctx, container, client.CopyToContainerOptions{DestinationPath: dir, Content: &archive})
	if err != nil {
		return stepFault(ctx, "write into "+dir+" of container "+container, err, "")
	}
	return nil
}
