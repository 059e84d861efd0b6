package postgres

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"stackctl/pkg/server/app"
)

type passkeyRow struct {
	ID         string       `db:"id"`
	UserID     string       `db:"user_id"`
	KeyID      []byte       `db:"key_id"`
	PublicKey  []byte       `db:"public_key"`
	SignCount  uint32       `db:"sign_count"`
	Flags      uint8        `db:"flags"`
	Transports string       `db:"transports"`
	Name       string       `db:"name"`
	Alone      bool         `db:"alone"`
	CreatedAt  time.Time    `db:"created_at"`
	UsedAt     sql.NullTime `db:"used_at"`
	SuspectAt  sql.NullTime `db:"suspect_at"`
}

func (r passkeyRow) passkey() app.Passkey {
	return app.Passkey{
		ID: r.ID, UserID: r.UserID, Name: r.Name, Alone: r.Alone, CreatedAt: r.CreatedAt, UsedAt: r.UsedAt.Time, SuspectAt: r.SuspectAt.Time,
		Credential: app.Credential{KeyID: r.KeyID, PublicKey: r.PublicKey, Count: r.SignCount, Flags: r.Flags, Transports: strings.Fields(r.Transports)},
	}
}

// Passkeys lists a user's passkeys, the oldest first.
func (s *Store) Passkeys(ctx context.Context, userID string) ([]app.Passkey, error) {
	return passkeys(ctx, s.db, userID)
}

func passkeys(ctx context.Context, q sqlx.QueryerContext, userID string) ([]app.Passkey, error) {
	var rows []passkeyRow
	err := sqlx.SelectContext(ctx, q, &rows, `SELECT id, user_id, key_id, public_key, sign_count, flags, transports, name, alone, created_at, used_at, suspect_at
		FROM passkeys WHERE user_id = $1 ORDER BY created_at, id`, userID)
	list := make([]app.Passkey, 0, len(rows))
	for _, r := range rows {
		list = append(list, r.passkey())
	}
	return list, coded(err)
}

func (t *storeTx) Passkeys(ctx context.Context, userID string) ([]app.Passkey, error) {
	return passkeys(ctx, t.tx, userID)
}

func (t *storeTx) PasskeyOwner(ctx context.Context, keyID []byte) (string, error) {
	var userID string
	err := t.tx.GetContext(ctx, &userID, `SELECT user_id FROM passkeys WHERE key_id = $1`, keyID)
	return userID, coded(err)
}

func (t *storeTx) AddPasskey(ctx context.Context, p app.Passkey) (app.Passkey, error) {
	var row passkeyRow
	err := t.tx.GetContext(ctx, &row, `INSERT INTO passkeys (user_id, key_id, public_key, sign_count, flags, transports, name)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		RETURNING id, user_id, key_id, public_key, sign_count, flags, transports, name, alone, created_at, used_at, suspect_at`,
		p.UserID, p.KeyID, p.PublicKey, p.Count, int16(p.Flags), strings.Join(p.Transports, " "), p.Name)
	return row.passkey(), coded(err)
}

func (t *storeTx) SavePasskey(ctx context.Context, p app.Passkey) error {
	_, err := t.exec(ctx, `UPDATE passkeys SET sign_count = $2, flags = $3, alone = $4, used_at = $5, suspect_at = $6 WHERE id = $1`,
		p.ID, p.Count, int16(p.Flags), p.Alone, nullTime(p.UsedAt), nullTime(p.SuspectAt))
	return err
}

func (t *storeTx) NamePasskey(ctx context.Context, userID, id, name string) (bool, error) {
	n, err := t.exec(ctx, `UPDATE passkeys SET name = $3 WHERE id = $1 AND user_id = $2`, id, userID, name)
	return n > 0, err
}

func (t *storeTx) DistrustPasskeys(ctx context.Context, userID string) error {
	_, err := t.exec(ctx, `UPDATE passkeys SET alone = false WHERE user_id = $1`, userID)
	return err
}

func (t *storeTx) DropPasskey(ctx context.Context, userID, id string) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM passkeys WHERE id = $1 AND user_id = $2`, id, userID)
	if err != nil {
		return false, err
	}
	return n > 0, t.dropIdleCodes(ctx, userID)
}

func (t *storeTx) DropPasskeys(ctx context.Context, userID string) (int, error) {
	n, err := t.exec(ctx, `DELETE FROM passkeys WHERE user_id = $1`, userID)
	if err != nil {
		return 0, err
	}
	return n, t.dropIdleCodes(ctx, userID)
}

// dropIdleCodes removes the recovery codes of a user who has no second factor left
// that they could stand in for.
func (t *storeTx) dropIdleCodes(ctx context.Context, userID string) error {
	_, err := t.exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1
		AND NOT EXISTS (SELECT FROM factors WHERE user_id = $1 AND confirmed_at IS NOT NULL)
		AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = $1)`, userID)
	return err
}
