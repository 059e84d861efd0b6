package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pkg/sftp"

	"stackctl/pkg/stackctl/stack"
)

// stream writes a large file as it is read, and gives it its name once it is
// known to be the one that the release was made of.
func (c *Conn) stream(ctx context.Context, tmpDir, name string, f stack.File) error {
	local, err := os.Open(filepath.Clean(f.Source))
	if err != nil {
		return c.fail(ctx, "send "+f.Source, err)
	}
	defer func() { _ = local.Close() }()
	_, err = file(ctx, c, "write", name, func(s *sftp.Client) (struct{}, error) {
		sum := sha256.New()
		tmp, err := writeTemporary(s, tmpDir, name, io.TeeReader(local, sum), f.Mode)
		if err == nil {
			if hex.EncodeToString(sum.Sum(nil)) != f.Sum {
				err = fmt.Errorf("%s was changed since the release was made of it: %w", f.Source, errChanged)
			} else {
				err = s.PosixRename(tmp, name)
			}
			if err != nil {
				_ = s.Remove(tmp)
			}
		}
		return struct{}{}, full(s, tmpDir, name, int(f.Bytes), err)
	})
	return err
}

var errChanged = errors.New("deploy again")
