package backup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds one frame of the content.
const maxFrame = 1 << 20

// frames writes the content of a backup in frames: the length in four bytes,
// big end first, and as many bytes. A length of zero ends it; the JSON of its
// Contents follows as one more frame.
type frames struct{ w io.Writer }

func (f frames) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		part := p[done:min(len(p), done+maxFrame)]
		if err := f.frame(part); err != nil {
			return done, err
		}
		done += len(part)
	}
	return done, nil
}

func (f frames) frame(p []byte) error {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(p))) //nolint:gosec // bounded by maxManifest
	if _, err := f.w.Write(length[:]); err != nil {
		return err
	}
	_, err := f.w.Write(p)
	return err
}

// end closes the content with what it holds.
func (f frames) end(c Contents) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if len(raw) > maxManifest {
		return fmt.Errorf("the list of what it holds has %d bytes, more than %d", len(raw), maxManifest)
	}
	if err := f.frame(nil); err != nil {
		return err
	}
	return f.frame(raw)
}

// content reads what follows a manifest. At io.EOF, what it holds is in the manifest.
type content struct {
	r        *bufio.Reader
	manifest *Manifest
	framed   bool
	left     uint32
	ended    bool
}

func (c *content) Read(p []byte) (int, error) {
	if !c.framed {
		return c.r.Read(p)
	}
	if c.ended {
		return 0, io.EOF
	}
	if c.left == 0 {
		n, err := c.length(maxFrame)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, c.finish()
		}
		c.left = n
	}
	n, err := c.r.Read(p[:min(len(p), int(c.left))])
	c.left -= uint32(n) //nolint:gosec // at most c.left
	if errors.Is(err, io.EOF) {
		err = unread("it ends within its content", err)
	}
	return n, err
}

func (c *content) length(most uint32) (uint32, error) {
	var raw [4]byte
	if _, err := io.ReadFull(c.r, raw[:]); err != nil {
		return 0, unread("it ends within its content", err)
	}
	n := binary.BigEndian.Uint32(raw[:])
	if n > most {
		return 0, refused("its content is not one of a backup", nil)
	}
	return n, nil
}

// finish reads the list of what the content holds, which is the last of a backup.
func (c *content) finish() error {
	n, err := c.length(maxManifest)
	if err != nil {
		return err
	}
	var raw bytes.Buffer
	if got, err := io.CopyN(&raw, c.r, int64(n)); err != nil || got != int64(n) {
		return unread("it ends within the list of what it holds", err)
	}
	dec := json.NewDecoder(&raw)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c.manifest.Contents); err != nil {
		return refused("the list of what it holds cannot be read", err)
	}
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		return unread("it does not end where it should", err)
	}
	c.ended = true
	if err := c.manifest.Contents.check(); err != nil {
		return err
	}
	return io.EOF
}
