package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// deployment answers the ping as a good worker does; change breaks it.
func deployment(t *testing.T, change func(m map[string]any)) *gatetest.Deployment {
	d := gatetest.GoodDeployment(t)
	d.Fake.OnRun = func(argv []string) (stack.Output, error) {
		now := time.Now()
		return stack.Output{Stdout: fmt.Appendf(nil, "%d.%09d\n", now.Unix(), now.Nanosecond())}, nil
	}
	d.Fake.OnExec = func(container string, argv []string) (stack.Output, error) {
		i := slices.Index(argv, "--nonce")
		if container != "id-worker" || i < 0 {
			return stack.Output{Exit: 127}, nil
		}
		queue := "default"
		if slices.Contains(argv, "release") {
			queue = "release_" + gatetest.ReleaseID
		}
		now := time.Now().UTC()
		m := map[string]any{
			"nonce": argv[i+1], "job_id": 17, "enqueued_at": now, "finished_at": now.Add(5 * time.Millisecond),
			"release": gatetest.ReleaseID, "worker": "worker-1", "queue": queue, "dashboard_jobs": 3,
			"scheduler": map[string]any{"last_run": now.Add(-30 * time.Second), "next_run": now.Add(30 * time.Second)},
		}
		change(m)
		return stack.Output{Stdout: probe.Encode(m)}, nil
	}
	return d
}

func scheduler(m map[string]any) map[string]any { return m["scheduler"].(map[string]any) }

func TestJobsPassOnAGoodDeployment(t *testing.T) {
	for _, g := range []gate.Gate{Inside(), Public()} {
		for name, change := range map[string]func(m map[string]any){
			"as it is":                func(map[string]any) {},
			"job id as text":          func(m map[string]any) { m["job_id"] = "a-b-c" },
			"no run yet":              func(m map[string]any) { scheduler(m)["last_run"] = nil },
			"the run is just due":     func(m map[string]any) { scheduler(m)["next_run"] = time.Now().Add(-5 * time.Second) },
			"clock half a second off": func(m map[string]any) { m["enqueued_at"] = time.Now().Add(-500 * time.Millisecond) },
			"dashboard not counted":   func(m map[string]any) { delete(m, "dashboard_jobs") },
			"a daily scheduler":       func(m map[string]any) { scheduler(m)["next_run"] = time.Now().Add(24 * time.Hour) },
		} {
			t.Run(string(g.Phase)+" "+name, func(t *testing.T) {
				d := deployment(t, change)
				gatetest.Passes(t, g, d.Subject)
				var kept map[string]any
				if err := json.Unmarshal(d.Sink.Kept[result], &kept); err != nil || kept["release"] != gatetest.ReleaseID {
					t.Errorf("%v %s", err, d.Sink.Kept[result])
				}
				if !strings.Contains(string(d.Sink.Kept[ping]), kept["nonce"].(string)) {
					t.Errorf("%s", d.Sink.Kept[ping])
				}
			})
		}
	}
}

func TestJobsUseTheReleasesOwnQueueBeforeTheSwitch(t *testing.T) {
	var asked []string
	d := deployment(t, func(map[string]any) {})
	exec := d.Fake.OnExec
	d.Fake.OnExec = func(c string, argv []string) (stack.Output, error) {
		asked = append(asked, strings.Join(argv, " "))
		return exec(c, argv)
	}
	gatetest.Passes(t, Inside(), d.Subject)
	gatetest.Passes(t, Public(), d.Subject)
	if len(asked) != 2 || !strings.HasSuffix(asked[0], "--queue release") || strings.Contains(asked[1], "--queue") {
		t.Errorf("asked %q", asked)
	}
	if asked[0][:60] == asked[1][:60] {
		t.Error("the nonce is not new")
	}
}

func TestJobsCatch(t *testing.T) {
	for name, m := range map[string]struct {
		change func(m map[string]any)
		want   string
	}{
		"nonce of another request": {func(m map[string]any) { m["nonce"] = "old" }, "another request"},
		"no nonce":                 {func(m map[string]any) { delete(m, "nonce") }, "another request"},
		"an old result": {func(m map[string]any) {
			m["enqueued_at"], m["finished_at"] = time.Now().Add(-time.Hour), time.Now().Add(-time.Hour)
		}, "older than the request"},
		"no times":                {func(m map[string]any) { delete(m, "finished_at") }, "no times"},
		"finished before asked":   {func(m map[string]any) { m["finished_at"] = time.Now().Add(-time.Minute) }, "before it was asked"},
		"finished in the future":  {func(m map[string]any) { m["finished_at"] = time.Now().Add(time.Hour) }, "in the future"},
		"worker of another":       {func(m map[string]any) { m["release"] = "ffffffffffff" }, "another release"},
		"no release":              {func(m map[string]any) { delete(m, "release") }, "another release"},
		"the release's own queue": {func(m map[string]any) { m["queue"] = "release_" + gatetest.ReleaseID }, "another queue"},
		"no worker":               {func(m map[string]any) { m["worker"] = "" }, "name its worker"},
		"no job":                  {func(m map[string]any) { delete(m, "job_id") }, "name its job"},
		"no scheduler":            {func(m map[string]any) { delete(m, "scheduler") }, "no next run"},
		"no next run":             {func(m map[string]any) { scheduler(m)["next_run"] = nil }, "no next run"},
		"next run overdue":        {func(m map[string]any) { scheduler(m)["next_run"] = time.Now().Add(-10 * time.Minute) }, "overdue"},
		"last run in the future":  {func(m map[string]any) { scheduler(m)["last_run"] = time.Now().Add(time.Hour) }, "last run is in the future"},
		"next run before the last": {func(m map[string]any) {
			scheduler(m)["next_run"], scheduler(m)["last_run"] = time.Now().Add(-30*time.Second), time.Now().Add(-10*time.Second)
		}, "not after the last"},
		"dashboard sees nothing": {func(m map[string]any) { m["dashboard_jobs"] = 0 }, "dashboard sees no job"},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Catches(t, Public(), deployment(t, m.change).Subject, m.want)
		})
	}
}

func TestJobsBeforeTheSwitchCatchTheDefaultQueue(t *testing.T) {
	d := deployment(t, func(m map[string]any) { m["queue"] = "default" })
	gatetest.Catches(t, Inside(), d.Subject, "another queue")
}

func TestJobsCatchAQueueThatNobodyServes(t *testing.T) {
	for name, out := range map[string]stack.Output{
		"timeout of the command": {Exit: 1, Stderr: []byte("no result within 10s")},
		"silence":                {},
		"text":                   {Stdout: []byte("pong")},
		"half a document":        {Stdout: []byte(`{"nonce":`)},
		"wrong types":            {Stdout: []byte(`{"enqueued_at": 5}`)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, g := range []gate.Gate{Inside(), Public()} {
				d := deployment(t, func(map[string]any) {})
				d.Fake.OnExec = func(string, []string) (stack.Output, error) { return out, nil }
				a, err := g.Check(t.Context(), d.Subject)
				if err != nil || len(a.Findings) == 0 || len(d.Sink.Kept[result]) == 0 {
					t.Errorf("%v %+v", err, a)
				}
			}
		})
	}
}

func TestJobsLookAtSchedulerAndDashboardThemselves(t *testing.T) {
	without := func(service string) *gatetest.Deployment {
		d := deployment(t, func(map[string]any) {})
		d.Fake.List = slices.DeleteFunc(d.Fake.List, func(c stack.Container) bool { return c.Service == service })
		return d
	}
	gatetest.Catches(t, Public(), without("scheduler").Subject, "no scheduler of this release runs")
	gatetest.Catches(t, Public(), without("jobs-ui").Subject, "no dashboard of this release runs")
	d := deployment(t, func(map[string]any) {})
	d.Site.Wrap = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(502); return true }
	gatetest.Catches(t, Public(), d.Subject, "the dashboard fails")
	d = deployment(t, func(map[string]any) {})
	for i, c := range d.Fake.List {
		if c.Service == "scheduler" {
			d.Fake.List[i].Health = "unhealthy"
		}
	}
	gatetest.Catches(t, Public(), d.Subject, "unhealthy")
}

func TestADashboardThatIsLateIsNotJudged(t *testing.T) {
	d := deployment(t, func(map[string]any) {})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	d.Site.Wrap = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true } // until the gate has gone
	if a, err := Public().Check(ctx, d.Subject); err == nil || len(a.Findings) > 0 || !strings.Contains(err.Error(), "has not answered") {
		t.Errorf("%v %+v", err, a)
	}
}

func TestJobsThatCannotBeJudged(t *testing.T) {
	d := deployment(t, func(map[string]any) {})
	d.Fake.OnExec = func(string, []string) (stack.Output, error) { return stack.Output{}, errors.New("connection lost") }
	if a, err := Inside().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
	d.Fake.List = nil
	if a, err := Inside().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
}

func FuzzJobsWord(f *testing.F) {
	f.Add([]byte(`{"nonce":"a","job_id":[1],"scheduler":{}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		r := &run{s: gate.Subject{}}
		r.request.Nonce = "the nonce"
		r.judge(stack.Output{Stdout: content})
		if len(r.list) == 0 && (r.word == nil || r.word.Nonce != "the nonce") {
			t.Error("a result without the nonce passes")
		}
	})
}
