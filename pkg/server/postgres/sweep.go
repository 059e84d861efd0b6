package postgres

import (
	"context"
	"fmt"
	"time"

	"stackctl/pkg/server/app"
)

// SweepSessions removes sessions that are over.
func (s *Store) SweepSessions(ctx context.Context, now time.Time) (int, error) {
	total := 0
	for _, kind := range []app.SessionKind{app.SessionSite, app.SessionStaff} {
		n, err := s.sweep(ctx, "sessions", `kind = $1 AND (expires_at <= $2 OR seen_at <= $3)`, kind, now, now.Add(-kind.Lifetime().Idle))
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// SweepAudit removes audit events from before a time; the database refuses
// any that is younger than a year.
func (s *Store) SweepAudit(ctx context.Context, before time.Time) (int, error) {
	return s.sweepBy(ctx, "sweep_audit_events", before)
}

// SweepTokens removes tokens and waiting logins that are over; it counts the
// tokens.
func (s *Store) SweepTokens(ctx context.Context, now time.Time) (int, error) {
	if _, err := s.sweep(ctx, "pending_logins", `expires_at <= $1`, now); err != nil {
		return 0, err
	}
	return s.sweep(ctx, "mail_tokens", `expires_at <= $1`, now)
}

// SweepMailboxes removes the counts of mailboxes that have long been empty.
func (s *Store) SweepMailboxes(ctx context.Context, before time.Time) (int, error) {
	return s.sweep(ctx, "mailboxes", `at < $1`, before)
}

// SweepUsers removes accounts that nobody has used since a time, and whose address
// nobody has confirmed although a mail asked for it before that time. Accounts of
// staff, those that staff or a provider made, and those with another way in stay.
func (s *Store) SweepUsers(ctx context.Context, before time.Time) (int, error) {
	return s.sweepBy(ctx, "sweep_unproven_users", before)
}

// sweepBatch bounds what one statement removes: it holds locks and writes a log in
// proportion, and must end well before a statement is cut off.
const sweepBatch = 5000

// sweep removes the rows of a table that a condition holds for, in parts, and
// returns how many there were. Rows that another transaction holds wait for the
// next sweep.
func (s *Store) sweep(ctx context.Context, table, condition string, args ...any) (int, error) {
	query := fmt.Sprintf(`DELETE FROM %[1]s WHERE ctid = ANY(ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s LIMIT %[3]d FOR UPDATE SKIP LOCKED))`,
		table, condition, sweepBatch)
	for total := 0; ; {
		n, err := changed(s.db.ExecContext(ctx, query, args...))
		total += n
		if err != nil || n < sweepBatch {
			return total, err
		}
	}
}

// sweepBy removes rows in parts by a function of the database, which may do what
// the role of the service may not, and returns how many there were.
func (s *Store) sweepBy(ctx context.Context, function string, before time.Time) (int, error) {
	for total := 0; ; {
		n := 0
		err := s.db.GetContext(ctx, &n, fmt.Sprintf(`SELECT %s($1, $2)`, function), before, sweepBatch)
		total += n
		if err != nil || n < sweepBatch {
			return total, coded(err)
		}
	}
}
