package deploy

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// oldShop is the release that served before wantedShop.
func oldShop() stack.Release {
	return stack.Release{ID: oldID, Project: "shop", Services: []stack.Service{
		{Name: "api", Layer: stack.LayerApp, Deployed: true, Definition: "api-1"},
		{Name: "cache", Layer: stack.LayerData, Deployed: true, Definition: "cache-1"},
		{Name: "db", Layer: stack.LayerData, Deployed: true, Definition: "db-1", Volumes: []stack.Mount{{Type: "volume", Source: "data"}}},
		{Name: "edge", Layer: stack.LayerEdge, Deployed: true, Definition: "edge-1"},
		{Name: "worker", Layer: stack.LayerApp, Deployed: true, Definition: "worker-1"},
	}}
}

// undoing is a run that changes everything, as it would be undone: the edge led
// to the old release's api. Now is what there is where nothing was done.
func undoing(applied ...stack.Step) Undone {
	before := seenShop()
	before.Routed = []string{"api"}
	before.Containers = append(before.Containers, running("shop", "cache", "", "cache-1", stack.LayerData),
		running("shop-"+oldID, "worker", oldID, "worker-1", stack.LayerApp))
	for i := range before.Containers {
		before.Containers[i].ID = "before " + before.Containers[i].Service
	}
	edge := []stack.File{{Path: "routes.yml", Content: []byte("old")}}
	before.Files = map[string]string{stack.DynamicPath("routes.yml"): stack.Sum([]byte("old"))}
	now := before
	now.Containers = slices.Clone(before.Containers)
	want := wantedShop().Release
	want.Services = append(want.Services, stack.Service{Name: "cache", Layer: stack.LayerData})
	want.Services[1].Volumes = []stack.Mount{{Type: "volume", Source: "data"}}
	return Undone{Applied: applied, Release: want, Old: oldShop(), Edge: edge, Before: before, Now: now, Cause: "a gate failed\nand more"}
}

func undoText(u Undone) string {
	_, steps, _ := strings.Cut(Undo(u).String(), "\n")
	return steps
}

// of is where a container of a service is in what is observed.
func of(seen stack.Observed, service string) *stack.Container {
	for i := range seen.Containers {
		if seen.Containers[i].Service == service {
			return &seen.Containers[i]
		}
	}
	return nil
}

var (
	startStep   = stack.Step{Kind: stack.StepStart, Release: newID, Services: []string{"api"}}
	switchStep  = stack.Step{Kind: stack.StepSwitch, Release: newID}
	behindStep  = stack.Step{Kind: stack.StepDrain, Release: oldID, Services: []string{"worker"}}
	drainStep   = stack.Step{Kind: stack.StepDrain, Release: oldID}
	failureLine = "fail release bbbbbbbbbbbb, a gate failed\n"
)

// started is what there is now with the new release beside the old one.
func started(u Undone) Undone {
	u.Now.Containers = append(u.Now.Containers, running("shop-"+newID, "api", newID, "api-2", stack.LayerApp))
	return u
}

func switched(u Undone) Undone {
	u = started(u)
	u.Now.Live = newID
	u.Now.Files = map[string]string{stack.DynamicPath("routes.yml"): stack.Sum([]byte("new"))}
	return u
}

func TestUndoOfEachPointOfADeploy(t *testing.T) {
	stop := func(u Undone, services ...string) Undone {
		for _, s := range services {
			of(u.Now, s).State = "exited"
		}
		return u
	}
	for name, c := range map[string]struct {
		undone Undone
		want   string
	}{
		"nothing was begun": {undoing(), "[1] " + failureLine},
		"the start failed": {started(undoing(startStep)), `[1] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[2] ` + failureLine},
		"the switch failed before it wrote": {started(undoing(startStep, switchStep)), `[1] drain release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[2] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[3] ` + failureLine},
		"a gate failed after the switch": {stop(switched(undoing(startStep, switchStep, behindStep)), "worker"), `[1] switch the edge to release aaaaaaaaaaaa, routes.yml differs
[2] start release aaaaaaaaaaaa: worker, ran when the run began
[3] drain release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[4] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[5] ` + failureLine},
		"the drain was cut off": {stop(switched(undoing(startStep, switchStep, behindStep, drainStep)), "worker"), `[1] stop release aaaaaaaaaaaa: api, a stop that was cut off may still go on
[2] start release aaaaaaaaaaaa: api, worker, ran when the run began
[3] switch the edge to release aaaaaaaaaaaa, routes.yml differs
[4] drain release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[5] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[6] ` + failureLine},
		"a killed run had ended another service": {func() Undone {
			u := stop(started(undoing(stack.Step{Kind: stack.StepStop, Release: oldID, Services: []string{"api"}}, startStep)), "worker")
			u.Before.Containers = slices.Clone(u.Now.Containers)
			u.Now.Containers = slices.Clone(u.Now.Containers)
			of(u.Now, "api").State = "exited"
			return u
		}(), `[1] start release aaaaaaaaaaaa: api, worker, ran when the run began
[2] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[3] ` + failureLine},
		"a file more": {func() Undone {
			u := switched(undoing(startStep, switchStep))
			u.Now.Files = map[string]string{stack.DynamicPath("routes.yml"): stack.Sum([]byte("old")), stack.DynamicPath("more.yml"): "x"}
			return u
		}(), `[1] switch the edge to release aaaaaaaaaaaa, more.yml goes away
[2] drain release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[3] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[4] ` + failureLine},
		"nothing served before": {func() Undone {
			u := switched(undoing(startStep, switchStep))
			u.Old, u.Edge = stack.Release{Project: "shop"}, nil
			return u
		}(), `[1] switch the edge to nothing, routes.yml goes away
[2] drain release bbbbbbbbbbbb, nothing served before
[3] remove release bbbbbbbbbbbb, nothing served before
[4] ` + failureLine},
		"the live one was never judged": {func() Undone {
			u := stop(switched(undoing()), "api", "worker")
			u.Before, u.Idle = u.Now, true
			of(u.Now, "edge").Labels[stack.LabelDefinition] = "edge-2"
			return u
		}(), `[1] edge edge, edge was replaced
[2] start release aaaaaaaaaaaa: api, worker, ran when the run began
[3] switch the edge to release aaaaaaaaaaaa, routes.yml differs
[4] drain release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[5] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[6] ` + failureLine},
		"the server cannot be looked at": {func() Undone {
			u := undoing(stack.Step{Kind: stack.StepEdge, Services: []string{"edge"}}, startStep, switchStep, behindStep)
			u.Blind = true
			return u
		}(), `[1] edge edge, edge may have been replaced
[2] switch the edge to release aaaaaaaaaaaa, it may have been switched
[3] stop release aaaaaaaaaaaa: worker, a stop that was cut off may still go on
[4] start release aaaaaaaaaaaa: worker, ran when the run began
[5] drain release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[6] remove release bbbbbbbbbbbb, release aaaaaaaaaaaa serves
[7] ` + failureLine},
	} {
		if got := undoText(c.undone); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, c.want)
		}
	}
}

func TestWhatRanBesideTheOldReleaseIsBroughtBack(t *testing.T) {
	data := func(services ...string) stack.Step { return stack.Step{Kind: stack.StepData, Services: services} }
	for name, c := range map[string]struct {
		applied []stack.Step
		change  func(*Undone)
		want    string // the first step; empty: the failure alone
	}{
		"all is as it was":           {nil, func(*Undone) {}, ""},
		"the edge was killed":        {nil, func(u *Undone) { of(u.Now, "edge").State = "exited" }, "edge edge, edge ran when the run began"},
		"a store is paused":          {nil, func(u *Undone) { of(u.Now, "db").State = "paused" }, "data db, db ran when the run began"},
		"a store recovers by itself": {nil, func(u *Undone) { of(u.Now, "db").Health = "unhealthy" }, ""},
		"a cache was removed":        {nil, func(u *Undone) { of(u.Now, "cache").Service = "other" }, "data cache, cache ran when the run began"},
		"a new cache keeps crashing": {[]stack.Step{data("cache")}, func(u *Undone) {
			of(u.Now, "cache").ID, of(u.Now, "cache").State = "new", "restarting"
		}, "data cache, cache ran when the run began"},
		"a new cache is well":         {[]stack.Step{data("cache")}, func(u *Undone) { of(u.Now, "cache").ID = "new" }, "data cache, cache was replaced and keeps nothing"},
		"a cache that no step got to": {[]stack.Step{data("cache")}, func(*Undone) {}, ""},
		"a new store is well":         {[]stack.Step{data("db")}, func(u *Undone) { of(u.Now, "db").ID = "new" }, ""},
		"a new store does not get well": {[]stack.Step{data("db")}, func(u *Undone) {
			of(u.Now, "db").ID, of(u.Now, "db").Health = "new", "starting"
		}, "data db, db was replaced and is not well"},
		"the new edge": {[]stack.Step{{Kind: stack.StepEdge, Services: []string{"edge"}}}, func(u *Undone) {
			of(u.Now, "edge").ID, of(u.Now, "edge").Labels = "new", map[string]string{stack.LabelDefinition: "edge-2"}
		}, "edge edge, edge was replaced"},
		"one of somebody else died": {nil, func(u *Undone) { of(u.Now, "web").State = "exited" }, ""},
	} {
		u := undoing(c.applied...)
		c.change(&u)
		want := "[1] " + failureLine
		if c.want != "" {
			want = "[1] " + c.want + "\n[2] " + failureLine
		}
		if got := undoText(u); got != want {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
	}
}

func TestAnUndoMayTakeAsLongAsItsStepsDo(t *testing.T) {
	timeouts := stack.Timeouts{Start: time.Minute, Drain: 4 * time.Minute}
	var all time.Duration
	for _, s := range Undo(switched(undoing(startStep, switchStep, behindStep))).Steps {
		all += timeOf(s, timeouts, 10*time.Minute)
	}
	if least := 2*10*time.Minute + timeouts.Drain; all < least {
		t.Errorf("%s in all; the stops alone may take %s", all, least)
	}
}

// brittle is a server on which some calls fail; it notes what was done.
type brittle struct {
	node.Server
	fails string
	calls *[]string
}

func (b brittle) call(name string) error {
	*b.calls = append(*b.calls, name)
	if name == b.fails {
		return errors.New(name + " failed")
	}
	return nil
}

func (brittle) Containers(context.Context) ([]stack.Container, error) { return nil, nil }
func (b brittle) Start(_ context.Context, project string) error       { return b.call("start " + project) }
func (b brittle) RemoveProject(_ context.Context, project string) error {
	return b.call("remove " + project)
}
func (b brittle) WriteFile(context.Context, string, []byte, fs.FileMode) error {
	return b.call("record")
}

func TestAnUndoGoesOnAfterAStepThatFailsButLeavesWhatMayBeServed(t *testing.T) {
	plan := stack.Plan{Steps: []stack.Step{
		{Kind: stack.StepStart, Release: oldID, Subject: "release " + oldID},
		{Kind: stack.StepRemove, Release: newID, Subject: "release " + newID},
		{Kind: stack.StepFail, Release: newID},
	}}
	for fails, want := range map[string][]string{
		"":                    {"start shop-" + oldID, "remove shop-" + newID, "record"},
		"start shop-" + oldID: {"start shop-" + oldID, "record"},
		"record":              {"start shop-" + oldID, "remove shop-" + newID, "record"},
	} {
		var calls []string
		barred := fails != "" && fails != "record" // what cannot be written down was brought back all the same
		x := &executor{story: operator("/srv/shop", "run", 0), server: brittle{fails: fails, calls: &calls}, want: wantedShop(),
			record: stack.ReleaseRecord{ID: newID, State: stack.ReleaseStarted}, cause: stack.Fault(stack.CauseGate, "judge", nil, "")}
		err := x.runUndo(t.Context(), plan)
		if !slices.Equal(calls, want) || (err != nil) != barred || err != nil && !strings.Contains(err.Error(), "not done after that: remove release "+newID) {
			t.Errorf("where %q fails: %v, %v", fails, calls, err)
		}
	}
}

func (b brittle) Reinstate(context.Context, string) error { return b.call("reinstate") }

// TestNothingComesBackBesideWhatDidNotEnd: docker compose's containers write where the
// release's do.
func TestNothingComesBackBesideWhatDidNotEnd(t *testing.T) {
	plan := stack.Plan{Steps: []stack.Step{{Kind: stack.StepRemove, Release: newID, Subject: "release " + newID}, {Kind: stack.StepReinstate, Subject: adoptedSubject}}}
	for fails, want := range map[string][]string{"": {"remove shop-" + newID, "reinstate"}, "remove shop-" + newID: {"remove shop-" + newID}} {
		var calls []string
		x := &executor{story: operator("/srv/shop", "run", 0), server: brittle{fails: fails, calls: &calls}, want: wantedShop()}
		if err := x.runUndo(t.Context(), plan); !slices.Equal(calls, want) || (err == nil) != (fails == "") {
			t.Errorf("where %q fails: %v, %v", fails, calls, err)
		}
	}
}

func TestAReleaseThatWasGoodStaysSoUntilAGateFails(t *testing.T) {
	for name, c := range map[string]struct {
		before stack.ReleaseState
		cause  stack.Cause
		want   stack.ReleaseState
	}{
		"a good one, and a step failed":          {stack.ReleaseGood, stack.CauseStep, ""},
		"a good one, and the operator stopped":   {stack.ReleaseGood, stack.CauseInterrupted, ""},
		"a good one, and a gate could not judge": {stack.ReleaseGood, stack.CauseUnjudged, ""},
		"a good one, and a gate failed":          {stack.ReleaseGood, stack.CauseGate, stack.ReleaseFailed},
		"a new one, and a step failed":           {stack.ReleaseStarted, stack.CauseStep, stack.ReleaseFailed},
		"a new one, and the operator stopped":    {stack.ReleaseStarted, stack.CauseInterrupted, stack.ReleaseFailed},
		"one that never came to the host":        {"", stack.CauseStep, ""},
	} {
		host := keeping{clock: time.Now, records: map[string][]byte{}}
		x := &executor{story: operator("/srv/shop", "run", 0), server: host, record: stack.ReleaseRecord{ID: "5f2c", State: c.before}}
		if err := x.fail(t.Context(), stack.Fault(c.cause, "start", errors.New("why"), "")); err != nil {
			t.Fatal(err)
		}
		var got stack.ReleaseState
		if len(host.records) > 0 {
			got = x.record.State
		}
		if got != c.want {
			t.Errorf("%s: it is written down as %q, want %q", name, got, c.want)
		}
	}
}
