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

// hung is a server on which no migration ends.
type hung struct{ node.Server }

func (hung) RunOnce(ctx context.Context, _ string, _ []byte, _ string) (stack.Output, error) {
	<-ctx.Done()
	return stack.Output{Stdout: []byte("copies row 7")}, ctx.Err()
}

func TestAMigrationThatDoesNotEndSaysWhichSettingBoundsIt(t *testing.T) {
	d := &Deployer{Config: stack.Config{Timeouts: stack.Timeouts{Migrate: time.Millisecond}}, Now: time.Now}
	x := &executor{story: d.begin("deploy"), server: hung{}}
	_, err := x.migrate(context.Background(), stack.Step{Kind: stack.StepMigrate, Services: []string{"migrate"}})
	if err == nil || stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), "had not ended after 1ms") || !strings.Contains(err.Error(), "timeouts.migrate") {
		t.Error(err)
	}
	if x.report.Logs["migrate"] != "copies row 7" {
		t.Errorf("log %q", x.report.Logs["migrate"])
	}
}

// dusty is a server on which a record can be written and nothing removed.
type dusty struct{ node.Server }

func (dusty) Run(context.Context, ...string) (stack.Output, error)                    { return stack.Output{}, nil }
func (dusty) RemoveAll(context.Context, string) error                                 { return nil }
func (dusty) MkdirAll(context.Context, string, fs.FileMode) error                     { return nil }
func (dusty) WriteFile(context.Context, string, []byte, fs.FileMode) error            { return nil }
func (dusty) WriteFileVia(context.Context, string, string, []byte, fs.FileMode) error { return nil }
func (dusty) RemoveProject(context.Context, string) error {
	return errors.New("error during connect: EOF")
}

func TestAGoodReleaseStaysWhereAnOldOneCannotBePruned(t *testing.T) {
	commit, prune := stack.Step{Kind: stack.StepCommit}, stack.Step{Kind: stack.StepPrune, Release: "old"}
	for name, c := range map[string]struct {
		steps []stack.Step
		good  bool
	}{
		"after the commit": {[]stack.Step{commit, prune}, true},
		"before it":        {[]stack.Step{prune, commit}, false},
	} {
		var notes string
		d := &Deployer{Now: time.Now, Emit: func(e stack.Event) {
			if e.Kind == stack.EventNote {
				notes += e.Message
			}
		}}
		x := &executor{story: d.begin("deploy"), server: dusty{}, want: Wanted{Release: stack.Release{ID: "new", Project: "shop"}}}
		err := x.run(t.Context(), stack.Plan{Steps: c.steps})
		if (err == nil) != c.good || c.good && x.report.Live != "new" {
			t.Errorf("%s: %v, %q is live", name, err, x.report.Live)
		}
		if said := strings.Contains(notes, "EOF"); said != c.good {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
}

func TestGatesThatWereSkippedDidNotFail(t *testing.T) {
	gates := []stack.GateResult{{Status: stack.Passed}, {Status: stack.Skipped}, {Status: stack.Passed}}
	if got := tally(gates); got != "2 of 2 passed, 1 skipped" {
		t.Error(got)
	}
	if got := tally(append(gates[:1:1], stack.GateResult{Status: stack.Failed})); got != "1 of 2 passed" {
		t.Error(got)
	}
}

func TestGatesKnowWhatEndsOnceTheReleaseIsJudged(t *testing.T) {
	plan := stack.Plan{Release: "new", Steps: []stack.Step{
		{Kind: stack.StepStop, Release: "stopped"}, {Kind: stack.StepDrain, Release: "old", Services: []string{"worker"}},
		{Kind: stack.StepDrain, Release: "old"}, {Kind: stack.StepDrain, Release: "cut off"}, {Kind: stack.StepDrain, Release: "new"},
	}}
	if got := draining(plan); !slices.Equal(got, []string{"old", "cut off"}) {
		t.Errorf("draining: %q", got)
	}
}

// TestAReleaseIsComparedWithTheOneBefore: where a run was cut off after its switch,
// the release that it led to is live, and is nothing to compare itself with.
func TestAReleaseIsComparedWithTheOneBefore(t *testing.T) {
	records := func(own stack.ReleaseState) []stack.ReleaseRecord {
		return []stack.ReleaseRecord{{ID: "new", State: own}, {ID: "old", State: stack.ReleaseGood}}
	}
	for name, c := range map[string]struct {
		seen stack.Observed
		want string
	}{
		"another one is live":         {stack.Observed{Live: "old", Releases: records(stack.ReleaseStarted)}, "old"},
		"nothing is live":             {stack.Observed{Releases: records(stack.ReleaseStarted)}, ""},
		"it is live and good":         {stack.Observed{Live: "new", Releases: records(stack.ReleaseGood)}, ""},
		"it is live and not judged":   {stack.Observed{Live: "new", Releases: records(stack.ReleaseStarted)}, "old"},
		"it is the first, not judged": {stack.Observed{Live: "new", Releases: records(stack.ReleaseStarted)[:1]}, ""},
	} {
		if got := predecessor(c.seen, "new"); got != c.want {
			t.Errorf("%s: compared with %q, want %q", name, got, c.want)
		}
	}
}

func TestAServiceMayStartForAsLongAsItsFileSays(t *testing.T) {
	r := stack.Release{Services: []stack.Service{
		{Name: "web", Healthcheck: &stack.Healthcheck{StartPeriod: 10 * time.Minute}},
		{Name: "api", Healthcheck: &stack.Healthcheck{StartPeriod: 2 * time.Minute}},
		{Name: "worker"}, {Name: "never", Healthcheck: &stack.Healthcheck{StartPeriod: 24 * time.Hour}},
	}}
	for services, want := range map[string]time.Duration{
		"worker": 5 * time.Minute, "api worker": 5 * time.Minute, "web api": 11 * time.Minute, "web never": 61 * time.Minute,
	} {
		if got := (stack.Timeouts{Start: 5 * time.Minute}).StartOf(r, strings.Fields(services)); got != want {
			t.Errorf("%s: %s, want %s", services, got, want)
		}
	}
}
