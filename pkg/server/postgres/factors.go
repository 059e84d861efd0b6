package postgres

import (
	"context"
	"database/sql"
	"time"

	"stackctl/pkg/server/app"
)

// FactorState tells of a user's second factor.
func (s *Store) FactorState(ctx context.Context, userID string) (app.FactorState, error) {
	var row struct {
		At   sql.NullTime `db:"at"`
		Left int          `db:"left_over"`
	}
	err := s.db.GetContext(ctx, &row, `SELECT (SELECT confirmed_at FROM factors WHERE user_id = $1) AS at,
		(SELECT count(*) FROM recovery_codes WHERE user_id = $1) AS left_over`, userID)
	return app.FactorState{EnabledAt: row.At.Time, RecoveryCodes: row.Left}, coded(err)
}

func (t *storeTx) Factor(ctx context.Context, userID string) (app.Factor, error) {
	var row struct {
		Secret []byte       `db:"secret"`
		At     sql.NullTime `db:"confirmed_at"`
		Used   int64        `db:"used_step"`
	}
	err := t.tx.GetContext(ctx, &row, `SELECT secret, confirmed_at, used_step FROM factors WHERE user_id = $1`, userID)
	return app.Factor{UserID: userID, Secret: row.Secret, ConfirmedAt: row.At.Time, UsedStep: row.Used}, coded(err)
}

func (t *storeTx) SaveFactor(ctx context.Context, f app.Factor) error {
	_, err := t.exec(ctx, `INSERT INTO factors (user_id, secret, confirmed_at, used_step) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id) DO UPDATE SET secret = $2, confirmed_at = $3, used_step = $4`, f.UserID, f.Secret, nullTime(f.ConfirmedAt), f.UsedStep)
	return err
}

func (t *storeTx) DropFactor(ctx context.Context, userID string) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM factors WHERE user_id = $1`, userID)
	if err != nil {
		return false, err
	}
	return n > 0, t.dropIdleCodes(ctx, userID)
}

func (t *storeTx) SetRecoveryCodes(ctx context.Context, userID string, hashes [][]byte) error {
	if _, err := t.exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, userID); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := t.exec(ctx, `INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)`, userID, hash); err != nil {
			return err
		}
	}
	return nil
}

func (t *storeTx) UseRecoveryCode(ctx context.Context, userID string, hash []byte) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2`, userID, hash)
	return n > 0, err
}

func (t *storeTx) AddPending(ctx context.Context, userID string, kind app.SessionKind, hash []byte, expires time.Time) error {
	_, err := t.exec(ctx, `INSERT INTO pending_logins (user_id, kind, token_hash, expires_at) VALUES ($1, $2, $3, $4)`, userID, kind, hash, expires)
	return err
}

func (t *storeTx) Pending(ctx context.Context, kind app.SessionKind, hash []byte, now time.Time) (string, error) {
	var userID string
	err := t.tx.GetContext(ctx, &userID, `SELECT user_id FROM pending_logins WHERE token_hash = $1 AND kind = $2 AND expires_at > $3`, hash, kind, now)
	return userID, coded(err)
}

func (t *storeTx) DropPending(ctx context.Context, hash []byte) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM pending_logins WHERE token_hash = $1`, hash)
	return n > 0, err
}

func (t *storeTx) DoubtSessions(ctx context.Context, userID string) error {
	_, err := t.exec(ctx, `UPDATE sessions SET proven_at = to_timestamp(0) WHERE user_id = $1`, userID)
	return err
}

func (t *storeTx) ProveSession(ctx context.Context, id string, at time.Time) error {
	_, err := t.exec(ctx, `UPDATE sessions SET proven_at = $2 WHERE id = $1`, id, at)
	return err
}
