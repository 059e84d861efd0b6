package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"

	"stackctl/pkg/stackctl/stack"
)

// Reason says why a backup is taken, and of what.
type Reason struct {
	Cause string
	// Release is the one that is live; empty: none.
	Release string
}

// Take dumps the database, encrypts the dump while it comes, writes it to the
// host and here at once, and checks both copies before they get their names.
// ErrEmpty: there is nothing to back up.
func (b *Backups) Take(ctx context.Context, why Reason) (Record, error) {
	began := b.Now()
	recipients, err := Recipients(b.Config)
	if err == nil && len(recipients) == 0 {
		err = stack.Fault(stack.CauseUsage, "take a backup", errors.New("backup.recipients is empty and there is no "+b.Config.Identity),
			"make a key with `stackctl backup keygen`, or name the age public keys that may read backups")
	}
	if err != nil {
		return Record{}, err
	}
	db, err := b.database(ctx)
	if err != nil {
		return Record{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := errors.Join(db.sweep(ctx), b.tidyHost(ctx), b.tidyLocal()); err != nil {
		return Record{}, err
	}
	t := &taking{Backups: b, db: db, why: why, recipients: recipients, head: &head{limit: maxContents}}
	r, err := t.take(ctx)
	if err != nil {
		t.forget(ctx)
		return r, err
	}
	r.Took = b.Now().Sub(began)
	if err := t.settle(ctx, r); err != nil {
		t.forget(ctx)
		return r, err
	}
	b.taken = r.Name
	return r, nil
}

// maxContents is how much of a dump's start is kept to read its table of
// contents from.
const maxContents = 8 << 20

// taking is one backup while it is made.
type taking struct {
	*Backups
	db         database
	why        Reason
	recipients []age.Recipient
	manifest   Manifest
	// head is the start of the dump.
	head *head
	// tmp is the file here while it is not whole.
	tmp string
}

func (t *taking) take(ctx context.Context) (Record, error) {
	session, err := t.db.begin(ctx, t.db.name)
	if err != nil {
		return Record{}, fault("open a snapshot of "+t.db.name, err, "")
	}
	defer session.end()
	snapshot, err := t.look(session)
	if err != nil {
		if errors.Is(err, ErrEmpty) {
			return Record{}, err
		}
		return Record{}, fault("count what is in "+t.db.name, err, "")
	}
	m := t.manifest
	r := Record{Name: m.Name, Project: m.Project, Target: m.Target, Release: m.Release, Cause: m.Cause, Created: m.Created, Tables: len(m.Tables), Rows: m.Rows()}
	plain, err := t.stream(ctx, snapshot, &r)
	if err != nil {
		return r, err
	}
	return r, t.check(ctx, &r, plain)
}

// look fills the manifest from the snapshot and gives the snapshot's name.
func (t *taking) look(session *transaction) (snapshot string, err error) {
	lines, err := session.ask(`SELECT pg_export_snapshot(); SELECT pg_database_size(current_database());`)
	if err != nil {
		return "", err
	}
	if len(lines) != 2 {
		return "", errors.New("psql did not print a snapshot and a size")
	}
	now := t.Now().UTC()
	t.manifest = Manifest{
		Name:    fmt.Sprintf("%s-%s-%s", t.Project, now.Format("20060102T150405Z"), random()),
		Project: t.Project, Target: t.Target, Release: t.why.Release, Cause: t.why.Cause, Created: now, Database: t.db.name,
	}
	if err := json.Unmarshal([]byte(lines[1]), &t.manifest.Bytes); err != nil {
		return "", errors.New("psql did not print a size")
	}
	if t.manifest.Tables, t.manifest.Sequences, err = session.inventory(); err != nil {
		return "", err
	}
	if len(t.manifest.Tables) == 0 {
		return "", ErrEmpty
	}
	t.manifest.Catalog, err = session.catalog(t.Catalog)
	return lines[0], err
}

func random() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// sums are taken of what goes by.
type sums struct {
	hash.Hash
	n int64
}

func newSums() *sums { return &sums{Hash: sha256.New()} }

func (s *sums) Write(p []byte) (int, error) { s.n += int64(len(p)); return s.Hash.Write(p) }

func (s *sums) hex() string { return hex.EncodeToString(s.Sum(nil)) }

// stream dumps, encrypts and writes to both places, and gives the sums of the
// plain content.
func (t *taking) stream(ctx context.Context, snapshot string, r *Record) (*sums, error) {
	if err := os.MkdirAll(t.Config.Dir, 0o700); err != nil {
		return nil, stack.Usage(t.Config.Dir, 0, err.Error(), "name another folder under backup.dir or with --to")
	}
	t.tmp = filepath.Join(t.Config.Dir, t.temporaryHere(r.Name))
	local, err := os.OpenFile(t.tmp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, stack.Usage(t.Config.Dir, 0, err.Error(), "name another folder under backup.dir or with --to")
	}
	defer func() { _ = local.Close() }()
	remote, sent := t.upload(ctx, temporary(r.Name))
	cipher, plain := newSums(), newSums()
	err = t.pour(ctx, snapshot, plain, io.MultiWriter(cipher, &named{local, t.tmp}, remote))
	if err != nil {
		_ = remote.CloseWithError(err)
	} else {
		err = remote.Close()
	}
	// Why the host did not take it says more than that the pipe broke.
	if failed := sent(); failed != nil && ctx.Err() == nil && (err == nil || errors.Is(err, failed)) {
		return nil, failed
	}
	if err == nil {
		err = local.Sync()
	}
	if err != nil {
		return nil, fault("dump "+t.db.name, err, fixFor(err.Error()))
	}
	r.Bytes, r.SHA256, r.Plain = cipher.n, cipher.hex(), plain.n
	return plain, nil
}

// named says which file could not be written.
type named struct {
	*os.File
	name string
}

func (n *named) Write(p []byte) (int, error) {
	k, err := n.File.Write(p)
	if err != nil {
		err = fmt.Errorf("write %s: %w", n.name, errors.Unwrap(err))
	}
	return k, err
}

// pour runs the dump into an age file.
func (t *taking) pour(ctx context.Context, snapshot string, plain *sums, out io.Writer) error {
	sealed, err := age.Encrypt(out, t.recipients...)
	if err != nil {
		return err
	}
	in := io.MultiWriter(sealed, plain)
	if err := writeManifest(in, t.manifest); err != nil {
		return err
	}
	before := plain.n
	count := &counting{tell: func(n int64) { t.tell(n, 0) }}
	stderr := &head{limit: 4 << 10}
	argv := fill(t.Config.Command, t.db.user, t.db.name, snapshot)
	// A connection that dies leaves the command running: it gets an end of its own.
	argv = append([]string{"timeout", fmt.Sprint(int(deadline.Seconds()))}, argv...)
	exit, err := t.Server.ExecStream(ctx, t.db.container, argv, nil, io.MultiWriter(in, t.head, count), stderr)
	switch {
	case err != nil:
		return err
	case exit != 0:
		return fmt.Errorf("%s ended with exit code %d: %s", t.Config.Command[0], exit, stderr.line())
	case plain.n == before:
		return fmt.Errorf("%s wrote nothing: %s", t.Config.Command[0], stderr.line())
	}
	return sealed.Close()
}

// counting tells how much went by, now and then.
type counting struct {
	n, told int64
	tell    func(int64)
}

func (c *counting) Write(p []byte) (int, error) {
	if c.n += int64(len(p)); c.n-c.told >= 256<<10 {
		c.told = c.n
		c.tell(c.n)
	}
	return len(p), nil
}

// check reads what was written here again, from the disk.
func (t *taking) check(ctx context.Context, r *Record, plain *sums) error {
	what := "check backup " + r.Name
	sum, n, err := sumFile(t.tmp)
	if err == nil && (sum != r.SHA256 || n != r.Bytes) {
		err = fmt.Errorf("%s holds %d bytes with SHA-256 %s, written were %d with %s", t.tmp, n, sum, r.Bytes, r.SHA256)
	}
	if err != nil {
		return fault(what, err, "")
	}
	identities, err := Identities(t.Config.Identity)
	if err != nil {
		return err
	}
	if r.Decrypted = readable(t.recipients, identities); r.Decrypted {
		again, err := verify(ctx, t.tmp, identities)
		if err == nil && (again.sum != plain.hex() || again.n != plain.n) {
			err = errors.New("it does not decrypt to what was dumped")
		}
		if err != nil {
			return fault(what, err, "")
		}
	}
	return fault(what, t.contents(ctx), "")
}

// readable says that one of the identities is among the recipients.
func readable(recipients []age.Recipient, identities []age.Identity) bool {
	public := map[string]bool{}
	for _, r := range recipients {
		if s, ok := r.(fmt.Stringer); ok {
			public[s.String()] = true
		}
	}
	for _, i := range identities {
		switch i := i.(type) {
		case *age.X25519Identity:
			if public[i.Recipient().String()] {
				return true
			}
		case *age.HybridIdentity:
			if public[i.Recipient().String()] {
				return true
			}
		}
	}
	return false
}

// contents reads the dump's table of contents back.
func (t *taking) contents(ctx context.Context) error {
	if len(t.Config.List) == 0 {
		return nil
	}
	stdout, stderr := &head{limit: maxContents}, &head{limit: 4 << 10}
	exit, err := t.Server.ExecStream(ctx, t.db.container, fill(t.Config.List, t.db.user, t.db.name, ""), bytes.NewReader(t.head.kept), stdout, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d: %s", exit, stderr.line())
	}
	if err == nil && len(bytes.TrimSpace(stdout.kept)) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("read the dump's table of contents with %s: %w", t.Config.List[0], err)
	}
	return nil
}

// settle gives both copies their names, with their records.
func (t *taking) settle(ctx context.Context, r Record) error {
	if err := t.settleOnHost(ctx, temporary(r.Name), r); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(t.Config.Dir, r.Name+recordEnding), append(raw, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(t.tmp, filepath.Join(t.Config.Dir, r.Name+dataEnding))
	}
	return fault("keep backup "+r.Name+" in "+t.Config.Dir, err, "")
}

// forget removes what a backup that failed left, and ends its sessions.
func (t *taking) forget(ctx context.Context) {
	ctx, cancel := aside(ctx)
	defer cancel()
	if t.tmp != "" {
		_ = os.Remove(t.tmp)
		_ = os.Remove(filepath.Join(t.Config.Dir, t.manifest.Name+recordEnding))
	}
	_ = t.tidyHost(ctx)
	_ = t.db.sweep(ctx)
}

// sumFile reads a file from the disk.
func sumFile(file string) (sum string, n int64, err error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	s := newSums()
	_, err = io.Copy(s, f)
	return s.hex(), s.n, err
}

// verified is a file that decrypts to its end.
type verified struct {
	manifest Manifest
	sum      string // of the plain content
	n        int64
}

// verify decrypts a whole file: only its last byte proves that none is missing.
func verify(ctx context.Context, file string, identities []age.Identity) (verified, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return verified{}, err
	}
	defer func() { _ = f.Close() }()
	plain, err := decrypt(f, identities)
	if err != nil {
		return verified{}, err
	}
	var v verified
	sum := newSums()
	tee := readerOf(plain, sum)
	if v.manifest, err = readManifest(tee); err != nil {
		return v, err
	}
	dump := int64(0)
	for buf := make([]byte, 128<<10); ; {
		n, err := tee.Read(buf)
		dump += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return v, refused("it is changed or cut", err)
		}
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
	}
	if dump == 0 {
		return v, refused("it holds no dump", nil)
	}
	v.sum, v.n = sum.hex(), sum.n
	return v, nil
}

// readerOf reads while it sums what it reads.
func readerOf(r io.Reader, sum io.Writer) *bufio.Reader {
	return bufio.NewReaderSize(io.TeeReader(r, sum), 128<<10)
}
