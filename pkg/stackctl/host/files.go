package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/pkg/sftp"
)

// ReadLimit bounds what ReadFile takes.
const ReadLimit = 64 << 20

// channel is the one SFTP channel, opened when it is first needed.
func (c *Conn) channel(ctx context.Context) (*sftp.Client, error) {
	c.files.Lock()
	defer c.files.Unlock()
	if c.sftp != nil {
		return c.sftp, nil
	}
	client, err := await(ctx, func() (*sftp.Client, error) {
		return c.client.NewSftp(sftp.UseConcurrentWrites(true))
	}, func(s *sftp.Client) { _ = s.Close() })
	if err != nil {
		return nil, channelFault(ctx, err)
	}
	c.sessions.Add(1)
	c.sftp = client
	return client, nil
}

// file runs one file operation; what and at name it in an error.
func file[T any](ctx context.Context, c *Conn, what, at string, do func(*sftp.Client) (T, error)) (T, error) {
	var none T
	if strings.ContainsRune(at, 0) || at == "" {
		return none, c.fail(ctx, what+" "+at, fs.ErrInvalid)
	}
	s, err := c.channel(ctx)
	if err != nil {
		return none, c.fail(ctx, what+" "+at, err)
	}
	c.opened.Add(1)
	v, err := await(ctx, func() (T, error) { return do(s) }, nil)
	return v, c.fail(ctx, what+" "+at, err)
}

// ReadFile reads a file of at most ReadLimit bytes. One that is not there is
// fs.ErrNotExist.
func (c *Conn) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return file(ctx, c, "read", name, func(s *sftp.Client) ([]byte, error) {
		// A pipe in its place would be waited for without an end.
		if info, err := s.Stat(name); err != nil {
			return nil, err
		} else if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("it is %s, where an ordinary file belongs: move it away", kind(info.Mode()))
		}
		f, err := s.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		content, err := io.ReadAll(io.LimitReader(f, ReadLimit+1))
		if err == nil && len(content) > ReadLimit {
			return nil, fmt.Errorf("it is larger than %d MB", ReadLimit>>20)
		}
		return content, err
	})
}

// Stat describes a file, following links. One that is not there is
// fs.ErrNotExist.
func (c *Conn) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return file(ctx, c, "look at", name, func(s *sftp.Client) (fs.FileInfo, error) { return s.Stat(name) })
}

// List names what is in a folder, sorted by nothing. A folder that is not
// there is fs.ErrNotExist.
func (c *Conn) List(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	return file(ctx, c, "list", dir, func(s *sftp.Client) ([]fs.FileInfo, error) { return s.ReadDirContext(ctx, dir) })
}

// MkdirAll makes a folder and those above it; the last one gets mode, whether
// it was there or not.
func (c *Conn) MkdirAll(ctx context.Context, dir string, mode fs.FileMode) error {
	_, err := file(ctx, c, "make folder", dir, func(s *sftp.Client) (struct{}, error) {
		if err := s.MkdirAll(dir); err != nil {
			return struct{}{}, err
		}
		info, err := s.Stat(dir)
		if err == nil && info.Mode().Perm() != mode.Perm() {
			err = s.Chmod(dir, mode)
		}
		return struct{}{}, err
	})
	return err
}

// Remove removes a file or an empty folder; one that is not there is no error.
func (c *Conn) Remove(ctx context.Context, name string) error {
	_, err := file(ctx, c, "remove", name, func(s *sftp.Client) (struct{}, error) { return struct{}{}, s.Remove(name) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveAll removes a folder with what is in it. The path must be absolute and
// at least two folders deep, so that a slip cannot empty the server.
func (c *Conn) RemoveAll(ctx context.Context, dir string) error {
	if dir != path.Clean(dir) || !path.IsAbs(dir) || strings.Count(dir, "/") < 2 {
		return c.fail(ctx, "remove folder "+dir, fs.ErrInvalid)
	}
	out, err := c.Run(ctx, "rm", "-rf", "--", dir)
	if err == nil && out.Exit != 0 {
		err = c.fail(ctx, "remove folder "+dir, errors.New(lastLine(out.Stderr)))
	}
	return err
}

// Rename gives a file another name on the same filesystem, in one instant. A
// file that has that name already is replaced.
func (c *Conn) Rename(ctx context.Context, from, to string) error {
	_, err := file(ctx, c, "rename "+from+" to", to, func(s *sftp.Client) (struct{}, error) {
		return struct{}{}, s.PosixRename(from, to)
	})
	return err
}

// lastLine is the last line that a command said, for an error.
func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	line := lines[len(lines)-1]
	return line[:min(len(line), 400)]
}
