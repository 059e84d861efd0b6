package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/backup"
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
			{Name: "api", Layer: stack.LayerApp, Deployed: true, Definition: "api-2", Networks: []string{"data", "others"}},
			{Name: "db", Layer: stack.LayerData, Deployed: true, Definition: "db-1"},
			{Name: "edge", Layer: stack.LayerEdge, Deployed: true, Definition: "edge-1"},
			{Name: "migrate", Layer: stack.LayerApp, OneShot: true, Deployed: true},
			{Name: "ui", Layer: stack.LayerData, Definition: "ui-1"},
		},
		Networks: []stack.Network{{Name: "data"}, {Name: "others", Real: "others", External: true}},
		Files:    []stack.File{{Path: "releases/" + newID + "/app.yaml", Content: []byte("app")}},
		Images: []stack.Image{
			{Reference: "shop/api:dev", ID: "sha256:bbbb", Archive: "api.tar", Services: []string{"api", "migrate"}},
			{Reference: "postgres:16", Services: []string{"db"}},
		},
	}
	return Wanted{Release: r, Keep: 2, Backup: Backing{Places: []backup.Place{{Name: "db", Kind: backup.PostgreSQL, Service: "db"}}}, Pointed: []stack.File{{Path: "routes.yml", Content: []byte("new")}}}
}

func running(project, service, release, definition string, layer stack.Layer) stack.Container {
	return stack.Container{Project: project, Service: service, Release: release, Layer: layer, State: "running", Health: "healthy", Networks: []string{"shop_data"},
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
		Networks: []string{"shop_data", "blog_default", "others"},
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
[2] ship-files release bbbbbbbbbbbb, 1 of 1 files are not there, or differ
[3] backup db, migrations may change what it holds
[4] migrate migrate, release aaaaaaaaaaaa is live
[5] start release bbbbbbbbbbbb, release aaaaaaaaaaaa is live
[6] gates pre-switch, no user sees a release that was not judged
[7] switch the edge to release bbbbbbbbbbbb, it points at aaaaaaaaaaaa
[8] gates post-switch, what users get is judged from outside
[9] drain release aaaaaaaaaaaa, release bbbbbbbbbbbb serves
[10] commit release bbbbbbbbbbbb, every gate has passed
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPlanOfAnEmptyHost(t *testing.T) {
	got := planText(wantedShop(), stack.Observed{Files: map[string]string{}})
	want := `[1] ship-image shop/api:dev, the host lacks bbbb
[2] pull-image postgres:16, the host lacks it and no archive holds it
[3] ship-files release bbbbbbbbbbbb, 1 of 1 files are not there, or differ
[4] network others, the files call it external, and the server has none of that name
[5] data db, db is not there
[6] edge edge, edge is not there
[7] backup db, there is nothing to back up unless its volume held data before
[8] migrate migrate, nothing is live
[9] start release bbbbbbbbbbbb, nothing is live
[10] gates pre-switch, no user sees a release that was not judged
[11] switch the edge to release bbbbbbbbbbbb, it points nowhere
[12] gates post-switch, what users get is judged from outside
[13] commit release bbbbbbbbbbbb, every gate has passed
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
	seen.Files = map[string]string{"releases/" + newID + "/app.yaml": stack.Sum([]byte("app")), stack.EdgeDynamic + "/routes.yml": stack.Sum([]byte("new"))}
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
		"database redefined":  {func(s *stack.Observed) { s.Containers[0].Labels[stack.LabelDefinition] = "db-0" }, "[1] backup db, its container is replaced\n[2] data db, db has another definition"},
		"edge removed":        {func(s *stack.Observed) { s.Containers[1].Service = "other" }, "edge edge, edge is not there"},
		"api unhealthy":       {func(s *stack.Observed) { s.Containers[2].Health = "unhealthy" }, "start release bbbbbbbbbbbb, api is unhealthy"},
		"edge unhealthy":      {func(s *stack.Observed) { s.Containers[1].Health = "unhealthy" }, "edge edge, edge is unhealthy"},
		"route edited":        {func(s *stack.Observed) { s.Files[stack.EdgeDynamic+"/routes.yml"] = "x" }, "switch the edge to release bbbbbbbbbbbb, routes.yml differs"},
		"release file edited": {func(s *stack.Observed) { s.Files["releases/"+newID+"/app.yaml"] = "x" }, "ship-files release bbbbbbbbbbbb"},
		"network removed":     {func(s *stack.Observed) { s.Networks = nil }, "data db, network data is not there"},
		"network left":        {func(s *stack.Observed) { s.Containers[2].Networks = nil }, "start release bbbbbbbbbbbb, api is off network data"},
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
	for id, why := range map[string]string{
		newID: "is live", newID[:5]: "is live", "cccc": "release cccccccccccc was never good; there is " + oldID + ", dddddddddddd", "unknown": "release unknown is not kept; there is " + oldID,
	} {
		if _, err := Earlier(seen, id); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v", id, err)
		}
	}
	seen.Releases = append(seen.Releases, stack.ReleaseRecord{ID: "ddddeeeeeeee", State: stack.ReleaseGood})
	if r, err := Earlier(seen, "dddd"); err == nil || !strings.Contains(err.Error(), "dddddddddddd, ddddeeeeeeee") {
		t.Errorf("two releases begin with it: got %s, %v", r.ID, err)
	}
}

func TestPlanBacksUpOnceAndSaysWhereItCannot(t *testing.T) {
	seen := seenShop()
	seen.Containers[0].Labels[stack.LabelDefinition] = "db-0"
	if got := planText(wantedShop(), seen); strings.Count(got, "backup db") != 1 || strings.Index(got, "backup db") > strings.Index(got, "data db") {
		t.Errorf("got\n%s", got)
	}
	without := wantedShop()
	without.Backup.Missing = "there is no key"
	p := Plan(without, seenShop())
	if strings.Contains(p.String(), "] backup") || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "no backup is taken") || !strings.Contains(p.Notes[0], "there is no key") {
		t.Errorf("got\n%s", p)
	}
	without.Release.Services = slices.DeleteFunc(without.Release.Services, func(s stack.Service) bool { return s.OneShot })
	if p := Plan(without, seenShop()); len(p.Notes) != 0 {
		t.Errorf("nothing changes the data, but the notes are %v", p.Notes)
	}
}

func TestAReleaseThatTheSchemaCannotCarryIsNamedWithItsReason(t *testing.T) {
	column := func(name string, notNull, filled bool) string {
		return fmt.Sprintf(`{"t":"public.users","c":%q,"y":"text","n":%t,"d":%t}`, name, notNull, filled)
	}
	catalog := func(columns ...string) []byte {
		return []byte(`{"columns":[` + strings.Join(columns, ",") + `],"constraints":1,"indexes":1}`)
	}
	frozen := []byte(`{"catalog":` + string(catalog(column("email", true, false), column("name", false, false))) + `}`)
	for name, c := range map[string]struct {
		frozen, live []byte
		why          string
		known        bool
	}{
		"the same":            {frozen, catalog(column("email", true, false), column("name", false, false)), "", true},
		"a column was added":  {frozen, catalog(column("email", true, false), column("name", false, false), column("bio", false, false)), "", true},
		"a column is gone":    {frozen, catalog(column("email", true, false)), "public.users.name (column dropped or renamed)", true},
		"a column must be":    {frozen, catalog(column("email", true, false), column("name", false, false), column("age", true, false)), "public.users.age", true},
		"nothing was kept":    {nil, catalog(column("email", true, false)), "", false},
		"no catalog was kept": {[]byte(`{}`), catalog(column("email", true, false)), "", false},
	} {
		why, known, err := misfits(oldID, c.frozen, c.live)
		if err != nil || known != c.known || c.why == "" && why != "" || !strings.Contains(why, c.why) {
			t.Errorf("%s: got %q, %t, %v; want %q", name, why, known, err, c.why)
		}
	}
	if _, _, err := misfits(oldID, []byte("{"), catalog(column("email", true, false))); err == nil {
		t.Error("a broken file is believed")
	}
}

func TestTheSchemaCheckRunsLikeItsServiceUnderNoNameOfIts(t *testing.T) {
	const compose = `services:
  api: {image: "a:1"}
  admin:
    image: a:1
    command: [admin]
    healthcheck: {test: [CMD, x]}
    networks: {data: {aliases: [admin-1]}}
`
	got, once, err := onceLike([]byte(compose), "admin", []string{"/server", "schema-check"})
	want := `services:
    admin-once:
        command: []
        entrypoint:
            - /server
            - schema-check
        image: a:1
        networks:
            data: null
`
	if err != nil || string(got) != want || once != "admin-once" {
		t.Errorf("got %s %s, %v", once, got, err)
	}
	if _, _, err := onceLike([]byte("services: {}"), "admin", nil); err == nil {
		t.Error("a service that is not there is run")
	}
}

func TestOnlyAClearWordSaysThatNothingIsPending(t *testing.T) {
	for text, want := range map[string]int{`{"head":4,"pending":[]}`: 0, `{"head":4,"pending":["a","b"]}`: 2} {
		if n, err := pendingOf(stack.Output{Stdout: []byte(text)}); err != nil || n != want {
			t.Errorf("%s: got %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "{}", `{"head":4}`, `{"head":4,"pending":null}`, `{"pending":[]}`, `{"head":0,"pending":[]}`, "nothing"} {
		if n, err := pendingOf(stack.Output{Stdout: []byte(text)}); err == nil {
			t.Errorf("%q says %d", text, n)
		}
	}
}

func TestWhatIsUnhealthyIsStartedAnewButNoStore(t *testing.T) {
	seen := done()
	for i := range seen.Containers {
		seen.Containers[i].Health = "unhealthy"
	}
	r := wantedShop().Release
	if got := unresponsive(seen, r, r.Project, []string{"db", "edge"}); !slices.Equal(got, []string{"edge"}) {
		t.Errorf("of the base: %v", got)
	}
	if got := unresponsive(seen, r, r.AppProject(), []string{"api"}); !slices.Equal(got, []string{"api"}) {
		t.Errorf("of the release: %v", got)
	}
	for i := range seen.Containers {
		seen.Containers[i].Node = "node1"
	}
	if got := unresponsive(seen, r, r.Project, []string{"db", "edge"}); got != nil {
		t.Errorf("on a cluster: %v", got)
	}
	if got := unresponsive(done(), r, r.Project, []string{"db", "edge"}); got != nil {
		t.Errorf("of what is well: %v", got)
	}
	gone := done()
	gone.Unrouted = true
	if got := unresponsive(gone, r, r.Project, []string{"db", "edge"}); !slices.Equal(got, []string{"edge"}) {
		t.Errorf("without the folder of routes: %v", got)
	}
	if got := planText(wantedShop(), gone); !strings.Contains(got, "edge reads routes from a folder that is gone") {
		t.Errorf("the plan:\n%s", got)
	}
}
