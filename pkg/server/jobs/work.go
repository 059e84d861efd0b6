package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/trace"

	"stackctl/pkg/server/app"
)

// Sweeper removes what is over.
type Sweeper interface {
	SweepSessions(ctx context.Context, now time.Time) (int, error)
	SweepTokens(ctx context.Context, now time.Time) (int, error)
	SweepMailboxes(ctx context.Context, before time.Time) (int, error)
	SweepAudit(ctx context.Context, before time.Time) (int, error)
	SweepUsers(ctx context.Context, before time.Time) (int, error)
}

// Post sends letters; *app.Post is one.
type Post interface {
	Deliver(ctx context.Context, job app.MailJob) error
}

// Work is what a worker needs.
type Work struct {
	Pool *pgxpool.Pool
	Log  *slog.Logger
	// Release and Name go into the results of ping jobs.
	Release string
	Name    string
	Sweeper Sweeper
	Post    Post
	// Parallel bounds the jobs that run at once, per queue.
	Parallel int
	// Traces is what the spans of jobs are made of.
	Traces trace.TracerProvider
}

// Worker runs jobs of the default queue and of its own release's queue.
type Worker struct {
	client *river.Client[pgx.Tx]
}

// NewWorker makes a Worker; Start lets it work.
func NewWorker(w Work) (*Worker, error) {
	workers := river.NewWorkers()
	for _, err := range []error{
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, j *river.Job[app.PingJob]) error {
			return river.RecordOutput(ctx, app.PingResult{Nonce: j.Args.Nonce, Release: w.Release, Worker: w.Name})
		})),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[app.SweepSessionsJob]) error {
			n, err := w.Sweeper.SweepSessions(ctx, time.Now())
			return recordSwept(ctx, n, err)
		})),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[app.SweepTokensJob]) error {
			n, err := w.Sweeper.SweepTokens(ctx, time.Now())
			if err == nil {
				_, err = w.Sweeper.SweepMailboxes(ctx, time.Now().Add(-app.MailboxRetention))
			}
			return recordSwept(ctx, n, err)
		})),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, j *river.Job[app.MailJob]) error {
			err := w.Post.Deliver(ctx, j.Args)
			if errors.Is(err, app.ErrNoMail) {
				return river.JobCancel(err) // trying again changes nothing
			}
			return err
		})),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[app.SweepUsersJob]) error {
			n, err := w.Sweeper.SweepUsers(ctx, time.Now().Add(-app.UnconfirmedRetention))
			return recordSwept(ctx, n, err)
		})),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[app.SweepAuditJob]) error {
			n, err := w.Sweeper.SweepAudit(ctx, time.Now().Add(-app.AuditRetention))
			return recordSwept(ctx, n, err)
		})),
	} {
		if err != nil {
			return nil, fmt.Errorf("register the workers: %w", err)
		}
	}
	queue := river.QueueConfig{MaxWorkers: max(1, w.Parallel)}
	client, err := river.NewClient(riverpgxv5.New(w.Pool), &river.Config{
		ID: w.Name, Logger: w.Log, Workers: workers, ErrorHandler: logged{w.Log}, Middleware: traced(w.Traces),
		Queues:     map[string]river.QueueConfig{app.DefaultQueue: queue, app.ReleaseQueue(w.Release): queue},
		JobTimeout: time.Minute, RescueStuckJobsAfter: 2 * time.Minute,
		// To rebuild an index takes its owner, which the worker is not (docs/decisions/0250).
		ReindexerIndexNames: []string{},
		FetchPollInterval:   time.Second, MaxAttempts: 10, SoftStopTimeout: 8 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the worker: %w", err)
	}
	return &Worker{client: client}, nil
}

func recordSwept(ctx context.Context, n int, err error) error {
	if err != nil {
		return err
	}
	return river.RecordOutput(ctx, map[string]int{"removed": n})
}

// Start begins to work; it returns once the queues are watched.
func (w *Worker) Start(ctx context.Context) error { return w.client.Start(ctx) }

// Stop takes no new job and waits for those that run; jobs that do not end
// before ctx is done are cancelled and tried again later.
func (w *Worker) Stop(ctx context.Context) error {
	if err := w.client.Stop(ctx); err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return w.client.StopAndCancel(hard)
}

// logged writes failed tries to the log; the queue tries again with backoff.
type logged struct{ log *slog.Logger }

func (l logged) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	l.log.WarnContext(ctx, "job failed", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "max", job.MaxAttempts, "error", err.Error())
	return nil
}

func (l logged) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	l.log.ErrorContext(ctx, "job panicked", "kind", job.Kind, "job", job.ID, "panic", fmt.Sprint(value), "stack", trace)
	return nil
}
