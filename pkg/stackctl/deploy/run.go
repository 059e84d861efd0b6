package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Deploy puts the release that the operator's files make on the target, and
// leaves the old one serving if anything about it is not good.
func (d *Deployer) Deploy(ctx context.Context) (stack.Report, error) {
	s := d.begin("deploy")
	return s.end(ctx, s.deploy(ctx))
}

func (s *story) deploy(ctx context.Context) error {
	if err := s.buildHooks(ctx); err != nil {
		return err
	}
	want, err := s.frozen(ctx)
	if err != nil {
		return err
	}
	return s.locked(ctx, func(ctx context.Context, server node.Server) error { return s.lead(ctx, server, want) })
}

// lead brings a server to what is wanted, under the lock.
func (s *story) lead(ctx context.Context, server node.Server, want Wanted) error {
	x, plan, err := s.planned(ctx, server, want)
	if err != nil {
		return err
	}
	if plan.Changes() {
		if err := x.open(ctx); err != nil {
			return err
		}
		if len(x.want.Rehearse) == 0 { // else they are ordered once it went well
			if err := x.noteOrders(ctx, x.orders); err != nil {
				return err
			}
		}
	}
	failure := x.run(ctx, plan)
	if failure == nil {
		return Judged(s.hooked) // what is live stays so
	}
	if last := x.applied; x.committed && len(last) > 0 && last[len(last)-1].Kind == stack.StepHook {
		s.note("the release is good and stays live: a hook after it was cut off")
		return failure
	}
	failure = s.cut(ctx, server, failure)
	if forsaken(ctx, failure) {
		x.abandon()
		return failure
	}
	failure = explained(ctx, server, s.d.Target, failure)
	if err := x.undo(ctx, failure); err != nil {
		return x.stranded(ctx, failure, err)
	}
	return failure
}

// cut tells a step that failed because the connection is gone, or its host shuts
// down, from one that failed on a server that answers. The lock may notice it a
// moment later.
func (s *story) cut(ctx context.Context, server node.Server, failure error) error {
	if failure == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if known := new(stack.Error); errors.As(cause, &known) && stack.CauseOf(failure) != known.Cause {
		return fmt.Errorf("%w; meanwhile: %w", cause, failure)
	}
	if ctx.Err() != nil || stack.CauseOf(failure) == stack.CauseUnreachable {
		return failure
	}
	if err := node.CheckReachable(ctx, server, s.d.Target); err != nil {
		return fmt.Errorf("%w; meanwhile: %w", err, failure)
	}
	return failure
}

// frozen makes the release and judges what can be judged without a server.
func (s *story) frozen(ctx context.Context) (Wanted, error) {
	var want Wanted
	err := s.phase("freeze", func() (detail string, err error) {
		want, err = s.d.freeze(ctx)
		if err == nil {
			s.describe(want)
		}
		return "release " + want.Release.ID, err
	})
	if err != nil {
		return want, err
	}
	if dir := s.d.Config.Images.Archives; dir != "" && !s.d.hasArchives() && s.d.Config.Policy != stack.PolicyStandard {
		s.note("there is no folder " + dir + " (images.archives): the host pulls every image, and each must be pinned by digest")
	}
	return want, s.phase("check", func() (string, error) {
		return "", s.judge(ctx, stack.PhaseStatic, gate.Subject{Release: want.Release})
	})
}

func (s *story) connect(ctx context.Context) (node.Server, error) {
	var server node.Server
	t := s.d.Target
	return server, s.phase("connect", func() (detail string, err error) {
		server, err = s.d.Connect(ctx, t)
		s.server = server
		if err == nil {
			for _, one := range server.Absent() {
				s.note(one.String() + "; nothing is placed there")
			}
		}
		return t.User + "@" + t.Where(), err
	})
}

// locked connects, takes the lock, and runs a part of the story under both.
func (s *story) locked(ctx context.Context, part func(ctx context.Context, server node.Server) error) error {
	server, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	for _, m := range server.Members() { // always in the same order, so that two runs cannot wait for each other
		lock := node.Lock{Project: s.d.Config.Project, Target: s.d.Target, Owner: s.d.Owner, Run: s.d.Run, Wait: s.d.LockWait, Note: s.note}
		locked, unlock, err := lock.Take(ctx, m)
		if err != nil {
			return fullDisk(ctx, server, s.d.Target, err)
		}
		defer unlock()
		ctx = locked
	}
	returned, err := server.Align(ctx)
	if err != nil {
		return fullDisk(ctx, server, s.d.Target, err)
	}
	for _, name := range returned {
		s.note(name + " was away: it has the releases and routes of the others now")
	}
	return part(ctx, server)
}

// held also observes what is there before it runs a part of the story.
func (s *story) held(ctx context.Context, part func(ctx context.Context, server node.Server, seen stack.Observed) error) error {
	return s.locked(ctx, func(ctx context.Context, server node.Server) error {
		seen, err := s.observe(ctx, server, nil)
		if err != nil {
			return err
		}
		s.report.Before, s.report.Live = seen.Live, seen.Live
		return part(ctx, server, seen)
	})
}

// planned observes the server and plans.
func (s *story) planned(ctx context.Context, server node.Server, want Wanted) (*executor, stack.Plan, error) {
	x := &executor{story: s, server: server, want: want}
	if err := x.look(ctx); err != nil {
		return nil, stack.Plan{}, err
	}
	if err := checkPlatform(want.Release, x.seen.Host); err != nil {
		return nil, stack.Plan{}, err
	}
	x.spareEdge(ctx)
	x.markStuck(ctx, edgePatience)
	if err := s.checkMaintenance(ctx, server); err != nil {
		return nil, stack.Plan{}, err
	}
	if err := cmp.Or(checkPlain(want.Release.Project, s.d.Target, x.seen), checkHome(want.Release.Project, s.d.Target, x.seen), checkStrangers(want.Release, s.d.Target, x.seen, s.d.Adopt), checkIngress(want.Release, s.d.Target, x.seen),
		checkVolumes(want.Release, s.d.Target, x.seen)); err != nil {
		return nil, stack.Plan{}, err
	}
	if s.report.Verb != "rollback" { // the way back stays open
		var err error
		if x.orders, want.Rehearse, err = s.checkPublic(ctx, server, want.Release, x.seen.Live, s.hostNow()); err != nil {
			return nil, stack.Plan{}, err
		}
		x.want.Rehearse = want.Rehearse
	}
	s.noteUnreadable(x.seen, want.Release.ID)
	x.record = s.recordOf(want.Release, x.seen)
	if live := x.seen.Record(x.seen.Live); live.ID != want.Release.ID {
		if err := node.CheckFiles(ctx, server, s.d.Target, live); err != nil {
			s.note(err.Error())
		}
	}
	if what := node.LostContainers(ctx, server, s.d.Target); what != "" {
		s.note(what + "; " + node.EndLost)
	}
	s.report.Before, s.report.Live = x.seen.Live, x.seen.Live
	if err := x.place(ctx, &want); err != nil {
		return nil, stack.Plan{}, err
	}
	plan := Plan(want, x.seen)
	s.report.Plan, x.draining = plan, draining(plan)
	s.artifact("plan.txt", []byte(plan.String()))
	for _, n := range plan.Notes {
		s.note(n)
	}
	return x, plan, x.fits(plan, want)
}

// look observes the server and the routes that its edge has.
func (x *executor) look(ctx context.Context) error {
	return x.phase("observe", func() (detail string, err error) {
		if x.seen, err = x.observe(ctx, x.server, x.want.interest()); err != nil {
			return "", err
		}
		x.before, err = node.ReadDynamic(ctx, x.server, x.d.Target)
		return fmt.Sprintf("%d containers, release %s is live", len(x.seen.Containers), cmp.Or(x.seen.Live, "none")), err
	})
}

// fits returns an error where the server cannot take what is planned. The way back
// stays open: what stands against a rollback is a note.
func (x *executor) fits(plan stack.Plan, want Wanted) error {
	r := want.Release
	for _, err := range []error{checkBuilt(plan, r), checkPorts(plan, r, x.d.Target, x.seen), checkRoom(plan, r, x.seen), checkMemory(plan, want, x.seen)} {
		if err == nil {
			continue
		}
		if x.report.Verb != "rollback" {
			return err
		}
		x.note(err.Error())
	}
	return nil
}

// recordOf is what the host will remember of a release.
func (s *story) recordOf(r stack.Release, seen stack.Observed) stack.ReleaseRecord {
	for _, old := range seen.Releases {
		if old.ID == r.ID && old.State != stack.ReleaseUnreadable {
			if old.ID != seen.Live {
				old.By = s.d.Owner
			}
			if len(r.Files) > 0 { // a release that was read back from the host has none
				old.Files = node.Sums(r)
			}
			identify(old.Images, seen.Images)
			return old
		}
	}
	images := slices.Clone(r.Images)
	identify(images, seen.Images)
	return stack.ReleaseRecord{ID: r.ID, Commit: r.Commit, Created: r.Created, By: s.d.Owner, Images: images, Files: node.Sums(r)}
}

// Plan returns the steps that a deploy would take and changes nothing.
func (d *Deployer) Plan(ctx context.Context) (stack.Report, error) {
	s := d.begin("plan")
	return s.end(ctx, func() error {
		want, err := s.frozen(ctx)
		if err != nil {
			return err
		}
		server, err := s.connect(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = server.Close() }()
		_, _, err = s.planned(ctx, server, want)
		return err
	}())
}

// Check judges what can be judged without a server.
func (d *Deployer) Check(ctx context.Context) (stack.Report, error) {
	s := d.begin("check")
	want, err := s.frozen(ctx)
	if err == nil && want.Backup.Missing != "" && len(want.Release.OneShots()) > 0 {
		s.note(noBackup(want.Backup.Missing))
	}
	return s.end(ctx, err)
}

// Verify lets the gates judge what runs now.
func (d *Deployer) Verify(ctx context.Context) (stack.Report, error) {
	s := d.begin("verify")
	return s.end(ctx, s.verify(ctx))
}

func (s *story) verify(ctx context.Context) error {
	var want Wanted
	err := s.phase("freeze", func() (detail string, err error) {
		want, err = s.d.freeze(ctx)
		return "release " + want.Release.ID, err
	})
	if err != nil {
		return err
	}
	server, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	seen, err := s.observe(ctx, server, want.interest())
	if err != nil {
		return err
	}
	s.report.Before, s.report.Live = seen.Live, seen.Live
	if seen.Live == "" {
		return stack.Fault(stack.CauseUsage, "verify "+s.d.Target.Where(), fmt.Errorf("no release is live"), "run `stackctl deploy` first")
	}
	if err := s.checkMaintenance(ctx, server); err != nil {
		return err
	}
	edited := node.CheckFiles(ctx, server, s.d.Target, seen.Record(seen.Live))
	if seen.Live != want.Release.ID {
		if edited != nil {
			return edited
		}
		if want.Release, err = s.liveRelease(ctx, server, want.Release, seen); err != nil {
			return err
		}
	}
	s.describe(want)
	x := &executor{story: s, server: server, want: want, seen: seen}
	subject := x.subject(ctx)
	first := edited
	for _, phase := range []stack.Phase{stack.PhaseStatic, stack.PhasePre, stack.PhasePost} {
		if err := s.judge(ctx, phase, subject); err != nil && (first == nil || stack.CauseOf(err) == stack.CauseGate && stack.CauseOf(first) != stack.CauseGate) {
			first = err
		}
		if ctx.Err() != nil {
			return stack.Interrupted(ctx, "verify")
		}
	}
	return s.cut(ctx, server, first)
}

// liveRelease reads back the release that is live, where the files make another one.
func (s *story) liveRelease(ctx context.Context, server node.Server, made stack.Release, seen stack.Observed) (stack.Release, error) {
	s.note("the files make release " + made.ID + ", but " + seen.Live + " is live: the live one is judged by what was frozen with it")
	live, err := s.readRelease(ctx, server, seen.Live, made)
	for _, record := range seen.Releases {
		if record.ID == seen.Live { // which images it runs is in its record
			live.Images, live.Commit = record.Images, record.Commit
		}
	}
	return live, err
}

// outside dials from where the operator is.
type outside struct{}

func (outside) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	return dialer.DialContext(ctx, network, address)
}

// readRelease reads a frozen release back from the host. What only the operator
// has, such as the values of secrets, comes from the files of today.
func (s *story) readRelease(ctx context.Context, server node.Server, id string, today stack.Release) (stack.Release, error) {
	r, err := node.ReadRelease(ctx, server, s.d.Target, id)
	if err == nil {
		r.Known = today.Known
	}
	return r, err
}

// forsaken reports whether a run may touch the server no more: another one may be
// at work there, or it cannot be reached.
func forsaken(ctx context.Context, err error) bool {
	cause := context.Cause(ctx)
	return stack.CauseOf(err) == stack.CauseUnreachable || cause != nil && (errors.Is(cause, node.ErrLockLost) || stack.CauseOf(cause) == stack.CauseUnreachable)
}

// noteUnreadable names the releases no rollback can lead to, and what to do.
func (s *story) noteUnreadable(seen stack.Observed, wanted string) {
	for _, r := range seen.Releases {
		if r.State != stack.ReleaseUnreadable {
			continue
		}
		fix := "deploy that release again, or remove " + s.d.Target.At(stack.ReleasePath(r.ID)) + " on the host"
		if r.ID == wanted {
			fix = "this deploy writes it anew"
		}
		s.note("no rollback can lead to release " + r.ID + ": " + r.Reason + "; " + fix)
	}
}
