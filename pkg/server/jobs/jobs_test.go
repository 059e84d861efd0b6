package jobs_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/jobs"
	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/testdb"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testdb.Run(m))
}

func store(t *testing.T) (*apptest.Site, *postgres.Store, *jobs.Inserter) {
	t.Helper()
	s := apptest.New(t)
	inserter, err := jobs.NewInserter(noop.NewTracerProvider())
	if err != nil {
		t.Fatal(err)
	}
	return s, postgres.NewStore(s.DB, inserter), inserter
}

func count(t *testing.T, s *apptest.Site, kind string) (n int) {
	t.Helper()
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM river_job WHERE kind = $1`, kind); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestJobExistsExactlyIfTheTransactionCommits(t *testing.T) {
	s, db, _ := store(t)
	ctx := context.Background()
	undone := errors.New("undone")
	err := db.InTx(ctx, func(tx app.Tx) error {
		if err := tx.Enqueue(ctx, app.PingJob{Nonce: "a"}, app.JobOptions{}); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) || count(t, s, "ping") != 0 {
		t.Errorf("err %v, %d jobs of a transaction that was undone", err, count(t, s, "ping"))
	}
	if err := db.InTx(ctx, func(tx app.Tx) error { return tx.Enqueue(ctx, app.PingJob{Nonce: "a"}, app.JobOptions{}) }); err != nil || count(t, s, "ping") != 1 {
		t.Errorf("err %v, %d jobs of a transaction that was committed", err, count(t, s, "ping"))
	}
}

func TestUniqueJobIsQueuedOnce(t *testing.T) {
	s, db, _ := store(t)
	ctx := context.Background()
	for _, nonce := range []string{"a", "a", "b"} {
		if err := db.InTx(ctx, func(tx app.Tx) error {
			return tx.Enqueue(ctx, app.PingJob{Nonce: nonce}, app.JobOptions{UniqueFor: time.Hour})
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, s, "ping"); n != 2 {
		t.Errorf("%d jobs, want one for each nonce", n)
	}
}

// flaky fails a number of times and then delivers.
type flaky struct {
	fails atomic.Int64
	tries atomic.Int64
}

func (f *flaky) Deliver(context.Context, app.MailJob) error {
	f.tries.Add(1)
	if f.fails.Add(-1) >= 0 {
		return errors.New("not yet")
	}
	return nil
}

func TestFailedJobIsTriedAgainAndPanicsAreFailures(t *testing.T) {
	s, db, _ := store(t)
	ctx := context.Background()
	post := &flaky{}
	post.fails.Store(1)
	worker, err := jobs.NewWorker(jobs.Work{Pool: s.DB.Pool, Log: slog.New(slog.DiscardHandler), Release: "r", Name: "w", Traces: noop.NewTracerProvider(), Parallel: 1, Post: post})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Stop(ctx) }()
	if err := db.InTx(ctx, func(tx app.Tx) error {
		// Without a Sweeper this one panics.
		if err := tx.Enqueue(ctx, app.SweepTokensJob{}, app.JobOptions{MaxAttempts: 1}); err != nil {
			return err
		}
		return tx.Enqueue(ctx, app.MailJob{Letter: app.LetterKnown, Email: "ada@example.com"}, app.JobOptions{})
	}); err != nil {
		t.Fatal(err)
	}
	s.Wait("the mail job to succeed", func() bool {
		var state string
		return s.DB.SQL.Get(&state, `SELECT state FROM river_job WHERE kind = 'mail'`) == nil && state == "completed"
	})
	if n := post.tries.Load(); n != 2 {
		t.Errorf("tried %d times, want 2", n)
	}
	s.Wait("the job that panics to be given up", func() bool {
		var state string
		return s.DB.SQL.Get(&state, `SELECT state FROM river_job WHERE kind = 'sweep_tokens'`) == nil && state == "discarded"
	})
}

func TestSweepsRemoveWhatIsOver(t *testing.T) {
	s, db, _ := store(t)
	ctx := context.Background()
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (id, email) VALUES ('00000000-0000-4000-8000-000000000001', 'ada@example.com');
		INSERT INTO sessions (user_id, token_hash, kind, seen_at, expires_at) SELECT '00000000-0000-4000-8000-000000000001', sha256(x::text::bytea), k, now() - seen, now() + left_over
			FROM (VALUES (1, 'site', interval '0', interval '1 day'), (2, 'site', interval '8 days', interval '1 day'), (3, 'site', interval '0', interval '-1 second'),
			(4, 'staff', interval '31 minutes', interval '1 hour'), (5, 'staff', interval '1 minute', interval '1 hour')) AS v (x, k, seen, left_over);
		INSERT INTO mail_tokens (user_id, purpose, token_hash, expires_at) VALUES ('00000000-0000-4000-8000-000000000001', 'reset', sha256('a'), now() - interval '1 second'),
			('00000000-0000-4000-8000-000000000001', 'reset', sha256('b'), now() + interval '1 hour');
		INSERT INTO audit_events (at, action, result) VALUES (now() - interval '500 days', 'old', 'ok'), (now(), 'new', 'ok')`); err != nil {
		t.Fatal(err)
	}
	sessions, err := db.SweepSessions(ctx, time.Now())
	if err != nil || sessions != 3 {
		t.Errorf("%d sessions, err %v", sessions, err)
	}
	tokens, err := db.SweepTokens(ctx, time.Now())
	if err != nil || tokens != 1 {
		t.Errorf("%d tokens, err %v", tokens, err)
	}
	events, err := db.SweepAudit(ctx, time.Now().Add(-app.AuditRetention))
	if err != nil || events != 1 {
		t.Errorf("%d events, err %v", events, err)
	}
	for _, change := range []string{`UPDATE audit_events SET action = 'x'`, `DELETE FROM audit_events`, `TRUNCATE audit_events`} {
		if _, err := s.DB.SQL.Exec(change); err == nil {
			t.Errorf("%s went through", change)
		}
	}
}
