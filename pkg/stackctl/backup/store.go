package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// store is a place that can be dumped, and restored beside itself.
type store interface {
	// tidy ends and removes what runs that died left. The project's lock is
	// held, so nobody's work is ended.
	tidy(ctx context.Context) error
	// dump writes the content to what begin returns, and returns what was in it
	// at that instant. ErrEmpty: there is nothing, and begin was not called.
	dump(ctx context.Context, begin func() (io.Writer, error)) (Contents, error)
	// size is how many bytes the place takes.
	size(ctx context.Context) (int64, error)
	// check reads a dump's first bytes back.
	check(ctx context.Context, start []byte) error
	// load restores a content into a scratch beside the place and returns the
	// scratch's name. A name that is not empty is there, whatever the error.
	load(ctx context.Context, m Manifest, in io.Reader) (scratch string, err error)
	// look returns what a scratch holds.
	look(ctx context.Context, scratch string) (Contents, error)
	// swap lets a scratch take the place's place, which stays as former.
	swap(ctx context.Context, scratch, former string) error
	// back lets former take the place's place again, which is removed.
	back(ctx context.Context, former string) error
	// drop removes a scratch, dropFormer what restores replaced.
	drop(ctx context.Context, scratch string) error
	dropFormer(ctx context.Context) error
}

// store opens a place on the server.
func (b *Backups) store(ctx context.Context, p Place) (store, error) {
	switch p.Kind {
	case PostgreSQL:
		return b.postgres(ctx, p)
	case MySQL:
		return b.mysql(ctx, p)
	case Redis:
		return b.redis(ctx, p)
	case Files:
		return b.folder(ctx, p)
	}
	return nil, stack.Fault(stack.CauseUsage, "back up "+p.Name, fmt.Errorf("its kind %q is none that can be", p.Kind), "")
}

// place finds the place that a backup is of.
func (b *Backups) place(m Manifest) (Place, error) {
	var names []string
	for _, p := range b.Places {
		if p.Kind == m.kind() && (p.Name == m.Place || m.Place == "") {
			return p, nil
		}
		names = append(names, fmt.Sprintf("%s (%s)", p.Name, p.Kind))
	}
	return Place{}, stack.Fault(stack.CauseUsage, "restore "+m.Name, fmt.Errorf("it is of place %s (%s), which the project does not have", or(m.Place, "?"), m.kind()),
		"the project has "+or(strings.Join(names, ", "), "none")+"; name the place as it was when the backup was taken")
}

// placeName is the place that a record is of, as it is called today.
func (b *Backups) placeName(r Record) string {
	if r.Place != "" || !r.recorded() {
		return r.Place
	}
	for _, p := range b.Places {
		if p.Kind == PostgreSQL {
			return p.Name
		}
	}
	return ""
}

// containerOf finds the running container of a service of the project, in its
// base project or in the live release.
func (b *Backups) containerOf(ctx context.Context, service string) (stack.Container, error) {
	what := "find the container of service " + service
	list, err := b.Server.Containers(ctx)
	if err != nil {
		return stack.Container{}, fault(what, err, "")
	}
	var found stack.Container
	for _, c := range list {
		if b.owns(c) && c.Service == service && c.Away {
			return found, fault(what, fmt.Errorf("it is on %s with its data, and that does not answer", c.Node), stack.AdviseAway(c.Node))
		}
		if !b.owns(c) || c.Service != service || c.State != "running" {
			continue
		}
		if found.ID == "" || c.Started.After(found.Started) {
			found = c
		}
	}
	if found.ID == "" {
		return found, fault(what, errors.New("it does not run"), "start it with `stackctl deploy`")
	}
	return found, nil
}

// owns reports whether a container is of this project.
func (b *Backups) owns(c stack.Container) bool {
	return stack.Owns(c, b.Project) || b.Adopting && stack.ByCompose(c, b.Project)
}
