package backup

import (
	"bufio"
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

// Reason is why a backup is taken, and of what.
type Reason struct {
	Cause string
	// Release is the one that is live; empty: none.
	Release string
}

// Take dumps a place, encrypts the dump while it comes, writes it to the host
// and here at once, and checks both copies before they get their names.
// ErrEmpty: there is nothing to back up.
func (b *Backups) Take(ctx context.Context, p Place, why Reason) (Record, error) {
	began := b.Now()
	recipients, err := Recipients(b.Config)
	if err == nil && len(recipients) == 0 {
		err = stack.Fault(stack.CauseUsage, "take a backup", errors.New("backup.recipients is empty and there is no "+b.Config.Identity),
			"make a key with `stackctl backup keygen`, or name the age public keys that may read backups")
	}
	if err != nil {
		return Record{}, err
	}
	s, err := b.store(ctx, p)
	if err != nil {
		return Record{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := errors.Join(s.tidy(ctx), b.tidyHost(ctx), b.tidyLocal()); err != nil {
		return Record{}, err
	}
	now := b.Now().UTC()
	t := &taking{Backups: b, store: s, place: p, recipients: recipients, head: &head{limit: maxContents}, manifest: Manifest{
		Name: fmt.Sprintf("%s-%s-%s", b.Project, now.Format("20060102T150405Z"), random()), Project: b.Project, Target: b.Target,
		Release: why.Release, Cause: why.Cause, Created: now, Place: p.Name, Kind: p.Kind}}
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
	b.taken = append(b.taken, r.Name)
	return r, nil
}

// maxContents is how much of a dump's start is kept to read its table of
// contents from.
const maxContents = 8 << 20

// taking is one backup while it is made.
type taking struct {
	*Backups
	store      store
	place      Place
	recipients []age.Recipient
	manifest   Manifest
	// head is the start of the dump.
	head *head
	// tmp is the file here while it is not whole.
	tmp string
	// out is where the dump goes; nil: nothing came yet.
	out *output
}

// output is a backup on its way into both copies.
type output struct {
	local  *os.File
	remote *upload
	sealed io.WriteCloser
	// cipher and plain are the sums of what was written, and of what it decrypts to.
	cipher, plain *sums
	frames        frames
}

func (t *taking) take(ctx context.Context) (Record, error) {
	found, err := t.store.dump(ctx, func() (io.Writer, error) { return t.begin(ctx) })
	if t.out == nil {
		return Record{}, err
	}
	defer func() { _ = t.out.local.Close() }()
	if err == nil {
		t.manifest.Contents = found
		err = errors.Join(t.out.frames.end(found))
	}
	if err = t.end(ctx, err); err != nil {
		return Record{}, err
	}
	m := t.manifest
	r := Record{Name: m.Name, Project: m.Project, Target: m.Target, Release: m.Release, Cause: m.Cause, Created: m.Created, Place: m.Place, Kind: m.Kind,
		Tables: len(m.Tables), Rows: m.Rows(), Notes: m.Notes, Bytes: t.out.cipher.n, SHA256: t.out.cipher.hex(), Plain: t.out.plain.n, Where: t.where()}
	return r, t.check(ctx, &r)
}

// begin opens both copies, the encryption and the content.
func (t *taking) begin(ctx context.Context) (io.Writer, error) {
	if err := os.MkdirAll(t.Config.Dir, 0o700); err != nil {
		return nil, stack.Usage(t.Config.Dir, 0, err.Error(), "name another folder under backup.dir or with --to")
	}
	t.tmp = filepath.Join(t.Config.Dir, t.temporaryHere(t.manifest.Name))
	local, err := os.OpenFile(t.tmp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, stack.Usage(t.Config.Dir, 0, err.Error(), "name another folder under backup.dir or with --to")
	}
	o := &output{local: local, cipher: newSums(), plain: newSums()}
	o.remote = t.upload(ctx, temporary(t.manifest.Name))
	t.out = o
	if o.sealed, err = age.Encrypt(io.MultiWriter(o.cipher, &named{local, t.tmp}, o.remote), t.recipients...); err != nil {
		return nil, err
	}
	in := io.MultiWriter(o.sealed, o.plain)
	if err := writeManifest(in, t.manifest); err != nil {
		return nil, err
	}
	o.frames = frames{in}
	return io.MultiWriter(o.frames, t.head, &counting{tell: func(n int64) { t.tell(n, 0) }}), nil
}

// end closes both copies; err is how the dump ended.
func (t *taking) end(ctx context.Context, err error) error {
	o := t.out
	if err == nil {
		err = o.sealed.Close()
	}
	o.remote.end(err)
	// Why the host did not take it says more than that the pipe broke.
	if failed := o.remote.sent(); failed != nil && ctx.Err() == nil && (err == nil || errors.Is(err, failed)) {
		return failed
	}
	if err == nil {
		err = o.local.Sync()
	}
	if err != nil {
		return fault("dump "+or(t.manifest.Database, t.place.Name), err, fixFor(err.Error()))
	}
	return nil
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

// named is which file could not be written.
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

// counting is how much went by, now and then.
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
func (t *taking) check(ctx context.Context, r *Record) error {
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
		if err == nil && (again.sum != t.out.plain.hex() || again.n != t.out.plain.n) {
			err = errors.New("it does not decrypt to what was dumped")
		}
		if err != nil {
			return fault(what, err, "")
		}
	}
	return fault(what, t.store.check(ctx, t.head.kept), "")
}

// readable reports whether one of the identities is among the recipients.
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

// settle renames both copies to their final names, beside their records.
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
	_ = t.store.tidy(ctx)
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
	sum      string // of all that is encrypted
	n        int64
	dump     int64 // bytes of the content alone
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
	sum := newSums()
	m, in, err := readManifest(readerOf(plain, sum))
	if err != nil {
		return verified{}, err
	}
	v := verified{}
	for buf := make([]byte, 128<<10); ; {
		n, err := in.Read(buf)
		v.dump += int64(n)
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
	if v.dump == 0 {
		return v, refused("it holds no dump", nil)
	}
	v.manifest, v.sum, v.n = *m, sum.hex(), sum.n
	return v, nil
}

// readerOf reads while it sums what it reads.
func readerOf(r io.Reader, sum io.Writer) *bufio.Reader {
	return bufio.NewReaderSize(io.TeeReader(r, sum), 128<<10)
}
