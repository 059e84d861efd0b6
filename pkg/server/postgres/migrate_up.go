package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// lockWait is how long a migration waits for a table that others use.
	// Requests for that table queue behind it: it must be well below their time.
	lockWait = 2 * time.Second
	// lockPause lets what queued get through before the next try.
	lockPause = 3 * time.Second
	// lockPatience is how long the tries go on.
	lockPatience = 2 * time.Minute
)

// Applied is one migration that Up applied.
type Applied struct {
	Version int64
	Name    string
}

// Up applies what is pending, under a lock that is held by one process at a
// time. Each migration is one transaction: a failed one leaves nothing. One may
// take as long as it must once it has its tables. Where a long transaction keeps
// them it steps back and tries again: whoever wants the table waits behind it.
func (m *Migrations) Up(ctx context.Context) ([]Applied, error) {
	db := m.db.patient()
	defer func() { _ = db.Close() }()
	p, err := provider(db)
	if err != nil {
		return nil, err
	}
	var done []Applied
	for end := time.Now().Add(lockPatience); ; {
		results, err := p.Up(ctx)
		var partly *goose.PartialError
		if errors.As(err, &partly) {
			results = partly.Applied
		}
		for _, r := range results {
			done = append(done, Applied{Version: r.Source.Version, Name: migrationName(r.Source)})
		}
		if err == nil {
			return done, nil
		}
		held := lockTimedOut(err)
		if held && time.Now().Before(end) && rest(ctx, lockPause) {
			continue
		}
		if held {
			err = fmt.Errorf("%w; for %s another transaction kept what it needs%s; end that one and migrate again", err, lockPatience, m.oldest(ctx))
		}
		return done, fmt.Errorf("apply the migrations: %w; what had been applied before stays, the failed one left nothing", err)
	}
}

// patient is the database for migrations: no limit on a statement, a short one
// on the wait for a lock.
func (db *DB) patient() *sql.DB {
	c := db.Pool.Config().ConnConfig
	c.RuntimeParams["statement_timeout"] = "0"
	c.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	c.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockWait.Milliseconds(), 10)
	return stdlib.OpenDB(*c)
}

// lockTimedOut reports whether a migration was given up for a lock; it left nothing.
func lockTimedOut(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == "55P03"
}

// rest waits, and says whether ctx let it.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// oldest describes the longest open transaction beside our own, which is most
// likely the one in the way; empty: there is none, or it cannot be told.
func (m *Migrations) oldest(ctx context.Context) string {
	var who string
	err := m.db.SQL.GetContext(ctx, &who, `
SELECT format(' (the oldest: process %s, %s, %s, open for %s s)', pid, coalesce(nullif(application_name, ''), usename, 'unknown'),
	state, extract(epoch FROM now() - xact_start)::int)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1`)
	if err != nil {
		return ""
	}
	return who
}
