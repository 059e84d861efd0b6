package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Mover is what a cluster can do beside a server: take a node's data elsewhere.
type Mover interface {
	// VolumesOn are the volumes of all projects on a node.
	VolumesOn(ctx context.Context, node string) ([]stack.Kept, error)
	// BeginMove lets what a node holds count no more, EndMove ends a move that went well,
	// and UndoMove one that did not.
	BeginMove(ctx context.Context, node string, kept []stack.Kept) error
	EndMove(ctx context.Context) error
	UndoMove(ctx context.Context, kept []stack.Kept) error
	// SetAvailable lets a node run containers, or none.
	SetAvailable(ctx context.Context, node string, is bool) error
	// RemovePlain removes the containers of a project that are of no service of the
	// cluster, and StartStores starts the stores among them that were ended.
	StartStores(ctx context.Context, project string) error
	RemovePlain(ctx context.Context, project string) ([]string, error)
}

// Draining is which node is to run nothing, and what its data comes from.
type Draining struct {
	Node string
	// From is the backup of each place where the node does not answer: "latest".
	From string
}

// Drain moves what the project keeps on a node to another one by a backup and its
// restore, and lets the node run nothing more.
func (d *Deployer) Drain(ctx context.Context, w Draining) (stack.Report, error) {
	s := d.begin("drain")
	places, err := d.found(ctx)
	if err != nil {
		return s.end(ctx, err)
	}
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		s.report.Release = seen.Live
		m, err := s.moves(w.Node, server)
		if err != nil {
			return err
		}
		kept, err := m.VolumesOn(ctx, w.Node)
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(slices.Clone(kept), func(k stack.Kept) bool { return k.Project == d.Config.Project })
		kept = slices.DeleteFunc(kept, func(k stack.Kept) bool { return k.Project != d.Config.Project })
		if seen.Live != "" {
			v := &move{story: s, server: server, seen: seen, mover: m, kept: kept, node: w.Node, from: w.From}
			if err := v.run(ctx, places, seen.Live); err != nil {
				return s.unlessStopped(ctx, err)
			}
		}
		if len(others) > 0 {
			o := others[0]
			return stack.Fault(stack.CauseStep, "drain "+w.Node, fmt.Errorf("nothing of this project keeps data there any more, and project %s keeps volume %s there: the node goes on", o.Project, o.Volume), "run `stackctl node drain "+w.Node+"` for that project")
		}
		return s.phase("drain", func() (string, error) { return w.Node + " runs nothing more", m.SetAvailable(ctx, w.Node, false) })
	}))
}

// Activate lets a node run containers again.
func (d *Deployer) Activate(ctx context.Context, name string) (stack.Report, error) {
	s := d.begin("activate")
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, _ stack.Observed) error {
		m, err := s.moves(name, server)
		if err != nil {
			return err
		}
		return s.phase("activate", func() (string, error) {
			return name + " runs what may run there: an edge at once, the rest with the next release", m.SetAvailable(ctx, name, true)
		})
	}))
}

// moves is the cluster that a node is of.
func (s *story) moves(name string, server node.Server) (Mover, error) {
	m, is := server.(Mover)
	if !is || !slices.ContainsFunc(s.d.Target.Nodes, func(n stack.Node) bool { return n.Name == name }) {
		return nil, stack.Fault(stack.CauseUsage, s.report.Verb+" "+name, errors.New("target "+s.d.Target.Name+" has no such node"), "`stackctl node list` shows its nodes")
	}
	return m, nil
}

// move is what a project has on a node, on its way to others.
type move struct {
	*story
	server node.Server
	seen   stack.Observed
	mover  Mover
	kept   []stack.Kept
	node   string
	from   string
	// names are the services whose data is moved.
	names []string
}

// run moves everything, or leads all back.
func (v *move) run(ctx context.Context, places []backup.Place, live string) error {
	what := "move what " + v.node + " has"
	away := slices.ContainsFunc(v.server.Absent(), func(a stack.Absent) bool { return a.Node == v.node })
	if err := v.asked(what, away); err != nil {
		return err
	}
	moved, err := v.covered(places)
	if err != nil {
		return stack.Fault(stack.CauseUsage, what, err, "nothing was changed")
	}
	r, err := v.readRelease(ctx, v.server, live, stack.Release{})
	if err != nil {
		return err
	}
	if err := v.mover.BeginMove(ctx, v.node, v.kept); err != nil {
		return stack.Fault(stack.CauseUsage, what, err, "")
	}
	placed, err := placement(ctx, v.server, r)
	if err != nil {
		return err
	}
	for _, s := range placed {
		v.note(s.String())
	}
	if err := v.hasImages(r, placed); err != nil {
		return stack.Fault(stack.CauseUsage, what, err, "run `stackctl deploy`: it brings the images of stores to the nodes labelled "+stack.NodeData)
	}
	if len(moved) > 0 {
		err = v.phase("stop", func() (string, error) {
			return "release " + r.ID + " answers nobody while its data moves", v.server.Stop(ctx, r.AppProject(), time.Minute)
		})
		if err == nil {
			err = v.carry(ctx, r, moved, away)
		}
	}
	return v.settle(ctx, r, err)
}

// hasImages returns an error where a node that takes a store over lacks its image.
func (v *move) hasImages(r stack.Release, placed []stack.Slot) error {
	p := planner{want: Wanted{Slots: placed}, seen: v.seen, r: r}
	for _, i := range r.Images {
		nodes, lacks := p.lacking(i)
		if lacks && slices.ContainsFunc(i.Services, func(s string) bool { return slices.Contains(v.names, s) }) {
			return fmt.Errorf("%s lacks image %s of %s; nothing was changed", strings.Join(nodes, ", "), i.Reference, strings.Join(i.Services, ", "))
		}
	}
	return nil
}

// asked refuses what cannot be meant.
func (v *move) asked(what string, away bool) error {
	switch {
	case away && v.from == "" && len(v.kept) > 0:
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("%s does not answer, and volume %s is there", v.node, v.kept[0].Volume), stack.AdviseAway(v.node)+"; what was written since is lost then")
	case v.from != "" && v.from != "latest":
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("--from is latest, not %q", v.from), "the newest backup of each place is taken; restore an older one afterwards")
	case !away && v.from != "":
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("%s answers: what it holds now is moved, not a backup", v.node), "run it without --from")
	}
	return nil
}

// settle starts the release on the nodes that are left, or where it was when its data
// could not be moved.
func (v *move) settle(ctx context.Context, r stack.Release, failed error) error {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.stretch(undoTime))
	defer cancel()
	if failed != nil {
		failed = errors.Join(failed, v.phase("undo", func() (string, error) { return v.node + " has its data as it was", v.mover.UndoMove(late, v.kept) }))
	}
	var names []string
	for _, service := range r.Services {
		if service.Layer == stack.LayerApp && service.Deployed && !service.OneShot {
			names = append(names, service.Name)
		}
	}
	return errors.Join(failed, v.phase("start", func() (string, error) {
		_, err := v.server.Up(late, r.AppProject(), r.App, names, nil)
		return "release " + r.ID + " serves", err
	}))
}

// undoTime bounds the way back of a move, and the start of what was stopped for it.
const undoTime = 3 * time.Minute

// carry takes backups, starts the stores elsewhere and fills them.
func (v *move) carry(ctx context.Context, r stack.Release, places []backup.Place, away bool) error {
	b := v.d.backups(v.server, places, v.hostNow, v.bytes("move"))
	opened, err := v.source(ctx, b, r.ID, away)
	defer func() {
		for _, o := range opened {
			o.Close()
		}
	}()
	if err != nil {
		return err
	}
	err = v.phase("data", func() (string, error) {
		_, err := v.server.Up(ctx, r.Project, r.Base, v.names, nil)
		return strings.Join(v.names, ", ") + " run elsewhere, empty", err
	})
	for _, o := range opened {
		if err != nil {
			return err
		}
		err = v.phase("restore", func() (string, error) {
			done, err := b.Restore(ctx, o)
			v.artifactJSON(artifactOf("restore", o.Place.Name, len(opened)), done)
			return fmt.Sprintf("%s of %s, taken %s: %s", o.Manifest.Name, o.Place.Name, o.Manifest.Created.Format(time.RFC3339), outcomeText(done.Outcome)), err
		})
	}
	if err != nil {
		return err
	}
	for _, k := range v.kept {
		v.note("volume " + k.Volume + " stays on " + v.node + " as it was, and is not used: remove it there by hand once it is not needed")
	}
	return v.mover.EndMove(ctx)
}

// source opens what the data is restored from: the backups that are taken for it, or of a
// node that is away the newest of each place.
func (v *move) source(ctx context.Context, b *backup.Backups, release string, away bool) (opened []*backup.Opened, err error) {
	names := make([]string, len(b.Places))
	for i, p := range b.Places {
		names[i] = "latest:" + p.Name
	}
	if !away {
		err = v.phase("backup", func() (detail string, err error) {
			names, detail, err = v.takeEach(ctx, b, backup.Reason{Cause: "before its data leaves " + v.node, Release: release})
			return detail, errors.Join(err, v.checkTaken(b.Places, names))
		})
	}
	for _, name := range names {
		if err != nil {
			return opened, err
		}
		var o *backup.Opened
		if o, err = b.Open(ctx, name); err == nil {
			opened = append(opened, o)
		}
	}
	return opened, err
}

// checkTaken returns an error where a place has no backup of now: a store that does not run
// looks like an empty one.
func (v *move) checkTaken(places []backup.Place, names []string) error {
	for i, name := range names {
		if name == "" {
			return stack.Fault(stack.CauseStep, "move "+places[i].Name, errors.New("it holds nothing that a backup could take"),
				"see whether "+places[i].Service+" runs; where it is meant to be empty, remove its Swarm service and its volume on "+v.node+" by hand, and deploy")
		}
	}
	return nil
}

// covered are the places of what is kept on the node. What cannot be moved is refused.
func (v *move) covered(places []backup.Place) ([]backup.Place, error) {
	var out []backup.Place
	for _, k := range v.kept {
		i := slices.IndexFunc(places, func(p backup.Place) bool {
			return p.Service == k.Service && (p.Target == "" || p.Name == k.Volume) || p.Name == k.Volume && slices.Contains(p.Writers, k.Service)
		})
		switch {
		case k.Layer != stack.LayerData:
			return nil, fmt.Errorf("service %s of the app layer keeps volume %s there, which is moved by hand alone: copy it to a volume of that name on another node, remove the Swarm's services %s-* and deploy", k.Service, k.Volume, k.Compose)
		case i < 0:
			return nil, fmt.Errorf("volume %s of service %s is not backed up (`stackctl backup places` says why)", k.Volume, k.Service)
		}
		if !slices.Contains(v.names, k.Service) {
			v.names = append(v.names, k.Service)
		}
		if !slices.ContainsFunc(out, func(p backup.Place) bool { return p.Name == places[i].Name }) {
			out = append(out, places[i])
		}
	}
	why, err := backup.Ready(v.d.Config.Backup)
	if err == nil && why != "" {
		err = errors.New(why)
	}
	return out, err
}
