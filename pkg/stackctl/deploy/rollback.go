package deploy

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// Rollback leads the target back to a release that it kept: the named one, or
// the good one before the live one. It takes the same way as a deploy.
func (d *Deployer) Rollback(ctx context.Context, id string) (stack.Report, error) {
	s := d.begin("rollback")
	return s.end(ctx, s.rollback(ctx, id))
}

func (s *story) rollback(ctx context.Context, id string) error {
	server, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	ctx, unlock, err := s.lock(ctx, server)
	if err != nil {
		return err
	}
	defer unlock()
	seen, err := observe(ctx, server, s.d.Target, nil, s.d.Now())
	if err != nil {
		return err
	}
	record, err := Earlier(seen, id)
	if err != nil {
		return err
	}
	today, _ := s.d.freeze(ctx)
	r, err := s.kept(ctx, server, record.ID, today.Release)
	if err != nil {
		return err
	}
	r.Images, r.Commit, r.Created = record.Images, record.Commit, record.Created
	pointed, err := edge.Point(r.Edge.Dynamic, r.ID, r.AppServices())
	if err != nil {
		return err
	}
	want := Wanted{Release: r, Pointed: pointed, Keep: s.d.Config.Retention.Releases}
	s.describe(want)
	return s.lead(ctx, server, want)
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
	sort.Slice(good, func(i, j int) bool { return good[i].Switched.After(good[j].Switched) })
	if id == "" {
		if len(good) == 0 {
			return refuse("no earlier good release is kept", "see `stackctl releases`")
		}
		return good[0], nil
	}
	if id == seen.Live {
		return refuse("release "+id+" is live", "name another one; see `stackctl releases`")
	}
	for _, r := range good {
		if strings.HasPrefix(r.ID, id) {
			return r, nil
		}
	}
	return refuse(fmt.Sprintf("release %s is not kept, or was never good", id), "see `stackctl releases`")
}

func splitPath(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}
