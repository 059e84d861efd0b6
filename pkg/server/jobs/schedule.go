package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"stackctl/pkg/server/app"
)

// schedulerLock is the advisory lock of the one scheduler that may enqueue.
const schedulerLock = 0x73636864

// Scheduler enqueues periodic jobs. Any number may run: each round is one
// transaction that holds a lock, and it enqueues what is due by the stored
// next run. So nothing is enqueued twice, and nothing is forgotten when the
// one that enqueued last is gone.
type Scheduler struct {
	db       *sqlx.DB
	inserter *Inserter
	jobs     []app.Periodic
	log      *slog.Logger
	tick     time.Duration
	last     atomic.Int64
}

// NewScheduler makes a Scheduler that looks every tick.
func NewScheduler(db *sqlx.DB, inserter *Inserter, jobs []app.Periodic, log *slog.Logger, tick time.Duration) *Scheduler {
	return &Scheduler{db: db, inserter: inserter, jobs: jobs, log: log, tick: tick}
}

// Run looks for due jobs until the context is done.
func (s *Scheduler) Run(ctx context.Context) {
	ticker := time.NewTicker(s.tick)
	defer ticker.Stop()
	for {
		if n, err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "scheduler round failed; the next one tries again", "error", err.Error())
		} else if n > 0 {
			s.log.DebugContext(ctx, "scheduler enqueued", "jobs", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Healthy reports whether a round ended well not long ago.
func (s *Scheduler) Healthy() bool {
	return time.Since(time.Unix(0, s.last.Load())) < max(5*s.tick, 15*time.Second)
}

// Round enqueues what is due and tells how many jobs that were. Where another
// scheduler is at it, it does nothing.
func (s *Scheduler) Round(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("begin a round: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var leads bool
	if err := tx.GetContext(ctx, &leads, `SELECT pg_try_advisory_xact_lock($1)`, schedulerLock); err != nil {
		return 0, fmt.Errorf("take the scheduler's lock: %w", err)
	}
	enqueued := 0
	for _, job := range s.jobs {
		if !leads {
			break
		}
		due, err := s.due(ctx, tx, job)
		if err != nil {
			return 0, fmt.Errorf("schedule %s: %w", job.Name, err)
		}
		if due {
			enqueued++
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit a round: %w", err)
	}
	s.last.Store(time.Now().UnixNano())
	return enqueued, nil
}

// due enqueues one job if its time has come. Runs that were missed while no
// scheduler ran are made up for by one.
func (s *Scheduler) due(ctx context.Context, tx *sqlx.Tx, job app.Periodic) (bool, error) {
	var due bool
	err := tx.GetContext(ctx, &due, `INSERT INTO schedules AS s (name, next_run) VALUES ($1, now())
		ON CONFLICT (name) DO UPDATE SET name = s.name RETURNING next_run <= now()`, job.Name)
	if err != nil || !due {
		return false, err
	}
	if err := s.inserter.Insert(ctx, tx.Tx, job.Args, app.JobOptions{MaxAttempts: 5}); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE schedules SET last_run = now(), next_run = now() + make_interval(secs => $2) WHERE name = $1`,
		job.Name, job.Every.Seconds())
	return err == nil, err
}

// ReadSchedule returns when any periodic job ran last and when the next is due;
// false: none was ever scheduled. Names that this release does not know, left
// by another one, do not count.
func ReadSchedule(ctx context.Context, db *sqlx.DB, known []app.Periodic) (app.Schedule, bool, error) {
	var row struct {
		Last sql.NullTime `db:"last"`
		Next sql.NullTime `db:"next"`
	}
	var names []string
	for _, job := range known {
		names = append(names, job.Name)
	}
	err := db.GetContext(ctx, &row, `SELECT max(last_run) AS last, min(next_run) AS next FROM schedules WHERE name = ANY($1)`, names)
	if err != nil {
		return app.Schedule{}, false, fmt.Errorf("read the schedule: %w", err)
	}
	return app.Schedule{LastRun: row.Last.Time, NextRun: row.Next.Time}, row.Last.Valid, nil
}
