package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// attributes are what tar keeps of a file beside owner, mode and times.
const attributes = `--xattrs --xattrs-include='user.*' --xattrs-include=security.capability --acls`

// packScript writes a folder; the order of names decides which of two hard
// links is the file.
const packScript = `exec tar --create --format=posix --sort=name --numeric-owner --sparse ` + attributes + ` -C "$1" .`

// unpackScript makes a folder of what it reads.
const unpackScript = `umask 077; mkdir -- "$1" && exec tar --extract --numeric-owner --same-owner --preserve-permissions ` + attributes + ` -C "$1"`

// archive writes a folder and returns what was in it.
func (f folder) archive(ctx context.Context, s shell, from string, out io.Writer) (Contents, error) {
	r, w := io.Pipe()
	index := newIndex()
	read := make(chan error, 1)
	go func() {
		err := index.read(r)
		_ = r.CloseWithError(err)
		read <- err
	}()
	stderr := &head{limit: 64 << 10}
	exit, err := s.server.ExecStream(ctx, s.container, []string{"timeout", fmt.Sprint(int(deadline.Seconds())), "sh", "-c", packScript, "sh", at(from)}, nil, io.MultiWriter(out, w), stderr)
	_ = w.CloseWithError(io.EOF)
	unread := <-read
	switch {
	case err != nil:
		return Contents{}, err
	case exit > 1:
		return Contents{}, fmt.Errorf("tar ended with exit code %d: %s", exit, stderr.line())
	case unread != nil:
		return Contents{}, fmt.Errorf("read what tar wrote: %w", unread)
	}
	found := index.contents()
	if exit == 1 {
		found.Notes = append(found.Notes, "written to while it was copied: "+changed(string(stderr.kept)))
	}
	return found, nil
}

// changed names the files of which tar says that they changed.
func changed(said string) string {
	var names []string
	for line := range strings.Lines(said) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "tar: "), ": ")
		if ok && strings.HasPrefix(name, "./") {
			names = append(names, strings.TrimPrefix(name, "./"))
		}
	}
	more := ""
	if len(names) > 5 {
		names, more = names[:5], fmt.Sprintf(" and %d more", len(names)-5)
	}
	return or(strings.Join(names, ", ")+more, "tar does not say what")
}

func (f folder) load(ctx context.Context, m Manifest, in io.Reader) (scratch string, err error) {
	scratch = f.beside(scratchPrefix + random())
	what := "restore " + m.Name + " beside " + path.Join(f.parent, f.base)
	err = f.lent(ctx, func(s shell) error {
		stderr := &head{limit: 4 << 10}
		exit, err := s.server.ExecStream(ctx, s.container, []string{"sh", "-c", unpackScript, "sh", at(scratch)}, in, io.Discard, stderr)
		if err == nil && exit != 0 {
			err = fmt.Errorf("tar ended with exit code %d: %s", exit, stderr.line())
		}
		return err
	})
	return strings.TrimPrefix(scratch, "."), fault(what, err, fixFor(fmt.Sprint(err)))
}

func (f folder) look(ctx context.Context, scratch string) (found Contents, err error) {
	err = f.lent(ctx, func(s shell) error {
		found, err = f.archive(ctx, s, "."+scratch, io.Discard)
		return err
	})
	return found, err
}

// swapScript renames the live folder away and another one to its name, both or none.
const swapScript = `cd -- "$1" && mv -T -- "$2" "$4" && { mv -T -- "$3" "$2" || { mv -T -- "$4" "$2"; exit 1; }; }`

func (f folder) swap(ctx context.Context, scratch, former string) error {
	return f.exchange(ctx, "."+scratch, f.beside(former))
}

func (f folder) back(ctx context.Context, former string) error {
	bad := f.beside(scratchPrefix + random())
	if err := f.exchange(ctx, f.beside(former), bad); err != nil {
		return err
	}
	return f.drop(ctx, strings.TrimPrefix(bad, "."))
}

// exchange lets one folder take the live one's place, which gets another name.
// Who has the live one open is stopped for that moment: it would go on writing
// to what has another name now.
func (f folder) exchange(ctx context.Context, next, name string) error {
	what := "switch " + f.place.Name + " to what was restored"
	users := f.writers()
	if len(users) != len(f.users) {
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("containers of other projects have %s too: %s", path.Join(f.parent, f.base), f.strangers()),
			"stop them, and run the same command again")
	}
	// Once it began, an interruption must not leave half of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	err := f.lent(ctx, func(s shell) error {
		return f.held(ctx, users, true, func() error {
			_, err := s.run(ctx, swapScript, stack.LoanFolder, f.base, next, name)
			return err
		})
	})
	fix := "the live one is untouched; run the same command again"
	if err != nil && strings.Contains(err.Error(), "busy") {
		err = errors.Join(err, errors.New("a file system is mounted there"))
		fix = "the live one is untouched; rehearse with --drill, and copy by hand what is needed"
	}
	return fault(what, err, fix)
}

func (f folder) strangers() string {
	var out []string
	for _, c := range f.users {
		if !f.owns(c) {
			out = append(out, c.Name)
		}
	}
	return strings.Join(out, ", ")
}
