package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"stackctl/pkg/stackctl/stack"
)

const (
	// scratchPrefix names what is restored into beside the live place.
	scratchPrefix = "stackctl_scratch_"
	// formerPrefix names what a restore replaced.
	formerPrefix = "stackctl_former_"
)

// Opened is a backup that was found, decrypted to its end, and is this
// project's.
type Opened struct {
	Manifest Manifest
	// Place is where it belongs.
	Place Place
	file  string
	// fetched reports whether file is a copy that Close removes.
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

// Newest names the newest backup of each place.
func (b *Backups) Newest(ctx context.Context) ([]string, error) {
	list, err := b.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	seen := map[string]bool{}
	for _, l := range list {
		if p := b.placeName(l.Record); !seen[p] {
			seen[p] = true
			out = append(out, l.Name)
		}
	}
	if len(out) == 0 {
		return nil, stack.Fault(stack.CauseUsage, "find backup latest", errors.New("neither the host nor "+b.Config.Dir+" has one"), "`stackctl backup` takes one")
	}
	return out, nil
}

// latest finds the newest backup, of one place where there are several.
func (b *Backups) latest(list []Listed, which string) (string, error) {
	_, place, of := strings.Cut(which, ":")
	var places []string
	newest := ""
	for _, l := range list {
		p := b.placeName(l.Record)
		if !slices.Contains(places, p) {
			places = append(places, p)
		}
		if newest == "" && (!of || p == place) {
			newest = l.Name
		}
	}
	if !of && len(places) > 1 {
		return "", stack.Fault(stack.CauseUsage, "find backup "+which, errors.New("there are backups of several places: "+strings.Join(places, ", ")), "say latest:"+places[0]+", or name one of `stackctl backup list`")
	}
	return newest, nil
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
	if o.Place, err = b.place(v.manifest); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// find returns the file of a backup here; one of which only the host has a copy of
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
	if which == "latest" || strings.HasPrefix(which, "latest:") {
		if which, err = b.latest(list, which); err != nil {
			return "", false, err
		}
	}
	for _, l := range list {
		if l.Name != which {
			continue
		}
		switch {
		case l.Local && l.whole(l.LocalBytes):
			return filepath.Join(b.Config.Dir, l.Name+dataEnding), false, nil
		case l.Host && l.whole(l.HostBytes):
			file, err := b.fetch(ctx, l)
			return file, true, err
		}
		return "", false, stack.Fault(stack.CauseUsage, what, errors.New(l.Name+": "+l.Problem), "restore another one: `stackctl backup list`")
	}
	return "", false, stack.Fault(stack.CauseUsage, what, errors.New("neither the host nor "+b.Config.Dir+" has it"), "`stackctl backup list` names the backups")
}

// fetch copies a backup from the host into a temporary file here.
func (b *Backups) fetch(ctx context.Context, r Listed) (string, error) {
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
	exit, err := r.on.Attach(ctx, nil, io.MultiWriter(&named{f, file}, count), stderr, "cat", "--", path.Join(b.hostDir(), r.Name+dataEnding))
	if err == nil && exit != 0 {
		err = errors.New(stderr.line())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(file)
		return "", fault(what, err, fixFor(err.Error()))
	}
	return file, nil
}

// Outcome is what a restore into a scratch showed.
type Outcome struct {
	Backup string `json:"backup"`
	// Kind and Place say what was restored.
	Kind        Kind          `json:"kind"`
	Place       string        `json:"place"`
	Tables      int           `json:"tables"`
	Rows        int64         `json:"rows"`
	Sequences   int           `json:"sequences"`
	Equal       int           `json:"equal_tables"`
	Differences []Difference  `json:"differences"`
	Restore     time.Duration `json:"restore_ns"`
	Compare     time.Duration `json:"compare_ns"`
}

// Rehearse restores into a scratch, compares it with what the backup recorded,
// and drops it.
func (b *Backups) Rehearse(ctx context.Context, o *Opened) (Outcome, error) {
	s, err := b.store(ctx, o.Place)
	if err != nil {
		return Outcome{}, err
	}
	scratch, out, err := b.scratch(ctx, s, o)
	if scratch != "" {
		late, cancel := aside(ctx)
		defer cancel()
		err = errors.Join(err, s.drop(late, scratch))
	}
	return out, err
}

// scratch restores beside the live place and compares. Where it returns a
// name, that scratch is there, whatever else went wrong.
func (b *Backups) scratch(ctx context.Context, s store, o *Opened) (name string, out Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := errors.Join(s.tidy(ctx), b.room(ctx, o)); err != nil {
		return "", out, err
	}
	began := b.Now()
	name, err = b.pour(ctx, s, o)
	if err != nil {
		return name, out, err
	}
	restored := b.Now()
	found, err := s.look(ctx, name)
	if err != nil {
		return name, out, fault("count what was restored", err, "")
	}
	m := o.Manifest
	out = Outcome{Backup: m.Name, Kind: m.kind(), Place: o.Place.Name, Tables: len(m.Tables), Rows: m.Rows(), Sequences: len(m.Sequences),
		Differences: compare(m, found), Restore: restored.Sub(began), Compare: b.Now().Sub(restored)}
	bad := map[string]bool{}
	for _, d := range out.Differences {
		bad[d.Object] = true
	}
	for _, t := range m.Tables {
		if !bad[m.kind().part()+" "+t.Name] {
			out.Equal++
		}
	}
	return name, out, nil
}

// pour streams the content of a backup into a scratch.
func (b *Backups) pour(ctx context.Context, s store, o *Opened) (name string, err error) {
	what := "restore " + o.Manifest.Name
	f, err := os.Open(filepath.Clean(o.file))
	if err != nil {
		return "", fault(what, err, "")
	}
	defer func() { _ = f.Close() }()
	plain, err := decrypt(f, o.identities)
	if err != nil {
		return "", fault(what, err, "")
	}
	m, in, err := readManifest(plain)
	if err == nil && m.Name != o.Manifest.Name {
		err = errors.New("the file is another one than was checked")
	}
	if err != nil {
		return "", fault(what, err, "")
	}
	return s.load(ctx, o.Manifest, &watched{Reader: in, tell: func(n int64) { b.tell(n, o.dump) }})
}

// spare is what must stay free on the server's disk.
const spare = 64 << 20

// room refuses a restore that the disk of the service's host cannot hold.
func (b *Backups) room(ctx context.Context, o *Opened) error {
	m := o.Manifest
	h, err := b.hostOf(ctx, o.Place.Service)
	if err != nil {
		return fault("look for room on the host", err, "")
	}
	out, err := h.Run(ctx, "df", "-B1", "--output=avail", "/var/lib/docker")
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
			fmt.Errorf("%s had %d bytes when it was backed up, %d are free", m.kind().noun(), m.Bytes, free), "free some space or enlarge the disk")
	}
	return nil
}

// watched is how much was read.
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

// guardEvery is how often a growing scratch is measured.
const guardEvery = 2 * time.Second

// guard ends a restore that makes more of the dump than the backup says there
// was: a small file can hold very much.
func guard(ctx context.Context, end context.CancelCauseFunc, bytes int64, size func(context.Context) (int64, error)) (stop func()) {
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
			if n, err := size(ctx); err == nil && n > limit {
				end(fmt.Errorf("%w: it grew to %d bytes, the backup says %d", errRefused, n, bytes))
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}
