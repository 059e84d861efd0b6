package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"stackctl/pkg/server/app"
)

// Pong is what came of a ping job.
type Pong struct {
	Nonce      string       `json:"nonce"`
	JobID      int64        `json:"job_id"`
	Enqueued   time.Time    `json:"enqueued_at"`
	Finished   time.Time    `json:"finished_at"`
	Release    string       `json:"release"`
	Worker     string       `json:"worker"`
	Queue      string       `json:"queue"`
	Scheduler  app.Schedule `json:"scheduler"`
	Dashboard  int          `json:"dashboard_jobs"`
	DashboardE string       `json:"dashboard_error,omitempty"`
}

// Ping enqueues a ping job on a queue and waits until a worker has run it.
func Ping(ctx context.Context, db *sqlx.DB, inserter *Inserter, queue, nonce string) (Pong, error) {
	p := Pong{Nonce: nonce, Queue: queue}
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return p, fmt.Errorf("enqueue a ping job: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if p.JobID, err = inserter.InsertID(ctx, tx.Tx, app.PingJob{Nonce: nonce}, app.JobOptions{Queue: queue, MaxAttempts: 2}); err != nil {
		return p, err
	}
	if err := tx.Commit(); err != nil {
		return p, fmt.Errorf("enqueue a ping job: %w", err)
	}
	for {
		done, err := p.read(ctx, db)
		if done || err != nil && ctx.Err() == nil {
			return p, err
		}
		select {
		case <-ctx.Done():
			return p, fmt.Errorf("wait for ping job %d on queue %s: no worker has finished it; see whether a worker of this release runs: %w", p.JobID, queue, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// read looks whether the job has ended.
func (p *Pong) read(ctx context.Context, db *sqlx.DB) (bool, error) {
	var row struct {
		State    string     `db:"state"`
		Created  time.Time  `db:"created_at"`
		Finished *time.Time `db:"finalized_at"`
		Metadata []byte     `db:"metadata"`
	}
	if err := db.GetContext(ctx, &row, `SELECT state, created_at, finalized_at, metadata FROM river_job WHERE id = $1`, p.JobID); err != nil {
		return false, fmt.Errorf("read ping job %d: %w", p.JobID, err)
	}
	if row.Finished == nil {
		return false, nil
	}
	if row.State != "completed" {
		return false, fmt.Errorf("ping job %d ended %s", p.JobID, row.State)
	}
	var metadata struct {
		Output app.PingResult `json:"output"`
	}
	if err := json.Unmarshal(row.Metadata, &metadata); err != nil {
		return false, fmt.Errorf("read the result of ping job %d: %w", p.JobID, err)
	}
	if metadata.Output.Nonce != p.Nonce {
		return false, errors.New("the result carries another nonce")
	}
	p.Enqueued, p.Finished = row.Created, *row.Finished
	p.Release, p.Worker = metadata.Output.Release, metadata.Output.Worker
	return true, nil
}
