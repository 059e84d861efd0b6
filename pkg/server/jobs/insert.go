package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivertype"
	"github.com/riverqueue/rivercontrib/otelriver"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"stackctl/pkg/server/app"
)

// Inserter enqueues jobs in transactions of somebody else.
type Inserter struct {
	client *river.Client[*sql.Tx]
}

// NewInserter makes an Inserter. It needs no connection of its own. What it adds
// remembers the trace that it was added in.
func NewInserter(traces trace.TracerProvider) (*Inserter, error) {
	client, err := river.NewClient(riverdatabasesql.New(nil), &river.Config{Logger: slog.New(slog.DiscardHandler), Middleware: traced(traces)})
	if err != nil {
		return nil, fmt.Errorf("prepare the queue: %w", err)
	}
	return &Inserter{client: client}, nil
}

// traced makes spans of jobs that are added and worked. What they cost is measured
// elsewhere (Depth).
func traced(traces trace.TracerProvider) []rivertype.Middleware {
	return []rivertype.Middleware{otelriver.NewMiddleware(&otelriver.MiddlewareConfig{
		TracerProvider: traces, MeterProvider: noop.NewMeterProvider(), EnableTracePropagation: true, EnableWorkSpanJobKindSuffix: true,
	})}
}

// Insert adds a job that exists exactly if the transaction commits.
func (i *Inserter) Insert(ctx context.Context, tx *sql.Tx, args app.JobArgs, o app.JobOptions) error {
	_, err := i.InsertID(ctx, tx, args, o)
	return err
}

// InsertID is Insert that gives the job's ID.
func (i *Inserter) InsertID(ctx context.Context, tx *sql.Tx, args app.JobArgs, o app.JobOptions) (int64, error) {
	opts := &river.InsertOpts{Queue: o.Queue, ScheduledAt: o.At, MaxAttempts: o.MaxAttempts}
	if opts.Queue == "" {
		opts.Queue = app.DefaultQueue
	}
	if o.UniqueFor > 0 {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByPeriod: o.UniqueFor}
	}
	r, err := i.client.InsertTx(ctx, tx, args, opts)
	if err != nil {
		return 0, fmt.Errorf("enqueue %s: %w", args.Kind(), err)
	}
	return r.Job.ID, nil
}

// Retry lets a job run again now.
func (i *Inserter) Retry(ctx context.Context, tx *sql.Tx, id int64) error {
	if _, err := i.client.JobRetryTx(ctx, tx, id); err != nil {
		return fmt.Errorf("run job %d again: %w", id, err)
	}
	return nil
}

// Cancel keeps a job from running; one that runs is told to stop.
func (i *Inserter) Cancel(ctx context.Context, tx *sql.Tx, id int64) error {
	if _, err := i.client.JobCancelTx(ctx, tx, id); err != nil {
		return fmt.Errorf("cancel job %d: %w", id, err)
	}
	return nil
}
