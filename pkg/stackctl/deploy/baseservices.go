package deploy

import (
	"context"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// brokenBase names the services of the edge and the data layer that ran before
// this run and must be brought back: those that run no more, whoever ended them,
// and data services that this run replaced and that are not well, or keep nothing.
// A store that is well stays as it is: what it wrote meanwhile may be unreadable
// to the one before.
func (x *executor) brokenBase(ctx context.Context) []string {
	now, err := x.server.Containers(ctx)
	if err != nil {
		return nil // what follows says so
	}
	project := x.want.Release.Project
	var names []string
	for _, c := range x.seen.Containers {
		if c.Project != project || c.State != "running" || c.Health == "unhealthy" {
			continue // there is nothing of it to bring back
		}
		replaced := slices.Contains(x.replaced, c.Service)
		runs, well := false, false
		for _, n := range now {
			if n.Project == project && n.Service == c.Service && n.State == "running" {
				runs, well = true, n.Health != "unhealthy" && n.Health != "starting"
				replaced = replaced && n.ID != c.ID // the step may have failed before it
			}
		}
		if !runs || replaced && (!well || !x.keepsData(c.Service)) {
			names = append(names, c.Service)
		}
	}
	return names
}

// keepsData says that a service has a volume.
func (x *executor) keepsData(service string) bool {
	s, _ := x.want.Release.Service(service)
	return slices.ContainsFunc(s.Volumes, func(m stack.Mount) bool { return m.Type == "volume" })
}

// restoreBase gives services beside the old release the definition that they had
// with it: the edge where this run touched it, and what was broken.
func (x *executor) restoreBase(ctx context.Context, old string, broken []string) error {
	if old == "" {
		return nil
	}
	r, err := x.readRelease(ctx, x.server, old, x.want.Release)
	if err != nil {
		return err
	}
	var names []string
	for _, s := range r.Services {
		if s.Layer != stack.LayerApp && s.Deployed && (x.edged && s.Layer == stack.LayerEdge || slices.Contains(broken, s.Name)) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err = x.server.Up(ctx, r.Project, r.Base, names, nil)
	return err
}
