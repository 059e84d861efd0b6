// Package health owns gate G3: the release answers, in time, as itself. It must
// not know the other families.
package health

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

const (
	artifact  = "api-health.json"
	samples   = 30
	least     = 20 // fewer samples say nothing about a 95th percentile
	most      = 500
	p95       = 5 * time.Second
	parallel  = 3
	bodyLimit = 64 << 10
	refusals  = 5 // answers other than 200 that the artifact keeps
	// wall bounds one endpoint; what is not sampled by then is missing.
	wall = 40 * time.Second
	// longestStart bounds the wait for a service without a health check, beside
	// timeouts.start; again is how often it is asked.
	longestStart = 10 * time.Minute
	again        = 500 * time.Millisecond
)

// Inside asks the containers of the new release, before users.
func Inside() gate.Gate {
	g := question(stack.PhasePre)
	g.Inspects = "each health endpoint on each container of the new release: at least 30 samples, the body of every one"
	g.Budget = longestStart + gate.Budget
	g.Check = func(ctx context.Context, s gate.Subject) (gate.Answer, error) { return check(ctx, s, insideOnce) }
	return g
}

// Public asks through the edge, as a user does.
func Public() gate.Gate {
	g := question(stack.PhasePost)
	g.Inspects = "each health endpoint through the edge: at least 30 samples, the body of every one"
	g.Check = func(ctx context.Context, s gate.Subject) (gate.Answer, error) { return check(ctx, s, outside) }
	return g
}

func question(phase stack.Phase) gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G3", Name: "health", Phase: phase,
		Question:  "Is the release ready, of this release, and fast enough at the 95th percentile?",
		Refs:      []string{"SPEC A14", "SPEC D4", "ASVS 13.2.6"},
		Artifacts: []string{artifact},
	}
}

// look is one endpoint at one place.
type look struct {
	endpoint stack.HealthEndpoint
	label    string
	url      string
	client   *http.Client
	phase    stack.Phase
	// unproven is the service, where it has no health check that said that it is
	// ready: it may still be starting (SPEC N7).
	unproven string
	// replaced reports whether visitors reach the service already: it was stopped before
	// its successor started.
	replaced bool
}

// record is what one probe saw, as it stands in the artifact.
type record struct {
	stack.Latency
	Phase    stack.Phase    `json:"phase"`
	Wanted   int            `json:"wanted"`
	Statuses map[string]int `json:"statuses"`
	Failures map[string]int `json:"failures,omitempty"`
	Problems []string       `json:"problems,omitempty"`
	// Last is the body of the last answer, as evidence.
	Last json.RawMessage `json:"last,omitempty"`
	// Refused are the answers that were not 200, as many as are kept.
	Refused  []refusal       `json:"refused,omitempty"`
	Attempts []stack.Attempt `json:"attempts,omitempty"`
	// Ended is set where the service ended by itself before it answered.
	Ended bool `json:"ended,omitempty"`
}

// refusal is one answer that was not 200, with the time by which the
// service's log is searched.
type refusal struct {
	At      time.Time       `json:"at"`
	Status  int             `json:"status"`
	Took    time.Duration   `json:"took_ns"`
	Request string          `json:"request,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

func endpoints(s gate.Subject) []stack.HealthEndpoint {
	list := slices.Clone(s.Config.Gates.Health)
	if len(list) == 0 {
		list = served(s, roots(s.Config.Routes))
	}
	for i := range list {
		if list[i].Samples <= 0 {
			list[i].Samples = samples
		}
		list[i].Samples = min(max(list[i].Samples, least), most)
		if list[i].P95 <= 0 {
			list[i].P95 = p95
		}
	}
	return list
}

// roots are the roots of the routes, for a project that names no endpoint of
// its own.
func roots(routes []stack.RouteSpec) []stack.HealthEndpoint {
	var list []stack.HealthEndpoint
	for _, r := range routes {
		e := stack.HealthEndpoint{Host: r.Host, Path: cmp.Or(r.Path, "/"), Reachable: true, Scheme: r.Scheme}
		if !slices.ContainsFunc(list, func(o stack.HealthEndpoint) bool { return o.Host == e.Host && o.Path == e.Path }) {
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		list = append(list, stack.HealthEndpoint{Path: "/", Reachable: true})
	}
	return list
}

// served are the endpoints that the release has a route for: one that is led back to may be
// older than a route.
func served(s gate.Subject, list []stack.HealthEndpoint) []stack.HealthEndpoint {
	kept := slices.DeleteFunc(slices.Clone(list), func(e stack.HealthEndpoint) bool {
		_, _, err := probe.Route(s, probe.Host(s, e), e.Path)
		return err != nil
	})
	if len(kept) == 0 {
		return list // which cannot be judged
	}
	return kept
}

// good reports whether a status is what the endpoint must answer.
func good(e stack.HealthEndpoint, status int) bool {
	return status == http.StatusOK || e.Reachable && status < http.StatusInternalServerError
}

func insideOnce(ctx context.Context, s gate.Subject) ([]look, error) {
	var probes []look
	for _, e := range endpoints(s) {
		host := probe.Host(s, e)
		route, path, err := probe.Route(s, host, e.Path)
		if err != nil {
			return nil, err
		}
		containers, err := probe.Containers(ctx, s, route.Service)
		if err != nil {
			return nil, err
		}
		for _, c := range containers {
			client, err := probe.Inside(s, c, route.Port)
			if err != nil {
				return nil, err
			}
			label := "GET " + path + " on " + route.Service
			if len(containers) > 1 {
				label += " (" + c.Name + ")"
			}
			p := look{endpoint: e, label: label, url: probe.Speak(client, e.Scheme) + "://" + host + path, client: client, phase: stack.PhasePre}
			if svc, _ := s.Release.Service(route.Service); e.Reachable && (svc.Healthcheck == nil || len(svc.Healthcheck.Test) == 0) {
				p.unproven, p.replaced = route.Service, svc.Strategy == stack.StrategyRecreate && s.Before != nil
			}
			probes = append(probes, p)
		}
	}
	return probes, nil
}

func outside(_ context.Context, s gate.Subject) ([]look, error) {
	client, err := probe.Edge(s)
	if err != nil {
		return nil, err
	}
	var probes []look
	for _, e := range endpoints(s) {
		u := "https://" + probe.Host(s, e) + e.Path
		probes = append(probes, look{endpoint: e, label: "GET " + u, url: u, client: client, phase: stack.PhasePost})
	}
	return probes, nil
}

// check samples every probe side by side and judges each.
func check(ctx context.Context, s gate.Subject, find func(context.Context, gate.Subject) ([]look, error)) (gate.Answer, error) {
	probes, err := find(ctx, s)
	if err != nil {
		return gate.Answer{}, err
	}
	records := make([]record, len(probes))
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() {
			ended := p.await(ctx, s)
			records[i] = sample(ctx, s, p)
			records[i].Phase, records[i].Ended = p.phase, ended
		})
	}
	wg.Wait()
	a := gate.Answer{Of: "answers of " + strconv.Itoa(len(probes)) + " health endpoints"}
	dead := 0
	for i, r := range records {
		probes[i].client.CloseIdleConnections()
		a.Inspected += len(r.Samples)
		a.Attempts = append(a.Attempts, r.Attempts...)
		a.Latencies = append(a.Latencies, r.Latency)
		a.Findings = append(a.Findings, judge(r, probes[i])...)
		if len(r.Samples) == 0 && len(r.Statuses) == 0 {
			dead++
		}
	}
	if err := probe.JSON(s, artifact, map[string]any{"release": s.Release.ID, "commit": s.Release.Commit, "endpoints": records}); err != nil {
		return a, err
	}
	if err := ctx.Err(); err != nil {
		return a, fmt.Errorf("sample the health endpoints: %w", err)
	}
	if dead == len(records) && a.Inspected == 0 {
		a.Inspected = len(records) // asked, and none answered: that is a finding
	}
	return a, nil
}

// sample takes the samples of one endpoint with few requests at a time.
// It stops early only where the verdict cannot change any more.
func sample(ctx context.Context, s gate.Subject, p look) record {
	ctx, cancel := context.WithTimeout(ctx, s.Stretch(wall))
	defer cancel()
	want := p.endpoint.Samples
	r := record{Wanted: want, Statuses: map[string]int{}, Failures: map[string]int{}}
	r.Endpoint, r.Threshold = p.label, p.endpoint.P95
	allowed := want - probe.Rank(want) // so many may be slower than the threshold
	var mu sync.Mutex
	taken, slow := 0, 0
	next := func() bool {
		mu.Lock()
		defer mu.Unlock()
		if taken >= want || slow > allowed || r.Errors >= 3 || ctx.Err() != nil {
			return false
		}
		taken++
		return true
	}
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for next() {
				reply, attempts, err := ask(ctx, p)
				mu.Lock()
				r.add(s, p, reply, err)
				r.Attempts = append(r.Attempts, attempts...)
				if err != nil || reply.Took > p.endpoint.P95 {
					slow++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.close()
	return r
}

// ask asks once. An answer of 429 comes from a rate limit and says
// nothing of health: it is asked again, and the attempt is recorded.
func ask(ctx context.Context, p look) (probe.Reply, []stack.Attempt, error) {
	limit := min(p.endpoint.P95*2+time.Second, 15*time.Second)
	var attempts []stack.Attempt
	for try := 0; ; try++ {
		one, cancel := context.WithTimeout(ctx, limit)
		req, err := http.NewRequestWithContext(one, http.MethodGet, p.url, nil)
		if err != nil {
			cancel()
			return probe.Reply{}, attempts, err
		}
		req.Header.Set("User-Agent", "stackctl-gate")
		reply, err := probe.Do(p.client, req, bodyLimit)
		cancel()
		if err != nil || reply.Status != http.StatusTooManyRequests || try == 3 {
			return reply, attempts, err
		}
		attempts = append(attempts, stack.Attempt{At: time.Now(), Result: p.label + " answered 429, asked again"})
		if !probe.Pause(ctx, reply.Header, 500*time.Millisecond) {
			return reply, attempts, ctx.Err()
		}
	}
}

// add judges one answer. An error is never a sample: it has no time to count.
func (r *record) add(s gate.Subject, p look, reply probe.Reply, err error) {
	switch {
	case err != nil && reply.Answered:
		r.Statuses[strconv.Itoa(reply.Status)]++
		r.fail("the answer did not end: " + probe.Reason(err))
		return
	case err != nil && strings.Contains(strings.ToLower(err.Error()), "connection refused"):
		r.fail(closedPort)
		return
	case err != nil:
		r.fail(probe.Reason(err))
		return
	}
	r.Statuses[strconv.Itoa(reply.Status)]++
	if json.Valid(reply.Body) {
		r.Last = slices.Clone(reply.Body)
	}
	if !good(p.endpoint, reply.Status) {
		r.fail(refused(p.endpoint, reply))
		r.refuse(reply)
		return
	}
	if p.endpoint.Reachable && loops(p.url, reply) {
		r.fail(looped)
		return
	}
	r.Samples = append(r.Samples, reply.Took)
	for _, problem := range body(s, p.endpoint, reply) {
		if !slices.Contains(r.Problems, problem) && len(r.Problems) < 20 {
			r.Problems = append(r.Problems, problem)
		}
	}
}

// refuse keeps an answer that was not 200 as evidence.
func (r *record) refuse(reply probe.Reply) {
	if len(r.Refused) >= refusals {
		return
	}
	one := refusal{At: time.Now().UTC(), Status: reply.Status, Took: reply.Took, Request: stack.Short(reply.Header.Get("X-Request-Id"), 64)}
	if json.Valid(reply.Body) {
		one.Body = slices.Clone(reply.Body)
	}
	r.Refused = append(r.Refused, one)
}

func (r *record) fail(why string) {
	r.Errors++
	if len(r.Failures) < 10 || r.Failures[why] > 0 {
		r.Failures[why]++
	}
}

func (r *record) close() {
	if len(r.Samples) == 0 {
		return
	}
	sorted := slices.Clone(r.Samples)
	slices.Sort(sorted)
	r.P50 = sorted[(len(sorted)+1)/2-1]
	r.P95 = sorted[probe.Rank(len(sorted))-1]
	r.Max = sorted[len(sorted)-1]
}
