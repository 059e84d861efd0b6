package postgres

import (
	"context"
	"time"

	"stackctl/pkg/server/app"
)

// SweepSessions removes sessions that are over.
func (s *Store) SweepSessions(ctx context.Context, now time.Time) (int64, error) {
	total := int64(0)
	for _, kind := range []app.SessionKind{app.SessionSite, app.SessionStaff} {
		r, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE kind = $1 AND (expires_at <= $2 OR seen_at <= $3)`,
			kind, now, now.Add(-kind.Lifetime().Idle))
		if err != nil {
			return total, coded(err)
		}
		n, _ := r.RowsAffected()
		total += n
	}
	return total, nil
}

// SweepAudit removes audit events from before a time; the database refuses
// any that is younger than a year.
func (s *Store) SweepAudit(ctx context.Context, before time.Time) (int64, error) {
	r, err := s.db.ExecContext(ctx, `DELETE FROM audit_events WHERE at < $1`, before)
	if err != nil {
		return 0, coded(err)
	}
	n, _ := r.RowsAffected()
	return n, nil
}

// SweepTokens removes tokens that are over.
func (s *Store) SweepTokens(ctx context.Context, now time.Time) (int64, error) {
	r, err := s.db.ExecContext(ctx, `DELETE FROM mail_tokens WHERE expires_at <= $1`, now)
	if err != nil {
		return 0, coded(err)
	}
	n, _ := r.RowsAffected()
	return n, nil
}
