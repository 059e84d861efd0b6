package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// folder is a volume or a folder of the host as a store. It is read and
// written through a lent container, which has the folder that it lies in: what
// is restored is made beside it, on the same file system, and takes its place
// by a rename.
type folder struct {
	*Backups
	place Place
	// image is that of the service; it is on the host.
	image string
	// parent and base are where it is on the host.
	parent, base string
	// users are the running containers that have it.
	users []stack.Container
}

// errNoContainer means that nothing on the host has the place yet.
var errNoContainer = fmt.Errorf("%w: no container has it yet", ErrEmpty)

// folder finds where a place is on the host.
func (b *Backups) folder(ctx context.Context, p Place) (folder, error) {
	f := folder{Backups: b, place: p}
	what := "find where " + p.Name + " is on the host"
	list, err := b.Server.Containers(ctx)
	if err != nil {
		return f, fault(what, err, "")
	}
	var newest stack.Container
	for _, c := range list {
		if b.owns(c) && c.Service == p.Service && (newest.ID == "" || c.Started.After(newest.Started)) {
			newest = c
		}
	}
	if newest.ID == "" {
		return f, fault(what, errNoContainer, "deploy first")
	}
	source, err := b.sourceOf(ctx, newest.ID, p.Target)
	if err != nil {
		return f, fault(what, err, "deploy again: the running container is of another definition")
	}
	f.image, f.parent, f.base = newest.ImageID, path.Dir(source), path.Base(source)
	for _, c := range list {
		if c.State == "running" && has(c, source) {
			f.users = append(f.users, c)
		}
	}
	return f, nil
}

// has reports whether a container has a folder of the host, a folder around it,
// or one within it.
func has(c stack.Container, source string) bool {
	for _, m := range c.Mounts {
		if m == source || strings.HasPrefix(source, m+"/") || strings.HasPrefix(m, source+"/") {
			return true
		}
	}
	return false
}

// sourceOf returns the folder of the host that a container has at target.
func (b *Backups) sourceOf(ctx context.Context, container, target string) (string, error) {
	raw, err := b.Server.Inspect(ctx, container)
	if err != nil {
		return "", err
	}
	var seen struct {
		Mounts []struct{ Type, Source, Destination, Driver string }
	}
	if err := json.Unmarshal(raw, &seen); err != nil {
		return "", fmt.Errorf("read what the engine says of container %s: %w", container, err)
	}
	for _, m := range seen.Mounts {
		if path.Clean(m.Destination) != path.Clean(target) {
			continue
		}
		if m.Type == "volume" && m.Driver != "local" {
			return "", fmt.Errorf("its volume driver %q keeps it elsewhere: back it up there, and say `as: none` under backup.places", m.Driver)
		}
		if !path.IsAbs(m.Source) || path.Dir(m.Source) == "/" && path.Base(m.Source) == "/" {
			return "", fmt.Errorf("it is at %q", m.Source)
		}
		return path.Clean(m.Source), nil
	}
	return "", fmt.Errorf("container %s has nothing at %s", container, target)
}

// shell runs a script in a lent container.
type shell struct {
	server    Server
	container string
}

// lent runs what needs a shell in the folder.
func (f folder) lent(ctx context.Context, do func(s shell) error) error {
	id, err := f.Server.Lend(ctx, stack.Loan{Project: f.Project, Image: f.image, Tools: true, Folder: f.parent})
	if err != nil {
		return err
	}
	defer func() {
		late, cancel := aside(ctx)
		defer cancel()
		_ = f.Server.Return(late, id)
	}()
	return do(shell{f.Server, id})
}

// run runs a script with arguments and returns what it printed.
func (s shell) run(ctx context.Context, script string, args ...string) (string, error) {
	stdout, stderr := &head{limit: 1 << 20}, &head{limit: 4 << 10}
	exit, err := s.server.ExecStream(ctx, s.container, append([]string{"sh", "-c", script, "sh"}, args...), nil, stdout, stderr)
	if err == nil && exit != 0 {
		err = errors.New(or(stderr.line(), fmt.Sprintf("exit code %d", exit)))
	}
	return string(stdout.kept), err
}

// at is a path in the lent container.
func at(name string) string { return path.Join(stack.LoanFolder, name) }

// beside is what something that is made beside the folder is called.
func (f folder) beside(name string) string { return "." + name + "-" + f.base }

// sweepFolder removes what has a prefix and belongs to the folder.
const sweepFolder = `for f in "$1"/."$2"*-"$3"; do rest=${f#"$1/.$2"}; [ "${rest#*-}" = "$3" ] || continue; [ -e "$f" ] || continue; rm -rf -- "$f" || exit 1; done`

func (f folder) sweep(ctx context.Context, prefix string) error {
	return f.lent(ctx, func(s shell) error {
		_, err := s.run(ctx, sweepFolder, stack.LoanFolder, prefix, f.base)
		return err
	})
}

func (f folder) tidy(ctx context.Context) error {
	return fault("tidy up after an earlier run beside "+path.Join(f.parent, f.base), f.sweep(ctx, scratchPrefix), "")
}

func (f folder) drop(ctx context.Context, scratch string) error {
	return fault("remove "+scratch, f.sweep(ctx, strings.TrimSuffix(scratch, "-"+f.base)), "the next backup or restore removes it")
}

func (f folder) dropFormer(ctx context.Context) error {
	return fault("remove what the last restore replaced", f.sweep(ctx, formerPrefix), "")
}

func (f folder) check(context.Context, []byte) error { return nil }

// dump copies the files with their owners, modes, links and attributes.
func (f folder) dump(ctx context.Context, begin func() (io.Writer, error)) (found Contents, err error) {
	err = f.lent(ctx, func(s shell) error {
		from, notes, err := f.quiet(ctx, s)
		if err != nil {
			return err
		}
		if from != f.base {
			defer func() { _, _ = s.run(context.WithoutCancel(ctx), `rm -rf -- "$1"`, at(from)) }()
		}
		out, err := begin()
		if err != nil {
			return err
		}
		found, err = f.archive(ctx, s, from, out)
		found.Notes = append(notes, found.Notes...)
		return err
	})
	return found, fault("copy "+f.place.Name, err, fixFor(fmt.Sprint(err)))
}

// mostPaused is the most that is copied while services are paused without
// having been asked for.
const mostPaused = 1 << 30

// findSQLite prints the first database of SQLite in a folder.
const findSQLite = `find "$1" -xdev -type f -size +0 \( -name '*.db' -o -name '*.db3' -o -name '*.sqlite' -o -name '*.sqlite3' -o -name '*.s3db' -o -name '*.sdb' \) -exec sh -c '
for f do [ "$(head -c 15 "$f" | tr -d "\000")" = "SQLite format 3" ] && { printf "%s\n" "$f"; exit 0; }; done' sh {} + | head -n 1`

// quiet returns what to copy from: the folder itself, or a copy of it beside
// that was made while the services that write to it were held.
func (f folder) quiet(ctx context.Context, s shell) (from string, notes []string, err error) {
	while := f.place.While
	if while == "" {
		database, err := s.run(ctx, findSQLite, at(f.base))
		if err != nil {
			return "", nil, fmt.Errorf("look for databases of SQLite: %w", err)
		}
		if database = strings.TrimSpace(database); database != "" {
			while = Paused
			notes = append(notes, fmt.Sprintf("%s is a database of SQLite: what writes to it is paused while it is copied on the host", strings.TrimPrefix(database, at(f.base)+"/")))
		}
	}
	users := f.writers()
	if while == "" || while == Running || len(users) == 0 {
		return f.base, notes, nil
	}
	if err := f.fits(ctx, s, f.place.While == ""); err != nil {
		return "", nil, err
	}
	from = f.beside(scratchPrefix + random())
	began := f.Now()
	err = f.held(ctx, users, while == Stopped, func() error {
		_, err := s.run(ctx, `cp -a --reflink=auto --sparse=auto -- "$1" "$2"`, at(f.base), at(from))
		return err
	})
	notes = append(notes, fmt.Sprintf("%s for %s: %s", while, f.Now().Sub(began).Round(time.Millisecond), serviceNames(users)))
	if err != nil {
		_, _ = s.run(context.WithoutCancel(ctx), `rm -rf -- "$1"`, at(from))
	}
	return from, notes, err
}

func (f folder) size(ctx context.Context) (n int64, err error) {
	err = f.lent(ctx, func(s shell) error {
		out, err := s.run(ctx, `du -s -B1 -- "$1" | cut -f1`, at(f.base))
		if err != nil {
			return err
		}
		n, err = strconv.ParseInt(strings.TrimSpace(out), 10, 64)
		return err
	})
	return n, err
}

// fits refuses a copy beside the folder that the disk cannot hold, or that
// would pause services for long without having been asked for.
func (f folder) fits(ctx context.Context, s shell, unasked bool) error {
	out, err := s.run(ctx, `du -s -B1 -- "$1" | cut -f1 && df -B1 --output=avail -- "$1" | tail -n 1`, at(f.base))
	fields := strings.Fields(out)
	if err != nil || len(fields) != 2 {
		return fmt.Errorf("look how large %s is: %w", f.place.Name, errors.Join(err, errNoNumbers))
	}
	size, _ := strconv.ParseInt(fields[0], 10, 64)
	free, _ := strconv.ParseInt(fields[1], 10, 64)
	if size+spare > free {
		return fmt.Errorf("the copy beside it needs %d bytes, %d are free: free some space, or say `while: running` for %s under backup.places", size, free, f.place.Name)
	}
	if unasked && size > mostPaused {
		return fmt.Errorf("it holds a database of SQLite and %d bytes, which are copied while its services are paused: say `while: paused` or `while: stopped` for %s under backup.places, or `while: running` where it need not be consistent", size, f.place.Name)
	}
	return nil
}

var errNoNumbers = errors.New("du and df did not print two numbers")

// writers are the running containers of the project that have the folder.
func (f folder) writers() []stack.Container {
	var out []stack.Container
	for _, c := range f.users {
		if f.owns(c) {
			out = append(out, c)
		}
	}
	return out
}

func serviceNames(list []stack.Container) string {
	var out []string
	for _, c := range list {
		out = append(out, or(c.Service, c.Name))
	}
	return strings.Join(out, ", ")
}

// held runs something while containers are paused or stopped, and lets them go
// on whatever comes of it.
func (f folder) held(ctx context.Context, users []stack.Container, stop bool, do func() error) (err error) {
	defer func() {
		late, cancel := aside(ctx)
		defer cancel()
		for _, c := range users {
			err = errors.Join(err, f.Server.Release(late, c.ID))
		}
	}()
	for i, c := range users {
		if err := f.Server.Hold(ctx, c.ID, stop); err != nil {
			users = users[:i+1]
			return err
		}
	}
	return do()
}
