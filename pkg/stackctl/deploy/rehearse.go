package deploy

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Rehearsal is a release whose images and files are on a server, apart from what is
// deployed there: its files are in a folder of their own, stack.RehearsalDir, and
// nothing of it runs.
type Rehearsal struct {
	Server  node.Server
	Release stack.Release
	// Pace is by how much more time things need on this line than on a good one.
	Pace float64
}

// Rehearse freezes the release for a folder of its own below the target's, brings
// its images and files there under the project's lock, and calls use. Then the
// folder is removed with what services wrote there; images stay, as a deploy needs
// them too.
func (d *Deployer) Rehearse(ctx context.Context, use func(ctx context.Context, r Rehearsal) error) error {
	s, apart := d.begin("rehearse"), *d
	apart.Target.Path = d.Target.At(stack.RehearsalDir)
	var want Wanted
	err := s.phase("freeze", func() (detail string, err error) {
		want, err = apart.freeze(ctx)
		return "release " + want.Release.ID, err
	})
	if err != nil {
		return err
	}
	return s.locked(ctx, func(ctx context.Context, server node.Server) (err error) {
		x := &executor{story: s, server: server, want: want}
		if x.seen, err = s.observe(ctx, server, nil); err != nil {
			return err
		}
		p := planner{want: want, seen: x.seen, r: want.Release}
		p.images()
		for _, err := range []error{checkPlatform(want.Release, x.seen.Host), checkRoom(p.plan, want.Release, x.seen)} {
			if err != nil {
				return err
			}
		}
		if err := x.run(ctx, p.plan); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, x.endRehearsal(ctx, apart.Target.Path)) }()
		if err := x.rehearsalFiles(ctx, apart.Target.Path); err != nil {
			return err
		}
		return use(ctx, Rehearsal{Server: server, Release: want.Release, Pace: max(1, s.pace)})
	})
}

// rehearsalFiles writes what the services mount. A run that was cut off may have
// left its own: that goes first.
func (x *executor) rehearsalFiles(ctx context.Context, root string) error {
	if err := x.endRehearsal(ctx, root); err != nil {
		return err
	}
	what := "write the rehearsal's files to " + root
	if err := x.server.MkdirAll(ctx, path.Join(root, stack.DataFolder), 0o700); err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	if _, err := x.server.WriteFiles(ctx, root, x.want.Release.Files); err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	return node.Seed(ctx, x.server, root, x.want.Release.Persistent)
}

// endRehearsal removes the rehearsal's folder. What services wrote there may be any
// user's: a lent container removes that.
func (x *executor) endRehearsal(ctx context.Context, root string) error {
	ctx, cancel := node.Aside(ctx)
	defer cancel()
	if err := x.dropWritten(ctx, path.Join(root, stack.DataFolder)); err != nil {
		return err
	}
	if err := x.server.RemoveAll(ctx, root); err != nil {
		return stack.Fault(stack.CauseStep, "remove the rehearsal's files in "+root, err, "remove the folder on the host as root")
	}
	return nil
}

func (x *executor) dropWritten(ctx context.Context, dir string) error {
	image := ""
	for _, i := range x.want.Release.Images {
		if i.ID != "" {
			image = i.ID
			break
		}
		image = i.Reference
	}
	there, err := x.server.Run(ctx, "test", "-d", dir)
	if err != nil || there.Exit != 0 || image == "" {
		return err
	}
	what := "remove what services wrote to " + dir
	id, err := x.server.Lend(ctx, stack.Loan{Project: x.want.Release.Project, Image: image, Tools: true, Folder: dir})
	if err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	out, err := x.server.Exec(ctx, id, "find", stack.LoanFolder, "-mindepth", "1", "-delete")
	if err == nil && out.Exit != 0 {
		err = fmt.Errorf("it ended with exit code %d: %s", out.Exit, lastLines(strings.TrimSpace(string(out.Stderr)), 1))
	}
	if err = errors.Join(err, x.server.Return(ctx, id)); err != nil {
		return stack.Fault(stack.CauseStep, what, err, "remove the folder on the host as root")
	}
	return nil
}
