package postgres

import (
	"context"
	"encoding/json"
	"time"

	"stackctl/pkg/server/app"
)

func (t *storeTx) Mailbox(ctx context.Context, bucket string) (app.Mailbox, error) {
	var row struct {
		Level   float64   `db:"level"`
		At      time.Time `db:"at"`
		LeftOut []byte    `db:"left_out"`
	}
	// The update changes nothing: it holds the row that was there.
	err := t.tx.GetContext(ctx, &row, `INSERT INTO mailboxes AS m (bucket, level, at) VALUES ($1, 0, now())
		ON CONFLICT (bucket) DO UPDATE SET level = m.level RETURNING level, at, left_out`, bucket)
	if err != nil {
		return app.Mailbox{}, coded(err)
	}
	m := app.Mailbox{Bucket: bucket, Level: row.Level, At: row.At}
	return m, json.Unmarshal(row.LeftOut, &m.LeftOut)
}

func (t *storeTx) SaveMailbox(ctx context.Context, m app.Mailbox) error {
	leftOut := []byte("{}")
	if len(m.LeftOut) > 0 {
		var err error
		if leftOut, err = json.Marshal(m.LeftOut); err != nil {
			return err
		}
	}
	_, err := t.tx.ExecContext(ctx, `UPDATE mailboxes SET level = $2, at = $3, left_out = $4 WHERE bucket = $1`, m.Bucket, m.Level, m.At, string(leftOut))
	return coded(err)
}
