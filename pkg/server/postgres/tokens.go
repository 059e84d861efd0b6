package postgres

import (
	"context"
	"time"

	"stackctl/pkg/server/app"
)

func (t *storeTx) DropSessionOf(ctx context.Context, userID, id string) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM sessions WHERE id = $1 AND user_id = $2 AND kind = 'site'`, id, userID)
	return n > 0, err
}

func (t *storeTx) RenewSession(ctx context.Context, id string, hash []byte) (bool, error) {
	n, err := t.exec(ctx, `UPDATE sessions SET token_hash = $2 WHERE id = $1`, id, hash)
	return n > 0, err
}

func (t *storeTx) NoteAsked(ctx context.Context, userID string, at time.Time) error {
	_, err := t.exec(ctx, `UPDATE users SET asked_at = $2 WHERE id = $1`, userID, at)
	return err
}

func (t *storeTx) DeleteUser(ctx context.Context, id string) error {
	// A mail that waits names the address. One that is being sent ends by itself.
	if _, err := t.exec(ctx, `DELETE FROM river_job j USING users u
		WHERE u.id = $1 AND j.kind = 'mail' AND j.args->>'email' = u.email AND j.state <> 'running'`, id); err != nil {
		return err
	}
	_, err := t.tx.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, id)
	return coded(err)
}

func (t *storeTx) AddToken(ctx context.Context, userID string, purpose app.Purpose, hash []byte, expires time.Time) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO mail_tokens (user_id, purpose, token_hash, expires_at) VALUES ($1, $2, $3, $4)`,
		userID, purpose, hash, expires)
	return coded(err)
}

func (t *storeTx) UseToken(ctx context.Context, purpose app.Purpose, hash []byte, now time.Time) (string, error) {
	var userID string
	// The user's row is held first, as by every change of a user: two that
	// meet would otherwise wait for each other.
	err := t.tx.GetContext(ctx, &userID, `SELECT u.id FROM users u JOIN mail_tokens m ON m.user_id = u.id
		WHERE m.token_hash = $1 AND m.purpose = $2 AND m.expires_at > $3 FOR UPDATE OF u`, hash, purpose, now)
	if err != nil {
		return "", coded(err)
	}
	err = t.tx.GetContext(ctx, &userID, `DELETE FROM mail_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING user_id`,
		hash, purpose, now)
	return userID, coded(err)
}

func (t *storeTx) DropTokens(ctx context.Context, userID string, purpose app.Purpose) error {
	_, err := t.tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE user_id = $1 AND purpose = $2`, userID, purpose)
	return coded(err)
}
