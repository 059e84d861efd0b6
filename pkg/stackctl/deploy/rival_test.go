package deploy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// keepingShop is the shop with an API that keeps uploads, a worker that needs
// the API, and a page that needs nothing; the old release runs.
func keepingShop() (Wanted, stack.Observed) {
	want, seen := wantedShop(), seenShop()
	r := &want.Release
	r.Services[0].Volumes = []stack.Mount{{Type: "volume", Source: "uploads", Target: "/up"}}
	r.Services[0].Strategy, r.Services[0].StrategyCause = stack.StrategyRecreate, "volume uploads is writable"
	r.Services = slices.DeleteFunc(r.Services, func(s stack.Service) bool { return s.OneShot })
	r.Services = append(r.Services,
		stack.Service{Name: "page", Layer: stack.LayerApp, Deployed: true, Strategy: stack.StrategyOverlap},
		stack.Service{Name: "worker", Layer: stack.LayerApp, Deployed: true, Strategy: stack.StrategyOverlap, DependsOn: map[string]string{"api": "service_started"}})
	r.Images, r.Files = nil, nil
	of(seen, "api").Writes = []string{"shop_uploads"}
	seen.Routed = []string{"api"}
	return want, seen
}

func TestAServiceThatKeepsSomethingIsStoppedBeforeItsSuccessorStarts(t *testing.T) {
	want, seen := keepingShop()
	got := Plan(want, seen)
	const steps = `[1] start release bbbbbbbbbbbb: page, release aaaaaaaaaaaa is live
[2] stop release aaaaaaaaaaaa: api, api starts: volume uploads is writable
[3] start release bbbbbbbbbbbb: api, worker, release aaaaaaaaaaaa is live
[4] gates pre-switch, no user sees a release that was not judged
[5] switch the edge to release bbbbbbbbbbbb, it points at aaaaaaaaaaaa
[6] gates post-switch, what users get is judged from outside
[7] commit release bbbbbbbbbbbb, every gate has passed
note: api is stopped before its successor starts (volume uploads is writable): it is away until the edge is switched
`
	if _, text, _ := strings.Cut(got.String(), "\n"); text != steps {
		t.Errorf("got\n%swant\n%s", text, steps)
	}
	// One that takes a name is removed: a stopped container keeps it.
	want.Release.Services[0].ContainerName, of(seen, "api").Name = "shop_api", "shop_api"
	if got := planText(want, seen); !strings.Contains(got, "[2] remove release aaaaaaaaaaaa: api, api starts: its container is called shop_api") {
		t.Errorf("got\n%s", got)
	}
}

// TestAPlanNamesWhatUsersSeeBeforeItIsJudged holds that a plan does not promise
// what its own edge cannot keep: a service that is reached by a name that lasts
// is its successor as soon as that listens.
func TestAPlanNamesWhatUsersSeeBeforeItIsJudged(t *testing.T) {
	want, seen := keepingShop()
	want.Release.Services[0].Upstream = "api"
	const cause = "gates pre-switch, no user sees a release that was not judged, but for api: users have it as soon as it listens\n"
	if got := planText(want, seen); !strings.Contains(got, cause) {
		t.Errorf("got\n%s", got)
	}
	seen.Routed = nil // nobody reaches it through the edge
	if got := planText(want, seen); !strings.Contains(got, "gates pre-switch, no user sees a release that was not judged\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestWhatWritesToTheSamePlaceUnderAnotherNameOrLayerIsStoppedToo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stack.Release, *stack.Observed)
		want   string // before the first start
	}{
		"renamed": {func(r *stack.Release, _ *stack.Observed) { r.Services[0].Name = "web" },
			"stop release aaaaaaaaaaaa: api, web starts: shop_uploads is writable"},
		"a database of the app moves to the data layer": {func(r *stack.Release, _ *stack.Observed) {
			r.Services[0].Name, r.Services[0].Layer = "store", stack.LayerData
		},
			"[1] stop release aaaaaaaaaaaa: api, store starts: shop_uploads is writable\n[2] data store"},
		"a data service moves to the app": {func(r *stack.Release, s *stack.Observed) {
			s.Containers = append(s.Containers, running("shop", "files", "", "files-1", stack.LayerData))
			s.Containers[len(s.Containers)-1].Writes = []string{"shop_uploads"}
		}, "stop files, api starts: shop_uploads is writable"},
		"a volume with a name of its own": {func(r *stack.Release, s *stack.Observed) {
			r.Services[0].Name, r.Volumes = "web", []stack.Volume{{Name: "uploads", Real: "media"}}
			of(*s, "api").Writes = []string{"media"}
		}, "stop release aaaaaaaaaaaa: api, web starts: media is writable"},
		"a port": {func(r *stack.Release, s *stack.Observed) {
			r.Services[0].Name, r.Services[0].Volumes = "web", nil
			r.Services[0].Ports = []stack.Port{{Published: "8080", Protocol: "tcp"}}
			of(*s, "api").Ports = []stack.Port{{Published: "8080", Protocol: "tcp"}}
		}, "stop release aaaaaaaaaaaa: api, web starts: port 8080 is published"},
		"an older stackctl froze it": {func(r *stack.Release, _ *stack.Observed) { r.Services[0].Strategy = "" },
			"stop release aaaaaaaaaaaa: api, api starts: volume uploads is writable"},
	} {
		want, seen := keepingShop()
		c.change(&want.Release, &seen)
		if got := planText(want, seen); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%swant %q in it", name, got, c.want)
		}
	}
	for name, change := range map[string]func(*stack.Release, *stack.Observed){
		"it may be shared": func(r *stack.Release, _ *stack.Observed) { r.Services[0].Strategy = stack.StrategyOverlap },
		"the place is another": func(r *stack.Release, s *stack.Observed) {
			r.Services[0].Name, of(*s, "api").Writes = "web", []string{"shop_media"}
		},
		"it is another project's":   func(r *stack.Release, s *stack.Observed) { of(*s, "api").Labels[stack.LabelProject] = "shop-eu" },
		"it has ended":              func(_ *stack.Release, s *stack.Observed) { of(*s, "api").State = "exited" },
		"it is only read by it now": func(r *stack.Release, s *stack.Observed) { r.Services[0].Name, of(*s, "api").Writes = "web", nil },
	} {
		want, seen := keepingShop()
		change(&want.Release, &seen)
		if got := planText(want, seen); strings.Contains(got, "] stop") {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

func TestAnUndoStopsTheSuccessorBeforeTheOldOneComesBack(t *testing.T) {
	want, before := keepingShop()
	now := before
	now.Containers = slices.Clone(before.Containers)
	of(now, "api").State = "exited"
	fresh := running("shop-"+newID, "api", newID, "api-2", stack.LayerApp)
	fresh.Writes = []string{"shop_uploads"}
	now.Containers = append(now.Containers, fresh)
	old := oldShop()
	old.Services[0].Volumes, old.Services[0].Strategy = want.Release.Services[0].Volumes, stack.StrategyRecreate
	u := Undone{Release: want.Release, Old: old, Before: before, Now: now, Cause: "a gate failed", Applied: []stack.Step{
		{Kind: stack.StepStop, Release: oldID, Services: []string{"api"}}, {Kind: stack.StepStart, Release: newID, Services: []string{"api", "worker"}}}}
	const steps = `[1] remove release bbbbbbbbbbbb: api, api of release aaaaaaaaaaaa comes back: it must not run twice
[2] start release aaaaaaaaaaaa: api, ran when the run began
[3] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[4] fail release bbbbbbbbbbbb, a gate failed
`
	if got := undoText(u); got != steps {
		t.Errorf("got\n%swant\n%s", got, steps)
	}
	u.Blind, u.Now = true, before
	if got := undoText(u); !strings.HasPrefix(got, "[1] remove release bbbbbbbbbbbb: api, it must not run beside what comes back\n[2] stop release aaaaaaaaaaaa: api") {
		t.Errorf("where the server cannot be looked at:\n%s", got)
	}
}

func TestAOneShotOfARunThatWasCutOffIsWaitedFor(t *testing.T) {
	migrating := func(release string) stack.Container {
		c := running("shop-"+release, "migrate", release, "", stack.LayerApp)
		c.Labels[stack.LabelOnce] = "true"
		return c
	}
	for _, release := range []string{oldID, newID, "cccccccccccc"} {
		seen := seenShop()
		seen.Containers = append(seen.Containers, migrating(release))
		got := planText(wantedShop(), seen)
		wait, next := strings.Index(got, "wait migrate of release "+release+", a run that was cut off began it"), strings.Index(got, "backup")
		if wait < 0 || wait > next || strings.Contains(got, "drain release cccccccccccc") {
			t.Errorf("got\n%s", got)
		}
	}
}

// ending is a server on which a one-shot ends after some looks.
type ending struct {
	node.Server
	looks *int
}

func (e ending) Containers(context.Context) ([]stack.Container, error) {
	if *e.looks--; *e.looks < 0 {
		return nil, nil
	}
	c := running("shop-"+oldID, "migrate", oldID, "", stack.LayerApp)
	c.Name, c.Labels[stack.LabelOnce] = "shop-migrate-1", "true"
	return []stack.Container{c}, nil
}

func TestWaitingForAOneShotHasAnEndAndSaysWhatToDo(t *testing.T) {
	step := stack.Step{Kind: stack.StepWait, Subject: "migrate", Services: []string{"migrate"}, Release: oldID}
	looks := 1
	x := &executor{story: operator("/srv/shop", "run", 0), server: ending{looks: &looks}, want: wantedShop()}
	x.d.Config.Timeouts.Migrate = time.Minute
	if detail, err := x.wait(t.Context(), step); err != nil || detail != "it has ended" {
		t.Errorf("%q, %v", detail, err)
	}
	looks, x.d.Config.Timeouts.Migrate = 1<<30, time.Millisecond
	if _, err := x.wait(t.Context(), step); err == nil || !strings.Contains(err.Error(), "docker stop shop-migrate-1") {
		t.Error(err)
	}
}

func TestARollbackRunsNoOneShotOfTheOlderRelease(t *testing.T) {
	want := wantedShop()
	want.Back = true
	if got := planText(want, seenShop()); strings.Contains(got, "migrate") || strings.Contains(got, "backup") {
		t.Errorf("got\n%s", got)
	}
}

func TestADataServiceThatRunsOnceRunsOncePerDefinition(t *testing.T) {
	for name, c := range map[string]struct {
		definition string
		exit       int
		want       string
	}{
		"it ran":          {"seed-1", 0, ""},
		"it failed":       {"seed-1", 3, "data seed, seed has failed (exit code 3)"},
		"it is redefined": {"seed-0", 0, "data seed, seed has another definition"},
	} {
		want, seen := wantedShop(), done()
		want.Release.Services = append(want.Release.Services, stack.Service{Name: "seed", Layer: stack.LayerData, OneShot: true, Deployed: true, Definition: "seed-1"})
		seed := running("shop", "seed", "", c.definition, stack.LayerData)
		seed.State, seed.ExitCode = "exited", c.exit
		seen.Containers = append(seen.Containers, seed)
		got := planText(want, seen)
		if c.want == "" && strings.Contains(got, "seed") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// TestWhatNeedsAStoreStartsWithTheRest: a store keeps data and is there before
// any release. Two starts, one after the other, would take twice as long.
func TestWhatNeedsAStoreStartsWithTheRest(t *testing.T) {
	want, seen := wantedShop(), seenShop()
	want.Release.Services = append(want.Release.Services,
		stack.Service{Name: "page", Layer: stack.LayerApp, Deployed: true, Strategy: stack.StrategyOverlap})
	for i, s := range want.Release.Services {
		switch s.Name {
		case "db":
			want.Release.Services[i].Strategy = stack.StrategyRecreate
		case "api":
			want.Release.Services[i].Strategy, want.Release.Services[i].DependsOn = stack.StrategyOverlap, map[string]string{"db": "service_healthy"}
		}
	}
	if got := planText(want, seen); strings.Count(got, "] start release") != 1 {
		t.Errorf("got\n%s", got)
	}
}
