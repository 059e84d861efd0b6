package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// index counts what goes by in an archive, and sums it so that no order changes
// the sum. One part is what is below one name; the files at the top are one more.
type index struct {
	parts map[string]*part
	bytes int64
}

// top is the part of the folder itself and the files in it.
const top = "."

// maxParts bounds how many parts are told apart.
const maxParts = 5000

func newIndex() *index { return &index{parts: map[string]*part{}} }

func (x *index) read(r io.Reader) error {
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // tar fills its last record
			return err
		}
		if err != nil {
			return err
		}
		sum := newSums()
		if _, err := io.Copy(sum, in); err != nil { //nolint:gosec // it is hashed and kept nowhere; the size is the folder's own
			return err
		}
		x.add(h, sum)
	}
}

// part sums the entries below one name.
type part struct {
	entries int64
	high    uint64
	low     uint64
}

func (p *part) add(entries int64, high, low uint64) {
	p.entries += entries
	p.high += high
	p.low += low
}

// hash is the sum as text.
func (p *part) hash() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%d:%d", p.entries, p.high, p.low))
	return hex.EncodeToString(sum[:16])
}

// add counts one entry of an archive: its name, kind, owner, mode, size, links,
// attributes and content, and when a file was changed.
func (x *index) add(h *tar.Header, content *sums) {
	name := path.Clean(h.Name)
	group, below, deep := strings.Cut(name, "/")
	if !deep && h.Typeflag != tar.TypeDir || below == "" && name == top {
		group = top
	}
	d := sha256.New()
	fmt.Fprintf(d, "%q %c %d:%d %o %d %q %d:%d %s\n", name, h.Typeflag, h.Uid, h.Gid, h.Mode&0o7777, content.n, h.Linkname, h.Devmajor, h.Devminor, content.hex())
	if h.Typeflag == tar.TypeReg {
		fmt.Fprintf(d, "%d\n", h.ModTime.Unix())
	}
	for _, key := range sortedKeys(h.PAXRecords) {
		if strings.HasPrefix(key, "SCHILY.xattr.") || strings.HasPrefix(key, "SCHILY.acl.") {
			fmt.Fprintf(d, "%q %q\n", key, h.PAXRecords[key])
		}
	}
	sum := d.Sum(nil)
	x.bytes += content.n
	x.in(group).add(1, binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))
}

// in is the part of a name. Where there are too many they become one, whichever
// came first.
func (x *index) in(group string) *part {
	if _, one := x.parts["*"]; one {
		return x.parts["*"]
	}
	if p := x.parts[group]; p != nil {
		return p
	}
	if len(x.parts) < maxParts {
		p := &part{}
		x.parts[group] = p
		return p
	}
	all := &part{}
	for _, p := range x.parts {
		all.add(p.entries, p.high, p.low)
	}
	x.parts = map[string]*part{"*": all}
	return all
}

// contents is what was counted.
func (x *index) contents() Contents {
	c := Contents{Bytes: x.bytes}
	for _, name := range sortedKeys(x.parts) {
		shown := name
		if !utf8.ValidString(name) {
			shown = fmt.Sprintf("%q", name)
		}
		c.Tables = append(c.Tables, Table{Name: shown, Rows: x.parts[name].entries, Hash: x.parts[name].hash()})
	}
	return c
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
