package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"stackctl/pkg/stackctl/stack"
)

const (
	// scratchPrefix names the databases that are restored into beside the live one.
	scratchPrefix = "stackctl_scratch_"
	// formerPrefix names the database that a restore replaced.
	formerPrefix = "stackctl_former_"
)

// Opened is a backup that was found, decrypted to its end, and is this
// project's.
type Opened struct {
	Manifest Manifest
	file     string
	// fetched says that file is a copy that Close removes.
	fetched bool
	// dump is how many bytes follow the manifest.
	dump       int64
	identities []age.Identity
}

// Close removes what was fetched for this run alone.
func (o *Opened) Close() {
	if o != nil && o.fetched {
		_ = os.Remove(o.file)
	}
}

// Open finds a backup by its name, by a file's path, or as "latest", fetches it
// from the host where only that has it, and decrypts all of it.
func (b *Backups) Open(ctx context.Context, which string) (*Opened, error) {
	what := "open backup " + which
	refuse := func(problem error, fix string) (*Opened, error) {
		return nil, stack.Fault(stack.CauseUsage, what, problem, fix)
	}
	identities, err := Identities(b.Config.Identity)
	if err != nil {
		return nil, err
	}
	if len(identities) == 0 {
		return refuse(errors.New("there is no identity in "+b.Config.Identity), "name the age identity file under backup.identity, or in STACKCTL_BACKUP_IDENTITY")
	}
	o := &Opened{identities: identities}
	if o.file, o.fetched, err = b.find(ctx, which); err != nil {
		return nil, err
	}
	v, err := verify(ctx, o.file, identities)
	if err != nil {
		o.Close()
		if ctx.Err() != nil {
			return nil, err
		}
		if errors.Is(err, errOtherKey) {
			return refuse(err, "name the private key that it was made for under backup.identity, or in STACKCTL_BACKUP_IDENTITY; "+b.Config.Identity+" is another one")
		}
		return refuse(err, "take another one: `stackctl backup list`")
	}
	o.Manifest, o.dump = v.manifest, v.n
	if v.manifest.Project != b.Project {
		o.Close()
		return refuse(fmt.Errorf("it is of project %q, this one is %q", v.manifest.Project, b.Project), "run it where that project's stackctl.yaml is")
	}
	return o, nil
}

// find gives the file of a backup here; one of which only the host has a copy of
// the recorded size is fetched.
func (b *Backups) find(ctx context.Context, which string) (file string, fetched bool, err error) {
	what := "find backup " + which
	if strings.ContainsAny(which, `/\`) {
		info, err := os.Stat(which)
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is no regular file")
		}
		if err != nil {
			return "", false, stack.Fault(stack.CauseUsage, what, err, "`stackctl backup list` names the backups")
		}
		return filepath.Clean(which), false, nil
	}
	which = strings.TrimSuffix(which, dataEnding)
	list, err := b.List(ctx)
	if err != nil {
		return "", false, err
	}
	for _, l := range list {
		if l.Name != which && which != "latest" {
			continue
		}
		switch {
		case l.Local && l.whole(l.LocalBytes):
			return filepath.Join(b.Config.Dir, l.Name+dataEnding), false, nil
		case l.Host && l.whole(l.HostBytes):
			file, err := b.fetch(ctx, l.Record)
			return file, true, err
		}
		return "", false, stack.Fault(stack.CauseUsage, what, errors.New(l.Name+": "+l.Problem), "restore another one: `stackctl backup list`")
	}
	return "", false, stack.Fault(stack.CauseUsage, what, errors.New("neither the host nor "+b.Config.Dir+" has it"), "`stackctl backup list` names the backups")
}

// fetch copies a backup from the host into a temporary file here.
func (b *Backups) fetch(ctx context.Context, r Record) (string, error) {
	what := "fetch backup " + r.Name + " from the host"
	if err := os.MkdirAll(b.Config.Dir, 0o700); err != nil {
		return "", stack.Usage(b.Config.Dir, 0, err.Error(), "name another folder under backup.dir")
	}
	file := filepath.Join(b.Config.Dir, b.temporaryHere(r.Name))
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", stack.Usage(b.Config.Dir, 0, err.Error(), "name another folder under backup.dir")
	}
	stderr := &head{limit: 4 << 10}
	count := &counting{tell: func(n int64) { b.tell(n, r.Bytes) }}
	exit, err := b.Server.Attach(ctx, nil, io.MultiWriter(&named{f, file}, count), stderr, "cat", "--", path.Join(b.hostDir(), r.Name+dataEnding))
	if err == nil && exit != 0 {
		err = errors.New(stderr.line())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(file)
		return "", fault(what, err, fixFor(err.Error()))
	}
	return file, nil
}

// Outcome is what a restore into a scratch database showed.
type Outcome struct {
	Backup      string        `json:"backup"`
	Tables      int           `json:"tables"`
	Rows        int64         `json:"rows"`
	Sequences   int           `json:"sequences"`
	Equal       int           `json:"equal_tables"`
	Differences []Difference  `json:"differences"`
	Restore     time.Duration `json:"restore_ns"`
	Compare     time.Duration `json:"compare_ns"`
}

// Rehearse restores into a scratch database, compares it with what the backup
// recorded, and drops it.
func (b *Backups) Rehearse(ctx context.Context, o *Opened) (Outcome, error) {
	db, err := b.database(ctx)
	if err != nil {
		return Outcome{}, err
	}
	scratch, out, err := b.scratch(ctx, db, o)
	if scratch != "" {
		late, cancel := aside(ctx)
		defer cancel()
		err = errors.Join(err, db.drop(late, scratch))
	}
	return out, err
}

// scratch restores into a database of its own and compares. Where it gives a
// name, that database is there, whatever else went wrong.
func (b *Backups) scratch(ctx context.Context, db database, o *Opened) (name string, out Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := errors.Join(db.sweep(ctx), b.room(ctx, o.Manifest)); err != nil {
		return "", out, err
	}
	name = scratchPrefix + random()
	_, err = db.script(ctx, maintenance, fmt.Sprintf(`SELECT format('CREATE DATABASE %%I OWNER %%I TEMPLATE template0 ENCODING %%L LC_COLLATE %%L LC_CTYPE %%L',
 %s, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database WHERE datname = %s \gexec
`, literal(name), literal(db.name)))
	if err != nil {
		return name, out, fault("make the scratch database", err, "")
	}
	began := b.Now()
	if err := b.load(ctx, db, name, o); err != nil {
		return name, out, err
	}
	restored := b.Now()
	session, err := db.begin(ctx, name)
	if err != nil {
		return name, out, fault("look at the restored database", err, "")
	}
	defer session.end()
	tables, sequences, err := session.inventory()
	if err != nil {
		return name, out, fault("count what was restored", err, "")
	}
	m := o.Manifest
	out = Outcome{Backup: m.Name, Tables: len(m.Tables), Rows: m.Rows(), Sequences: len(m.Sequences),
		Differences: compare(m, tables, sequences), Restore: restored.Sub(began), Compare: b.Now().Sub(restored)}
	bad := map[string]bool{}
	for _, d := range out.Differences {
		bad[d.Object] = true
	}
	for _, t := range m.Tables {
		if !bad["table "+t.Name] {
			out.Equal++
		}
	}
	return name, out, nil
}

// spare is what must stay free on the server's disk.
const spare = 64 << 20

// room refuses a restore that the server's disk cannot hold.
func (b *Backups) room(ctx context.Context, m Manifest) error {
	out, err := b.Server.Run(ctx, "df", "-B1", "--output=avail", "/var/lib/docker")
	if err != nil {
		return fault("look for room on the host", err, "")
	}
	lines := strings.Fields(string(out.Stdout))
	if len(lines) < 2 {
		return nil // the host does not say; a full disk is told when it comes
	}
	free, err := strconv.ParseInt(lines[1], 10, 64)
	if err == nil && free < spare+m.Bytes {
		return stack.Fault(stack.CauseStep, "look for room on the host",
			fmt.Errorf("the database had %d bytes when it was backed up, %d are free", m.Bytes, free), "free some space or enlarge the disk")
	}
	return nil
}

// load streams the dump into a database.
func (b *Backups) load(ctx context.Context, db database, name string, o *Opened) error {
	what := "restore " + o.Manifest.Name + " into " + name
	f, err := os.Open(filepath.Clean(o.file))
	if err != nil {
		return fault(what, err, "")
	}
	defer func() { _ = f.Close() }()
	plain, err := decrypt(f, o.identities)
	if err == nil {
		_, err = readManifest(plain)
	}
	if err != nil {
		return fault(what, err, "")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer b.guard(ctx, cancel, db, name, o.Manifest.Bytes)()
	source := &watched{Reader: plain, tell: func(n int64) { b.tell(n, o.dump) }}
	stderr := &head{limit: 4 << 10}
	exit, err := b.Server.ExecStream(ctx, db.container, fill(b.Config.Restore, db.user, name, ""), source, io.Discard, stderr)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil && exit != 0 {
		err = fmt.Errorf("%s ended with exit code %d: %s", b.Config.Restore[0], exit, stderr.line())
	}
	return fault(what, err, fixFor(stderr.line()))
}

// watched tells how much was read.
type watched struct {
	io.Reader
	n, told int64
	tell    func(int64)
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if w.n += int64(n); w.n-w.told >= 256<<10 {
		w.told = w.n
		w.tell(w.n)
	}
	return n, err
}

// guardEvery is how often a growing database is measured.
const guardEvery = 2 * time.Second

// guard ends a restore that makes more of the dump than the backup says the
// database was: a small file can hold very much.
func (b *Backups) guard(ctx context.Context, end context.CancelCauseFunc, db database, name string, bytes int64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	limit := 3*bytes + 4*spare
	go func() {
		defer close(done)
		tick := time.NewTicker(guardEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			out, err := db.script(ctx, maintenance, "SELECT pg_database_size("+literal(name)+");\n")
			size, bad := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
			if err == nil && bad == nil && size > limit {
				end(fmt.Errorf("%w: it grew to %d bytes, the backup says %d", errRefused, size, bytes))
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

// drop removes a database that was made here.
func (db database) drop(ctx context.Context, name string) error {
	_, err := db.script(ctx, maintenance, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "+literal(name)+";\nDROP DATABASE IF EXISTS "+identifier(name)+";\n")
	return fault("drop database "+name, err, "the next backup or restore drops it")
}

func literal(s string) string    { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
