package deploy

import (
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

const (
	oldID = "aaaaaaaaaaaa"
	newID = "bbbbbbbbbbbb"
)

// wantedShop is a release of an edge, a database, a migration and an API.
func wantedShop() Wanted {
	r := stack.Release{
		ID: newID, Project: "shop",
		Services: []stack.Service{
			{Name: "api", Layer: stack.LayerApp, Deployed: true, Definition: "api-2"},
			{Name: "db", Layer: stack.LayerData, Deployed: true, Definition: "db-1"},
			{Name: "edge", Layer: stack.LayerEdge, Deployed: true, Definition: "edge-1"},
			{Name: "migrate", Layer: stack.LayerApp, OneShot: true, Deployed: true},
			{Name: "ui", Layer: stack.LayerData, Definition: "ui-1"},
		},
		Networks: []stack.Network{{Name: "data"}, {Name: "others", External: true}},
		Files:    []stack.File{{Path: "releases/" + newID + "/app.yaml", Content: []byte("app")}},
		Images: []stack.Image{
			{Reference: "shop/api:dev", ID: "sha256:bbbb", Archive: "api.tar", Services: []string{"api", "migrate"}},
			{Reference: "postgres:16", Services: []string{"db"}},
		},
	}
	return Wanted{Release: r, Keep: 2, Pointed: []stack.File{{Path: "routes.yml", Content: []byte("new")}}}
}

func running(project, service, release, definition string, layer stack.Layer) stack.Container {
	return stack.Container{Project: project, Service: service, Release: release, Layer: layer, State: "running", Health: "healthy",
		Labels: map[string]string{stack.LabelProject: "shop", stack.LabelDefinition: definition}}
}

// seenShop is a host on which the old release serves.
func seenShop() stack.Observed {
	return stack.Observed{
		Live: oldID,
		Containers: []stack.Container{
			running("shop", "db", "", "db-1", stack.LayerData),
			running("shop", "edge", "", "edge-1", stack.LayerEdge),
			running("shop-"+oldID, "api", oldID, "api-1", stack.LayerApp),
			{Project: "blog", Service: "web", State: "running", Labels: map[string]string{}},
		},
		Networks: []string{"shop_data", "blog_default"},
		Images:   []stack.HostImage{{ID: "sha256:aaaa"}, {ID: "sha256:cccc", Tags: []string{"postgres:16"}}},
		Releases: []stack.ReleaseRecord{{ID: oldID, State: stack.ReleaseGood, Switched: time.Unix(10, 0)}},
		Files:    map[string]string{},
	}
}

// planText is a plan without its first line.
func planText(want Wanted, seen stack.Observed) string {
	_, steps, _ := strings.Cut(Plan(want, seen).String(), "\n")
	return steps
}

func TestPlanOfANewRelease(t *testing.T) {
	got := planText(wantedShop(), seenShop())
	want := `[1] ship-image shop/api:dev, the host lacks bbbb
[2] ship-files release bbbbbbbbbbbb, 1 of 1 files are not there
[3] migrate migrate, release aaaaaaaaaaaa is live
[4] start release bbbbbbbbbbbb, release aaaaaaaaaaaa is live
[5] gates pre-switch, no user sees a release that was not judged
[6] switch the edge to release bbbbbbbbbbbb, it points at aaaaaaaaaaaa
[7] drain release aaaaaaaaaaaa, release bbbbbbbbbbbb serves
[8] gates post-switch, what users get is judged from outside
[9] commit release bbbbbbbbbbbb, every gate has passed
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPlanOfAnEmptyHost(t *testing.T) {
	got := planText(wantedShop(), stack.Observed{Files: map[string]string{}})
	want := `[1] ship-image shop/api:dev, the host lacks bbbb
[2] pull-image postgres:16, the host lacks it and no archive holds it
[3] ship-files release bbbbbbbbbbbb, 1 of 1 files are not there
[4] data db, db is not there
[5] edge edge, edge is not there
[6] migrate migrate, nothing is live
[7] start release bbbbbbbbbbbb, nothing is live
[8] gates pre-switch, no user sees a release that was not judged
[9] switch the edge to release bbbbbbbbbbbb, it points nowhere
[10] gates post-switch, what users get is judged from outside
[11] commit release bbbbbbbbbbbb, every gate has passed
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// done is the host after the release was deployed.
func done() stack.Observed {
	seen := seenShop()
	seen.Live = newID
	seen.Containers[2] = running("shop-"+newID, "api", newID, "api-2", stack.LayerApp)
	seen.Images = append(seen.Images, stack.HostImage{ID: "sha256:bbbb"})
	seen.Releases = []stack.ReleaseRecord{{ID: newID, State: stack.ReleaseGood, Switched: time.Unix(20, 0)}}
	seen.Files = map[string]string{"releases/" + newID + "/app.yaml": hash([]byte("app")), EdgeDynamic + "/routes.yml": hash([]byte("new"))}
	return seen
}

func TestPlanOfNothingChangedOnlyJudges(t *testing.T) {
	got := planText(wantedShop(), done())
	want := `[1] gates pre-switch, no user sees a release that was not judged
[2] gates post-switch, what users get is judged from outside
[3] commit release bbbbbbbbbbbb, every gate has passed
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPlanRepairsWhatDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stack.Observed)
		want   string
	}{
		"database stopped":    {func(s *stack.Observed) { s.Containers[0].State = "exited" }, "data db, db is exited"},
		"database redefined":  {func(s *stack.Observed) { s.Containers[0].Labels[stack.LabelDefinition] = "db-0" }, "data db, db has another definition"},
		"edge removed":        {func(s *stack.Observed) { s.Containers[1].Service = "other" }, "edge edge, edge is not there"},
		"api unhealthy":       {func(s *stack.Observed) { s.Containers[2].Health = "unhealthy" }, "start release bbbbbbbbbbbb, api is unhealthy"},
		"route edited":        {func(s *stack.Observed) { s.Files[EdgeDynamic+"/routes.yml"] = "x" }, "switch the edge to release bbbbbbbbbbbb, routes.yml differs"},
		"release file edited": {func(s *stack.Observed) { s.Files["releases/"+newID+"/app.yaml"] = "x" }, "ship-files release bbbbbbbbbbbb"},
		"network removed":     {func(s *stack.Observed) { s.Networks = nil }, "data db, network data is not there"},
		"image removed":       {func(s *stack.Observed) { s.Images = s.Images[:2] }, "ship-image shop/api:dev, the host lacks bbbb"},
		"old one still runs": {func(s *stack.Observed) {
			s.Containers = append(s.Containers, running("shop-"+oldID, "api", oldID, "api-1", stack.LayerApp))
		}, "drain release aaaaaaaaaaaa"},
	} {
		seen := done()
		c.change(&seen)
		if got := planText(wantedShop(), seen); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%swant %q in it", name, got, c.want)
		}
	}
}

func TestPlanAnnouncesWhatCannotBeLossless(t *testing.T) {
	seen := done()
	seen.Containers[1].Labels[stack.LabelDefinition] = "edge-0"
	if p := Plan(wantedShop(), seen); len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "the edge itself") {
		t.Errorf("notes: %v", p.Notes)
	}
}

func TestRetentionKeepsGoodReleasesAndTheLastFailure(t *testing.T) {
	seen := seenShop()
	for i, r := range []struct {
		id    string
		state stack.ReleaseState
	}{{"cccccccccccc", stack.ReleaseGood}, {"dddddddddddd", stack.ReleaseFailed}, {"eeeeeeeeeeee", stack.ReleaseFailed}, {"ffffffffffff", stack.ReleaseStarted}} {
		seen.Releases = append(seen.Releases, stack.ReleaseRecord{ID: r.id, State: r.state, Switched: time.Unix(int64(9-i), 0)})
	}
	got := planText(wantedShop(), seen)
	for _, want := range []string{"prune release cccccccccccc, 2 good releases are kept", "prune release eeeeeeeeeeee, a later one failed too", "prune release ffffffffffff, its deploy was cut off"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swant %q in it", got, want)
		}
	}
	for _, not := range []string{"prune release " + oldID, "prune release " + newID, "prune release dddddddddddd"} {
		if strings.Contains(got, not) {
			t.Errorf("%q is in\n%s", not, got)
		}
	}
}

func TestEarlierPicksAGoodReleaseThatIsNotLive(t *testing.T) {
	seen := stack.Observed{Live: newID, Releases: []stack.ReleaseRecord{
		{ID: newID, State: stack.ReleaseGood, Switched: time.Unix(30, 0)},
		{ID: "cccccccccccc", State: stack.ReleaseFailed, Switched: time.Unix(25, 0)},
		{ID: oldID, State: stack.ReleaseGood, Switched: time.Unix(20, 0)},
		{ID: "dddddddddddd", State: stack.ReleaseGood, Switched: time.Unix(10, 0)},
	}}
	for id, want := range map[string]string{"": oldID, "dddd": "dddddddddddd"} {
		if r, err := Earlier(seen, id); err != nil || r.ID != want {
			t.Errorf("%q: got %s, %v", id, r.ID, err)
		}
	}
	for _, id := range []string{newID, "cccccccccccc", "unknown"} {
		if _, err := Earlier(seen, id); stack.CauseOf(err) != stack.CauseUsage {
			t.Errorf("%q: got %v", id, err)
		}
	}
}
