//go:build linux

package deploy

import (
	"context"
	"io/fs"
	"slices"
	"testing"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// standing is a server with these containers, that notes what is brought back.
type standing struct {
	node.Server
	now []stack.Container
	up  *[]string
}

func (s standing) Containers(context.Context) ([]stack.Container, error) { return s.now, nil }
func (standing) RemoveAll(context.Context, string) error                 { return nil }
func (standing) RemoveProject(context.Context, string) error             { return nil }
func (s standing) Up(_ context.Context, _ string, _ []byte, services []string, _ func(string, string)) ([]string, error) {
	*s.up = append(*s.up, services...)
	return nil, nil
}

func (standing) ReadFile(_ context.Context, name string) ([]byte, error) {
	if path := "/srv/shop/releases/old/frozen.json"; name == path {
		return []byte(`{"id": "old", "project": "shop", "services": [
			{"name": "edge", "layer": "edge", "deployed": true}, {"name": "db", "layer": "data", "deployed": true},
			{"name": "cache", "layer": "data", "deployed": true}, {"name": "api", "layer": "app", "deployed": true}]}`), nil
	}
	return nil, nil
}

func (standing) WriteFile(context.Context, string, []byte, fs.FileMode) error { return nil }

func TestWhatRanBesideTheOldReleaseIsBroughtBack(t *testing.T) {
	base := func(service, state, health string) stack.Container {
		return stack.Container{ID: "old " + service, Project: "shop", Service: service, State: state, Health: health}
	}
	fresh := func(service, state, health string) []stack.Container {
		c := base(service, state, health)
		c.ID = "new " + service
		return []stack.Container{c}
	}
	db := stack.Service{Name: "db", Layer: stack.LayerData, Volumes: []stack.Mount{{Type: "volume", Source: "data"}}}
	for name, c := range map[string]struct {
		replaced []string
		now      []stack.Container
		want     []string
	}{
		"all is as it was":               {nil, nil, nil},
		"the edge was killed":            {nil, []stack.Container{base("edge", "exited", "none")}, []string{"edge"}},
		"a store is paused":              {nil, []stack.Container{base("db", "paused", "unhealthy")}, []string{"db"}},
		"a store recovers by itself":     {nil, []stack.Container{base("db", "running", "unhealthy")}, nil},
		"a cache was removed":            {nil, []stack.Container{{Project: "shop", Service: "cache"}}, []string{"cache"}},
		"a new cache keeps crashing":     {[]string{"cache"}, fresh("cache", "restarting", "unhealthy"), []string{"cache"}},
		"a new cache is well":            {[]string{"cache"}, fresh("cache", "running", "none"), []string{"cache"}},
		"a cache that no step got to":    {[]string{"cache"}, nil, nil},
		"a new store is well":            {[]string{"db"}, fresh("db", "running", "healthy"), nil},
		"a new store does not get well":  {[]string{"db"}, fresh("db", "running", "starting"), []string{"db"}},
		"a worker of somebody else died": {nil, []stack.Container{{Project: "other", Service: "edge", State: "exited"}}, nil},
	} {
		before := []stack.Container{base("edge", "running", "healthy"), base("db", "running", "healthy"), base("cache", "running", "none"), base("ops", "exited", "none")}
		now := slices.Clone(before)
		for _, changed := range c.now {
			if i := slices.IndexFunc(now, func(n stack.Container) bool { return n.Project == changed.Project && n.Service == changed.Service }); i >= 0 {
				now[i] = changed
			} else {
				now = append(now, changed)
			}
		}
		var up []string
		x := &executor{story: operator("/srv/shop", "run", 0), server: standing{now: now, up: &up}, replaced: c.replaced,
			seen: stack.Observed{Live: "old", Containers: before}, want: Wanted{Release: stack.Release{ID: "new", Project: "shop", Services: []stack.Service{db, {Name: "cache", Layer: stack.LayerData}}}}}
		if err := x.undo(t.Context(), stack.Fault(stack.CauseStep, "start", fs.ErrNotExist, "")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(up, c.want) {
			t.Errorf("%s: %v was brought back, want %v", name, up, c.want)
		}
	}
}
