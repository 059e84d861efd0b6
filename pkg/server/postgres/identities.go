package postgres

import (
	"context"
	"database/sql"
	"time"

	"stackctl/pkg/server/app"
)

// Identities lists who a user is at providers, the oldest first.
func (s *Store) Identities(ctx context.Context, userID string) ([]app.Identity, error) {
	var rows []struct {
		ID          string       `db:"id"`
		UserID      string       `db:"user_id"`
		Issuer      string       `db:"issuer"`
		Subject     string       `db:"subject"`
		Email       string       `db:"email"`
		CreatedAt   time.Time    `db:"created_at"`
		LastLoginAt sql.NullTime `db:"last_login_at"`
	}
	err := s.db.SelectContext(ctx, &rows, `SELECT id, user_id, issuer, subject, email, created_at, last_login_at FROM identities
		WHERE user_id = $1 ORDER BY created_at, id`, userID)
	list := make([]app.Identity, 0, len(rows))
	for _, r := range rows {
		list = append(list, app.Identity{ID: r.ID, UserID: r.UserID, Issuer: r.Issuer, Subject: r.Subject, Email: r.Email, CreatedAt: r.CreatedAt, LastLoginAt: r.LastLoginAt.Time})
	}
	return list, coded(err)
}

func (t *storeTx) UseIdentity(ctx context.Context, issuer, subject string, at time.Time) (string, error) {
	var userID string
	// The user's row is held first, as by every change of a user: a login and an
	// unlinking that meet would otherwise wait for each other.
	err := t.tx.GetContext(ctx, &userID, `SELECT u.id FROM users u JOIN identities i ON i.user_id = u.id
		WHERE i.issuer = $1 AND i.subject = $2 FOR UPDATE OF u`, issuer, subject)
	if err != nil {
		return "", coded(err)
	}
	err = t.tx.GetContext(ctx, &userID, `UPDATE identities SET last_login_at = $3 WHERE issuer = $1 AND subject = $2 RETURNING user_id`, issuer, subject, at)
	return userID, coded(err)
}

func (t *storeTx) AddIdentity(ctx context.Context, i app.Identity) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO identities (user_id, issuer, subject, email, last_login_at, origin) VALUES ($1, $2, $3, $4, $5, $6)`,
		i.UserID, i.Issuer, i.Subject, printable(i.Email), nullTime(i.LastLoginAt), i.Origin)
	return coded(err)
}

func (t *storeTx) DropIdentity(ctx context.Context, userID, id string) (bool, int, error) {
	n, err := t.exec(ctx, `DELETE FROM identities WHERE id = $1 AND user_id = $2`, id, userID)
	if err != nil {
		return false, 0, err
	}
	var left int
	err = t.tx.GetContext(ctx, &left, `SELECT count(*) FROM identities WHERE user_id = $1`, userID)
	return n > 0, left, coded(err)
}

func (t *storeTx) HasIdentity(ctx context.Context, userID string) (bool, error) {
	var has bool
	err := t.tx.GetContext(ctx, &has, `SELECT EXISTS (SELECT FROM identities WHERE user_id = $1)`, userID)
	return has, coded(err)
}

func (t *storeTx) DropIdentitiesOf(ctx context.Context, userID string, origin app.IdentityOrigin) (int, error) {
	return t.exec(ctx, `DELETE FROM identities WHERE user_id = $1 AND origin = $2`, userID, origin)
}

func (t *storeTx) DropIdentities(ctx context.Context, userID string) (int, error) {
	return t.exec(ctx, `DELETE FROM identities WHERE user_id = $1`, userID)
}
