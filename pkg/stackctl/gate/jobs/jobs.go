// Package jobs owns gate G7: a job that is enqueued is done by a worker of this
// release. It must not know the other families.
package jobs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

const (
	ping   = "celery-ping.json"
	result = "celery-result.json"
	// slack is how far clocks of containers and host may be apart.
	slack = 2 * time.Second
	// late is how late the scheduler may be: a new one takes over a lease.
	late = 60 * time.Second
)

// Inside pings the release's own queue, so that the release before cannot
// answer.
func Inside() gate.Gate {
	g := question(stack.PhasePre)
	g.Inspects = "one job through the new release's own queue: nonce, times, release and worker of the result"
	g.Check = func(ctx context.Context, s gate.Subject) (gate.Answer, error) {
		return check(ctx, s, stack.PhasePre, "--queue", "release")
	}
	return g
}

// Public pings the queue that users' jobs go through.
func Public() gate.Gate {
	g := question(stack.PhasePost)
	g.Inspects = "one job through the default queue: nonce, times, release and worker of the result; the scheduler's next run; the dashboard"
	g.Check = func(ctx context.Context, s gate.Subject) (gate.Answer, error) { return check(ctx, s, stack.PhasePost) }
	return g
}

func question(phase stack.Phase) gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G7", Name: "jobs", Phase: phase,
		Question:  "Does a worker of this release do a job that is asked for now?",
		Refs:      []string{"SPEC A11", "SPEC S8", "SPEC S9", "SPEC S10", "ASVS 16.5.3"},
		Artifacts: []string{ping, result},
	}
}

// word is what the ping command prints.
type word struct {
	Nonce      string    `json:"nonce"`
	JobID      jobsID    `json:"job_id"`
	EnqueuedAt time.Time `json:"enqueued_at"`
	FinishedAt time.Time `json:"finished_at"`
	Release    string    `json:"release"`
	Worker     string    `json:"worker"`
	Queue      string    `json:"queue"`
	Scheduler  *struct {
		LastRun *time.Time `json:"last_run"`
		NextRun *time.Time `json:"next_run"`
	} `json:"scheduler"`
	DashboardJobs *int `json:"dashboard_jobs"`
	// DashboardError is why the dashboard could not be asked.
	DashboardError string `json:"dashboard_error,omitempty"`
}

// jobsID is a job's name, a number or text.
type jobsID string

// UnmarshalJSON takes a number or a string.
func (id *jobsID) UnmarshalJSON(b []byte) error {
	*id = jobsID(strings.Trim(string(b), `"`))
	return nil
}

// request is what was asked, as it stands in the artifact.
type request struct {
	Phase    stack.Phase `json:"phase"`
	Nonce    string      `json:"nonce"`
	Command  []string    `json:"command"`
	Service  string      `json:"service"`
	Asked    time.Time   `json:"asked_at"`
	Answered time.Time   `json:"answered_at"`
	Clock    string      `json:"clock"`
	Exit     int         `json:"exit"`
}

// run is one ping and what came of it.
type run struct {
	s       gate.Subject
	request request
	word    *word
	list    []stack.Finding
}

func (r *run) find(rule stack.Rule, subject, problem, expected, observed, fix string) {
	r.list = append(r.list, stack.Finding{Subject: subject, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Evidence: result, Fix: fix})
}

func check(ctx context.Context, s gate.Subject, phase stack.Phase, extra ...string) (gate.Answer, error) {
	if len(s.Config.Gates.Jobs.Command) == 0 {
		return gate.Answer{Skip: "stackctl.yaml names no gates.jobs.command"}, nil
	}
	a := gate.Answer{Of: "jobs"}
	r := &run{s: s}
	out, err := r.ping(ctx, phase, extra)
	if err != nil {
		return a, err
	}
	a.Inspected = 1
	r.judge(out)
	if phase == stack.PhasePost {
		a.Inspected += 2
		a.Of = "jobs, schedulers and dashboards"
		conf := s.Config.Gates.Jobs
		r.running(ctx, conf.Service)
		if conf.Scheduler != "" {
			r.running(ctx, conf.Scheduler)
			r.scheduler()
		}
		if err := r.dashboard(ctx); err != nil {
			return a, err
		}
	}
	a.Findings = r.list
	var kept any = r.word
	if r.word == nil {
		kept = map[string]string{"no_result": stack.Short(strings.ToValidUTF8(string(out.Stdout), "?"), 2000)}
	}
	return a, errors.Join(probe.JSON(s, ping, r.request), probe.JSON(s, result, kept))
}

// ping runs the command in the release's container. Running out of time is an
// answer: nobody did the job.
func (r *run) ping(ctx context.Context, phase stack.Phase, extra []string) (stack.Output, error) {
	conf := r.s.Config.Gates.Jobs
	if len(conf.Command) == 0 {
		conf.Command = []string{"/server", "ping", "--nonce", "{nonce}", "--json"}
	}
	if conf.Timeout <= 0 {
		conf.Timeout = 15 * time.Second
	}
	containers, err := probe.Containers(ctx, r.s, conf.Service)
	if err != nil {
		return stack.Output{}, err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return stack.Output{}, errors.New("make a nonce: no random numbers")
	}
	nonce := hex.EncodeToString(random)
	var argv []string
	for _, word := range slices.Concat(conf.Command, extra) {
		word = strings.ReplaceAll(word, "{nonce}", nonce)
		argv = append(argv, strings.ReplaceAll(word, "{timeout}", conf.Timeout.String()))
	}
	r.request = request{Phase: phase, Nonce: nonce, Command: argv, Service: conf.Service}
	r.request.Asked, r.request.Clock = probe.Now(ctx, r.s)
	one, cancel := context.WithTimeout(ctx, conf.Timeout+5*time.Second)
	defer cancel()
	out, err := r.s.Server.Exec(one, containers[0].ID, argv...)
	if err != nil && one.Err() != nil && ctx.Err() == nil {
		out, err = stack.Output{Exit: -1, Stderr: []byte("no result within " + conf.Timeout.String())}, nil
	}
	if err != nil {
		return out, fmt.Errorf("ping the queue: run %s in %s: %w", strings.Join(conf.Command, " "), conf.Service, err)
	}
	r.request.Answered, _ = probe.Now(ctx, r.s)
	r.request.Exit = out.Exit
	return out, nil
}

// judge holds the result against what was asked.
func (r *run) judge(out stack.Output) {
	q := r.request
	stderr := stack.Short(strings.TrimSpace(string(out.Stderr)), 200)
	text := bytes.TrimSpace(out.Stdout)
	if out.Exit != 0 || len(text) == 0 {
		r.find(doneRule, "queue", "nothing does the job", "a result within the time", fmt.Sprintf("exit %d: %s", out.Exit, stderr),
			"see the worker's log, and whether it takes jobs from this queue")
		if len(text) == 0 {
			return
		}
	}
	word := &word{}
	if len(text) > 1<<20 || json.Unmarshal(text, word) != nil {
		r.find(doneRule, "queue", "no usable result", "one JSON document", stack.Short(strings.ToValidUTF8(string(text), "?"), 200), "run the command by hand")
		return
	}
	r.word = word
	slack := slack
	if q.Clock == "operator" {
		slack = 2 * time.Minute
	}
	if word.Nonce != q.Nonce {
		r.find(resultRule, "result", "the result is of another request", "nonce "+q.Nonce, "nonce "+stack.Short(word.Nonce, 64), "let the job return the nonce that it was given")
	}
	switch {
	case word.EnqueuedAt.IsZero() || word.FinishedAt.IsZero():
		r.find(resultRule, "result", "the result has no times", "enqueued_at and finished_at", "not there", "let the result carry both")
	case word.EnqueuedAt.Before(q.Asked.Add(-slack)):
		r.find(resultRule, "result", "the result is older than the request", "enqueued after "+q.Asked.Format(time.RFC3339Nano), word.EnqueuedAt.Format(time.RFC3339Nano), "enqueue a new job for every ping")
	case word.FinishedAt.Before(word.EnqueuedAt):
		r.find(resultRule, "result", "the job was done before it was asked for", "finished after "+word.EnqueuedAt.Format(time.RFC3339Nano), word.FinishedAt.Format(time.RFC3339Nano), "let the worker record when it finished")
	case word.FinishedAt.After(q.Answered.Add(slack)):
		r.find(resultRule, "result", "the job is done in the future", "finished before "+q.Answered.Format(time.RFC3339Nano), word.FinishedAt.Format(time.RFC3339Nano), "let the worker record when it finished")
	}
	if word.Release != r.s.Release.ID {
		r.find(resultRule, "worker", "a worker of another release did the job", r.s.Release.ID, stack.Short(word.Release, 60), "see which workers take jobs from this queue")
	}
	own := strings.Contains(word.Queue, r.s.Release.ID)
	if word.Queue != "" && own != (q.Phase == stack.PhasePre) {
		r.find(resultRule, "queue", "the job went through another queue", map[bool]string{true: "the release's own", false: "the default queue"}[q.Phase == stack.PhasePre],
			stack.Short(word.Queue, 60), "let the ping use the queue that it is told")
	}
	if strings.TrimSpace(word.Worker) == "" {
		r.find(resultRule, "worker", "the result does not name its worker", "the worker's name", "nothing", "let the worker sign its results")
	}
	if word.JobID == "" || word.JobID == "0" || word.JobID == "null" {
		r.find(resultRule, "result", "the result does not name its job", "a job id", "nothing", "let the result carry the job's id")
	}
}

// runningStack wants a container of a service of the release, where it has one.
func (r *run) running(ctx context.Context, service string) {
	if _, declared := r.s.Release.Service(service); !declared {
		return
	}
	containers, err := probe.Containers(ctx, r.s, service)
	if err != nil {
		r.find(processesRule, service, "no "+service+" of this release runs", "a running container", probe.Reason(err), "see the "+service+"'s log")
		return
	}
	for _, c := range containers {
		if c.Health == "unhealthy" {
			r.find(processesRule, service, "the "+service+" is unhealthy", "healthy", "unhealthy", "see the "+service+"'s log")
		}
	}
}

// scheduler wants a next run that is due.
func (r *run) scheduler() {
	if r.word == nil {
		return // told already
	}
	w, now := r.word.Scheduler, r.request.Answered
	stuck := func(rule stack.Rule, problem, expected, observed string) {
		r.find(rule, "scheduler", problem, expected, observed, "see the scheduler's log")
	}
	switch {
	case w == nil || w.NextRun == nil || w.NextRun.IsZero():
		stuck(schedulerRule, "no next run is known", "a time in the future", "nothing")
	case w.NextRun.Before(now.Add(-late)):
		stuck(schedulerRule, "the next run is overdue", "after "+now.Format(time.RFC3339), w.NextRun.Format(time.RFC3339))
	case w.LastRun == nil || w.LastRun.IsZero():
		// A periodic job whose first time has not come yet.
	case w.LastRun.After(now.Add(late)):
		stuck(resultRule, "the last run is in the future", "before "+now.Format(time.RFC3339), w.LastRun.Format(time.RFC3339))
	case !w.NextRun.After(*w.LastRun):
		stuck(schedulerRule, "the next run is not after the last one", "after "+w.LastRun.Format(time.RFC3339), w.NextRun.Format(time.RFC3339))
	case now.Sub(*w.LastRun) > w.NextRun.Sub(*w.LastRun)+late:
		stuck(schedulerRule, "the last run is longer ago than its period", "a run in each period", w.LastRun.Format(time.RFC3339))
	}
}

// dashboardWait is how long the dashboard may take for its first page.
const dashboardWait = 10 * time.Second

// dashboard wants the job to be seen: by the count that the ping reports, and
// by the dashboard's container where the release has one.
func (r *run) dashboard(ctx context.Context) error {
	if r.word != nil && r.word.DashboardJobs != nil && *r.word.DashboardJobs <= 0 {
		r.find(dashboardRule, "dashboard", "the dashboard sees no job", "at least the ping", strings.TrimSpace(fmt.Sprintf("%d %s", *r.word.DashboardJobs, stack.Short(r.word.DashboardError, 200))), "see whether the dashboard reads the same database and schema")
	}
	service := r.s.Config.Gates.Jobs.Dashboard
	if service == "" {
		if r.word != nil && r.word.DashboardJobs == nil {
			r.find(dashboardRule, "dashboard", "no dashboard sees the job", "dashboard_jobs in the result, or gates.jobs.dashboard", "neither", "let the ping count what the dashboard sees")
		}
		return nil
	}
	containers, err := probe.Containers(ctx, r.s, service)
	if err != nil {
		r.find(processesRule, "dashboard", "no dashboard of this release runs", "a running container", probe.Reason(err), "see the dashboard's log")
		return nil
	}
	port, err := probe.Port(r.s, service)
	if err != nil {
		return err
	}
	client, err := probe.Inside(r.s, containers[0], port)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, dashboardWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://jobs."+probe.Domain(r.s)+"/", nil)
	if err != nil {
		return err
	}
	reply, err := probe.Do(client, req, 1<<20)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && len(r.list) == 0: // slow, or hung: nobody can tell
		return fmt.Errorf("the dashboard of %s takes the question and has not answered within %s: %w", service, dashboardWait, err)
	case err != nil:
		r.find(dashboardRule, "dashboard", "the dashboard does not answer", "an answer", probe.Reason(err), "see the dashboard's log")
	case reply.Status >= 500:
		r.find(dashboardRule, "dashboard", "the dashboard fails", "an answer below 500", fmt.Sprint(reply.Status), "see the dashboard's log")
	}
	return nil
}
