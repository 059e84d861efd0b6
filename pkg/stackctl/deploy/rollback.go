package deploy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/schemas"
	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Rollback leads the target back to a release that it kept: the named one, or
// the good one before the live one. It takes the same way as a deploy.
func (d *Deployer) Rollback(ctx context.Context, id string) (stack.Report, error) {
	s := d.begin("rollback")
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		return s.rollback(ctx, server, seen, id)
	}))
}

func (s *story) rollback(ctx context.Context, server node.Server, seen stack.Observed, id string) error {
	record, err := Earlier(seen, id)
	if err != nil {
		return err
	}
	if err := node.CheckFiles(ctx, server, s.d.Target, record); err != nil {
		return err
	}
	today, _ := s.d.freeze(ctx)
	r, err := s.readRelease(ctx, server, record.ID, today.Release)
	if err != nil {
		return err
	}
	r.Commit, r.Created = record.Commit, record.Created
	if r.Images, err = s.d.supplied(record, seen); err != nil {
		return err
	}
	if err := node.CheckMounts(ctx, server, s.d.Target, r); err != nil {
		return err
	}
	pointed, err := edge.Point(r.Edge.Dynamic, r.ID, r.Upstreams())
	if err != nil {
		return err
	}
	backing, err := s.d.backing(r)
	if err != nil {
		return err
	}
	want := Wanted{Release: r, Pointed: pointed, Back: true, Keep: s.d.Config.Retention.Releases, Backup: backing, Hooks: s.d.Config.Hooks}
	s.describe(want)
	if err := s.checkSchema(ctx, server, r); err != nil {
		return err
	}
	return s.lead(ctx, server, want)
}

// supplied tells from which archives images come that the host has lost. The
// record names those of whoever deployed the release: it may be another machine,
// or hold another image by now.
func (d *Deployer) supplied(record stack.ReleaseRecord, seen stack.Observed) ([]stack.Image, error) {
	held := map[string]stack.Image{}
	if d.hasArchives() {
		index, err := image.Index(d.Config.Images.Archives)
		if err != nil {
			return nil, err
		}
		for _, i := range index {
			held[i.ID] = i
		}
	}
	images := slices.Clone(record.Images)
	var gone []string
	for n, i := range images {
		if i.Archive == "" || slices.ContainsFunc(seen.Images, func(h stack.HostImage) bool { return h.ID == i.ID }) {
			continue
		}
		if here, ok := held[i.ID]; ok {
			images[n].Archive, images[n].Bytes = here.Archive, here.Bytes
			continue
		}
		gone = append(gone, i.Reference+" "+i.ID)
	}
	if len(gone) > 0 {
		return nil, stack.Fault(stack.CauseUsage, "roll back to release "+record.ID, errors.New("the host has lost images of it, and no archive in "+d.Config.Images.Archives+" holds them: "+strings.Join(gone, ", ")),
			"put their archives there, load them on the host with `docker load`, or roll back to another release")
	}
	return images, nil
}

// checkSchema refuses a release that cannot work with the schema as it is now:
// data is never rolled back with it.
func (s *story) checkSchema(ctx context.Context, server node.Server, r stack.Release) error {
	frozen, _ := server.ReadFile(ctx, s.d.Target.At(stack.ReleasePath(r.ID, stack.SchemaFile)))
	catalog, err := schemas.Now(ctx, gate.Subject{Release: r, Server: server})
	if err != nil {
		s.note("the live schema was not read, so the gates alone judge whether release " + r.ID + " can work with it: " + err.Error())
		return nil
	}
	why, known, err := misfits(r.ID, frozen, catalog)
	switch {
	case err != nil:
		return err
	case !known:
		s.note("release " + r.ID + " kept no schema, so the gates alone judge whether it can work with the live one")
	case why != "":
		return stack.Fault(stack.CauseUsage, "roll back to release "+r.ID, errors.New("the schema cannot carry it: "+why),
			"roll back to a later release, deploy a correction, or restore the backup that was taken before release "+s.report.Before+" with --any-schema and roll back then")
	}
	return nil
}

// Earlier picks the release to roll back to.
func Earlier(seen stack.Observed, id string) (stack.ReleaseRecord, error) {
	refuse := func(problem, fix string) (stack.ReleaseRecord, error) {
		return stack.ReleaseRecord{}, stack.Fault(stack.CauseUsage, "roll back", errors.New(problem), fix)
	}
	var good []stack.ReleaseRecord
	for _, r := range seen.Releases {
		if r.State == stack.ReleaseGood && r.ID != seen.Live {
			good = append(good, r)
		}
	}
	slices.SortFunc(good, stack.Newer)
	if id == "" {
		if len(good) == 0 {
			return refuse("no earlier good release is kept", "see `stackctl releases`")
		}
		return good[0], nil
	}
	if id == seen.Live {
		return refuse("release "+id+" is live", "name another one; see `stackctl releases`")
	}
	begin := func(r stack.ReleaseRecord) bool { return strings.HasPrefix(r.ID, id) }
	if named := slices.DeleteFunc(slices.Clone(good), func(r stack.ReleaseRecord) bool { return !begin(r) }); len(named) > 1 {
		return refuse("several releases begin with "+id+": "+ids(named), "name one of them in full")
	} else if len(named) == 1 {
		return named[0], nil
	}
	at := slices.IndexFunc(seen.Releases, begin)
	switch {
	case at < 0:
		return refuse("release "+id+" is not kept", cmp.Or(choices(good), "see `stackctl releases`"))
	case seen.Releases[at].ID == seen.Live:
		return refuse("release "+seen.Live+" is live", "name another one; see `stackctl releases`")
	case seen.Releases[at].State == stack.ReleaseUnreadable:
		return refuse(seen.Releases[at].Reason, "deploy that release again: it writes its record anew")
	}
	return refuse("release "+seen.Releases[at].ID+" was never good", cmp.Or(choices(good), "see `stackctl releases`"))
}

// choices names the releases that can be rolled back to; empty: there are none.
func choices(good []stack.ReleaseRecord) string {
	if len(good) == 0 {
		return ""
	}
	return "there is " + ids(good) + "; `stackctl releases` tells more"
}

func ids(records []stack.ReleaseRecord) string {
	var names []string
	for _, r := range records {
		names = append(names, r.ID)
	}
	return strings.Join(names, ", ")
}
