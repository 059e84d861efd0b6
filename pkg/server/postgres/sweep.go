package postgres

import (
	"context"
	"time"

	"stackctl/pkg/server/app"
)

// SweepSessions removes sessions that are over.
func (s *Store) SweepSessions(ctx context.Context, now time.Time) (int, error) {
	total := 0
	for _, kind := range []app.SessionKind{app.SessionSite, app.SessionStaff} {
		n, err := changed(s.db.ExecContext(ctx, `DELETE FROM sessions WHERE kind = $1 AND (expires_at <= $2 OR seen_at <= $3)`,
			kind, now, now.Add(-kind.Lifetime().Idle)))
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// SweepAudit removes audit events from before a time; the database refuses
// any that is younger than a year.
func (s *Store) SweepAudit(ctx context.Context, before time.Time) (int, error) {
	return changed(s.db.ExecContext(ctx, `DELETE FROM audit_events WHERE at < $1`, before))
}

// SweepTokens removes tokens and waiting logins that are over; it counts the
// tokens.
func (s *Store) SweepTokens(ctx context.Context, now time.Time) (int, error) {
	if _, err := changed(s.db.ExecContext(ctx, `DELETE FROM pending_logins WHERE expires_at <= $1`, now)); err != nil {
		return 0, err
	}
	return changed(s.db.ExecContext(ctx, `DELETE FROM mail_tokens WHERE expires_at <= $1`, now))
}

// SweepMailboxes removes the counts of mailboxes that have long been empty.
func (s *Store) SweepMailboxes(ctx context.Context, before time.Time) (int, error) {
	return changed(s.db.ExecContext(ctx, `DELETE FROM mailboxes WHERE at < $1`, before))
}
