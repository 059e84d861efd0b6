package jobs

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"stackctl/pkg/server/app"
)

// Depth measures the queue: how many jobs are in it, and how long the one has
// waited that is due longest. It asks the database when it is asked.
type Depth struct {
	db           *sqlx.DB
	log          *slog.Logger
	jobs, waited *prometheus.Desc
}

// NewDepth makes a Depth.
func NewDepth(db *sqlx.DB, log *slog.Logger) *Depth {
	return &Depth{
		db: db, log: log,
		jobs:   prometheus.NewDesc("queue_jobs", "Jobs in the queue, by queue and state; discarded ones have failed for good.", []string{"queue", "state"}, nil),
		waited: prometheus.NewDesc("queue_wait_seconds", "How long the job has waited that is due longest, by queue.", []string{"queue"}, nil),
	}
}

// Describe sends what is measured (prometheus.Collector).
func (d *Depth) Describe(to chan<- *prometheus.Desc) { to <- d.jobs; to <- d.waited }

// states are those that are measured: what waits, runs, or has failed for good.
var states = []string{"available", "running", "retryable", "scheduled", "discarded"}

// Collect measures and sends the figures (prometheus.Collector). Where the database does not answer there are no figures, which
// the log tells.
func (d *Depth) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var rows []struct {
		Queue, State string
		Jobs         float64
		Waited       float64
	}
	err := d.db.SelectContext(ctx, &rows, `SELECT queue, state::text AS state, count(*) AS jobs,
			greatest(0, coalesce(extract(epoch FROM now() - min(scheduled_at)), 0))::float8 AS waited
		FROM river_job WHERE state = ANY($1::river_job_state[]) GROUP BY queue, state`, states)
	if err != nil {
		d.log.Warn("the queue could not be measured", "error", err.Error())
		return
	}
	// The queues of releases are one: each release would add a series for good.
	count, waited := map[[2]string]float64{}, map[string]float64{}
	for _, queue := range []string{app.DefaultQueue, releaseQueues} {
		waited[queue] = 0
		for _, state := range states {
			count[[2]string{queue, state}] = 0
		}
	}
	for _, r := range rows {
		queue := r.Queue
		if strings.HasPrefix(queue, app.ReleaseQueue("")) {
			queue = releaseQueues
		}
		count[[2]string{queue, r.State}] += r.Jobs
		if r.State == "available" {
			waited[queue] = max(waited[queue], r.Waited)
		}
	}
	for at, n := range count {
		to <- prometheus.MustNewConstMetric(d.jobs, prometheus.GaugeValue, n, at[0], at[1])
	}
	for queue, seconds := range waited {
		to <- prometheus.MustNewConstMetric(d.waited, prometheus.GaugeValue, seconds, queue)
	}
}

// releaseQueues is the name under which the queues of all releases are measured.
const releaseQueues = "release"
