package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

const routes = "http:\n  routers:\n    api: {rule: Host(`shop.example`), service: api}\n  services:\n    api: {loadBalancer: {servers: [{url: \"http://api:8000\"}]}}\n"

// routed is the shop with a route, and the host as the edge points at release id.
func routed(t *testing.T, seen stack.Observed, id string) (Wanted, stack.Observed) {
	t.Helper()
	want := wantedShop()
	want.Release.Edge.Dynamic = []stack.File{{Path: "routes.yml", Content: []byte(routes)}}
	point := func(id string) []stack.File {
		as := want.Release
		as.ID = id
		files, err := edge.Point(as.Edge.Dynamic, id, as.Upstreams())
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	want.Pointed = point(newID)
	seen.Files[stack.EdgeDynamic+"/routes.yml"] = stack.Sum(point(id)[0].Content)
	return want, seen
}

func TestNewRoutesAreTriedBeforeTheEdgeSeesThem(t *testing.T) {
	want, seen := routed(t, seenShop(), oldID)
	if got := planText(want, seen); strings.Contains(got, "trial") {
		t.Errorf("only the upstreams differ, and yet:\n%s", got)
	}
	want, seen = routed(t, done(), newID)
	if p := Plan(want, seen); p.Changes() {
		t.Errorf("nothing differs, and yet:\n%s", p)
	}
	for name, c := range map[string]struct {
		change func(*Wanted, *stack.Observed)
		cause  string
	}{
		"a rule": {func(w *Wanted, _ *stack.Observed) {
			w.Release.Edge.Dynamic[0].Content = []byte(strings.Replace(routes, "Host", "HostRegexp", 1))
		}, "routes.yml differs in more than its upstreams"},
		"a file less": {func(_ *Wanted, s *stack.Observed) { s.Files[stack.EdgeDynamic+"/more.yml"] = "x" }, "more.yml goes away"},
		"the edge":    {func(_ *Wanted, s *stack.Observed) { s.Containers[1].Labels[stack.LabelDefinition] = "edge-0" }, "edge has another definition"},
		"nothing yet": {func(_ *Wanted, s *stack.Observed) { s.Live = "" }, "no edge has read them"},
	} {
		want, seen := routed(t, seenShop(), oldID)
		c.change(&want, &seen)
		got := planText(want, seen)
		trial, other := strings.Index(got, "trial the edge's files, "+c.cause), strings.Index(got, "] edge")
		if trial < 0 || other >= 0 && other < trial || strings.Index(got, "] switch") < trial {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// TestAProjectWithoutAnEdgeTriesNone: workers and bots have no routes, and
// nothing that could read them.
func TestAProjectWithoutAnEdgeTriesNone(t *testing.T) {
	want, seen := routed(t, seenShop(), oldID)
	seen.Live = ""
	want.Release.Services = slices.DeleteFunc(want.Release.Services, func(s stack.Service) bool { return s.Layer == stack.LayerEdge })
	if got := planText(want, seen); strings.Contains(got, "trial") || !strings.Contains(got, "start release") {
		t.Errorf("got\n%s", got)
	}
}

func TestWorkersOfTheOldReleaseStopBeforeTheGatesAndItsUpstreamsAfter(t *testing.T) {
	want, seen := wantedShop(), seenShop()
	want.Release.Edge.Routes = []stack.Route{{Name: "api", Service: "api"}, {Name: "dashboard"}}
	seen.Containers = append(seen.Containers, running("shop-"+oldID, "worker", oldID, "worker-1", stack.LayerApp))
	seen.Routed = []string{"api"}
	got := planText(want, seen)
	worker := strings.Index(got, "drain release "+oldID+": worker, the edge leads to none of them")
	gates, rest := strings.Index(got, "gates post-switch"), strings.Index(got, "drain release "+oldID+", release")
	if worker < strings.Index(got, "] switch") || gates < worker || rest < gates {
		t.Errorf("got\n%s", got)
	}
}

func TestServicesThatTheReleaseHasNoMoreAreRemoved(t *testing.T) {
	seen := done()
	optional := running("shop", "ui", "", "ui-1", stack.LayerData) // its profile is not chosen any more
	old := running("shop", "proxy", "", "proxy-1", stack.LayerEdge)
	moved := running("shop", "api", "", "api-1", stack.LayerData) // it is in the app layer now
	byHand := running("shop", "drill", "", "", stack.LayerData)
	trial := stack.Container{Project: stack.TrialProject("shop"), Service: "edge", State: "running"}
	neighbour := stack.Container{Project: "shop-trial", Service: "edge", State: "running", Layer: stack.LayerEdge, Labels: map[string]string{stack.LabelProject: "shop-trial", stack.LabelDefinition: "x"}}
	other := stack.Container{Project: "blog", Service: "ui", Layer: stack.LayerData, Labels: map[string]string{stack.LabelProject: "blog", stack.LabelDefinition: "x"}}
	seen.Containers = append(seen.Containers, optional, old, moved, byHand, neighbour, trial, other)
	want := `[1] remove proxy, the release has no such service
[2] remove the throwaway edge, its trial was cut off
[3] gates pre-switch, no user sees a release that was not judged
[4] gates post-switch, what users get is judged from outside
[5] commit release bbbbbbbbbbbb, every gate has passed
[6] remove api, ui, the release has no such service
`
	if got := planText(wantedShop(), seen); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWhatIsOnlyStartingIsWaitedForAndNotAnnouncedAsReplaced(t *testing.T) {
	seen := done()
	for i := range seen.Containers {
		seen.Containers[i].Health = "starting" // as after a reboot
	}
	p := Plan(wantedShop(), seen)
	for _, want := range []string{"data db, db is starting", "edge edge, edge is starting", "start release bbbbbbbbbbbb, api is starting"} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("got\n%swant %q in it", p, want)
		}
	}
	if len(p.Notes) > 0 {
		t.Errorf("notes: %v", p.Notes)
	}
}

func TestAReleaseThatWasCutOffBeforeItWasJudgedGivesWayToTheLastGoodOne(t *testing.T) {
	cut := []stack.ReleaseRecord{{ID: newID, State: stack.ReleaseStarted}, {ID: oldID, State: stack.ReleaseGood, Switched: time.Unix(10, 0)}}
	failed := stack.Fault(stack.CauseGate, "judge", nil, "")
	for name, c := range map[string]struct {
		records []stack.ReleaseRecord
		cause   error
		want    string
	}{
		"found bad":          {cut, failed, oldID},
		"stopped by hand":    {cut, stack.Fault(stack.CauseInterrupted, "judge", nil, ""), ""},
		"nothing else good":  {cut[:1], failed, ""},
		"it was good before": {[]stack.ReleaseRecord{{ID: newID, State: stack.ReleaseGood}, cut[1]}, failed, ""},
	} {
		if got := unjudged(stack.Observed{Live: newID, Releases: c.records}, newID, c.cause); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// A service that the edge leads to may have another name in the new release.
func TestARoutedServiceThatWasRenamedRunsOnUntilTheGatesHavePassed(t *testing.T) {
	want, seen := wantedShop(), seenShop()
	want.Release.Edge.Routes = []stack.Route{{Name: "api", Service: "web"}}
	want.Release.Services[0].Name = "web"
	seen.Routed = []string{"api"}
	seen.Containers = append(seen.Containers, running("shop-"+oldID, "worker", oldID, "worker-1", stack.LayerApp))
	got := planText(want, seen)
	if strings.Contains(got, "drain release "+oldID+": api") || !strings.Contains(got, "drain release "+oldID+": worker, the edge leads to none of them") {
		t.Errorf("got\n%s", got)
	}
}

func TestEveryContainerOfAServiceIsPlannedWith(t *testing.T) {
	seen := done()
	second := running("shop-"+newID, "api", newID, "api-2", stack.LayerApp)
	second.State = "exited"
	seen.Containers = append(seen.Containers, second)
	if got := planText(wantedShop(), seen); !strings.Contains(got, "start release bbbbbbbbbbbb, api is exited") {
		t.Errorf("got\n%s", got)
	}
}
