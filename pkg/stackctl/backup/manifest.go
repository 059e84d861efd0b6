package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"stackctl/pkg/stackctl/stack"
)

// Manifest is what a backup says of itself. It stands, encrypted, before the
// content; what that holds follows the content.
type Manifest struct {
	Name    string    `json:"name"`
	Project string    `json:"project"`
	Target  string    `json:"target"`
	Release string    `json:"release"` // the one that was live; empty: none
	Cause   string    `json:"cause"`
	Created time.Time `json:"created"`
	// Place is the name of the place, Kind how it was dumped; backups of the
	// first format have neither and are of a PostgreSQL database.
	Place string `json:"place,omitempty"`
	Kind  Kind   `json:"kind,omitempty"`
	Contents
}

// Contents is what a place held at the instant of its dump.
type Contents struct {
	// Database is its name; empty where the place is none.
	Database string `json:"database"`
	// Bytes is how large it was on the server's disk.
	Bytes     int64           `json:"database_bytes"`
	Tables    []Table         `json:"tables"`
	Sequences []Sequence      `json:"sequences"`
	Catalog   json.RawMessage `json:"catalog,omitempty"`
	// Notes are what should be known of it, such as files that changed meanwhile.
	Notes []string `json:"notes,omitempty"`
}

// kind is how the backup was dumped.
func (m Manifest) kind() Kind {
	if m.Kind == "" {
		return PostgreSQL
	}
	return m.Kind
}

// Rows counts the rows of all tables.
func (c Contents) Rows() int64 {
	n := int64(0)
	for _, t := range c.Tables {
		n += t.Rows
	}
	return n
}

// Table is one part's content, without telling it: a table and its rows, a
// folder and the files below it, a Redis database and its keys.
type Table struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
	// Fleeting is how many of the rows may be gone by themselves, as keys of Redis do.
	Fleeting int64 `json:"fleeting,omitempty"`
	// Hash does not depend on the order of rows.
	Hash string `json:"hash"`
}

// Sequence is how far a sequence has come. It is read outside of any snapshot.
type Sequence struct {
	Name string `json:"name"`
	At   int64  `json:"at"`
	Down bool   `json:"down,omitempty"`
}

const (
	// magic begins a backup of the first format, whose manifest tells what the
	// rest holds, magicFramed one with framed content. The manifest's length follows.
	magic       = "stackctl-backup/1 "
	magicFramed = "stackctl-backup/2 "
	// maxManifest bounds the manifest: about a hundred thousand columns.
	maxManifest = 32 << 20
	// maxHeader bounds age's own header: about 300 recipients.
	maxHeader = 64 << 10
)

// writeManifest writes what stands before the dump.
func writeManifest(w io.Writer, m Manifest) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(raw) > maxManifest {
		return fmt.Errorf("the manifest has %d bytes, more than %d", len(raw), maxManifest)
	}
	_, err = fmt.Fprintf(w, "%s%d\n%s\n", magicFramed, len(raw), raw)
	return err
}

// readManifest reads the manifest and returns the content after it. What that
// holds is in the manifest when it was read to its end.
func readManifest(r *bufio.Reader) (*Manifest, io.Reader, error) {
	first := make([]byte, len(magic))
	_, err := io.ReadFull(r, first)
	framed := string(first) == magicFramed
	if err != nil || string(first) != magic && !framed {
		return nil, nil, unread("it is not a backup of stackctl", err)
	}
	m, err := readHeader(r)
	if err == nil {
		err = m.check(framed)
	}
	return &m, &content{r: r, manifest: &m, framed: framed}, err
}

func readHeader(r *bufio.Reader) (Manifest, error) {
	var m Manifest
	var digits []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return m, unread("it ends within its first line", err)
		}
		if c == '\n' {
			break
		}
		if digits = append(digits, c); len(digits) > 9 {
			return m, refused("its first line is not one of a backup", nil)
		}
	}
	n, err := strconv.ParseUint(string(digits), 10, 31)
	if err != nil || n == 0 || n > maxManifest || digits[0] == '0' {
		return m, refused("its first line is not one of a backup", nil)
	}
	// The buffer grows with what comes, not with what was promised.
	var raw bytes.Buffer
	if got, err := io.CopyN(&raw, r, int64(n)); err != nil || got != int64(n) {
		return m, unread("it ends within its manifest", err)
	}
	if c, err := r.ReadByte(); err != nil || c != '\n' {
		return m, unread("its manifest does not end where it says", err)
	}
	dec := json.NewDecoder(&raw)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, refused("its manifest cannot be read", err)
	}
	if dec.More() {
		return m, refused("its manifest holds more than one document", nil)
	}
	return m, nil
}

// check refuses a manifest that none of ours is like.
func (m Manifest) check(framed bool) error {
	switch {
	case !validName(m.Name):
		return refused(fmt.Sprintf("its manifest names it %.80q", m.Name), nil)
	case m.Project == "" || !strings.HasPrefix(m.Name, m.Project+"-") || !framed && m.Database == "":
		return refused("its manifest does not say whose it is", nil)
	case framed && (m.Place == "" || !m.Kind.known()):
		return refused("its manifest does not say of what it is", nil)
	}
	return m.Contents.check()
}

func (c Contents) check() error {
	if c.Bytes < 0 {
		return refused("its manifest has a negative size", nil)
	}
	for _, t := range c.Tables {
		if t.Name == "" || t.Rows < 0 || t.Hash == "" {
			return refused("its manifest has a table without name, rows or hash", nil)
		}
	}
	return nil
}

// errRefused marks a backup file that is not one, or not ours, or not whole.
var errRefused = errors.New("refused")

// refused says why a file is not believed.
func refused(why string, err error) error {
	if errors.Is(err, errRefused) {
		return err
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s", errRefused, why)
	}
	return fmt.Errorf("%w: %s: %w", errRefused, why, err)
}

// unread is refused for a read that failed: what age does not vouch for is
// changed or cut, whatever was being read.
func unread(why string, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		why = "it is changed or cut"
	}
	return refused(why, err)
}

// decrypt opens the plain content of an age file. age tells of every changed
// or missing byte, at the latest where the content ends.
func decrypt(r io.Reader, identities []age.Identity) (*bufio.Reader, error) {
	if len(identities) == 0 {
		return nil, stack.Fault(stack.CauseUsage, "decrypt a backup", errors.New("there is no identity"), "name the age identity file under backup.identity, or in STACKCTL_BACKUP_IDENTITY")
	}
	in := bufio.NewReaderSize(r, maxHeader)
	start, err := in.Peek(maxHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	// The header ends with its line "--- MAC": one that is longer than any of
	// ours would make age hold all of it.
	if !bytes.HasPrefix(start, []byte("age-encryption.org/v1\n")) {
		return nil, refused("it is not an age file", nil)
	}
	if !bytes.Contains(start, []byte("\n--- ")) {
		return nil, refused(fmt.Sprintf("its header does not end within %d bytes", maxHeader), nil)
	}
	plain, err := age.Decrypt(in, identities...)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return nil, errOtherKey
	}
	if err != nil {
		return nil, refused("it cannot be decrypted", err)
	}
	return bufio.NewReaderSize(plain, 128<<10), nil
}

// errOtherKey means that a backup is whole as far as anybody without its key can tell.
var errOtherKey = fmt.Errorf("%w: it is encrypted for another key", errRefused)

// backupName is PROJECT-TIME-RANDOM.
var backupName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)

func validName(name string) bool { return backupName.MatchString(name) }

// The endings of a backup's two files.
const (
	dataEnding   = ".age"
	recordEnding = ".json"
)
