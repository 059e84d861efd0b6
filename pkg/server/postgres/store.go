package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"stackctl/pkg/server/app"
)

// Queue adds and changes jobs in a transaction; *jobs.Inserter is one.
type Queue interface {
	Insert(ctx context.Context, tx *sql.Tx, args app.JobArgs, o app.JobOptions) error
	Retry(ctx context.Context, tx *sql.Tx, id int64) error
	Cancel(ctx context.Context, tx *sql.Tx, id int64) error
}

// Store is app.Store on PostgreSQL.
type Store struct {
	// Audited is called with each event that was committed; nil: nobody is.
	Audited func(app.AuditEvent)
	db      *sqlx.DB
	queue   Queue
}

// NewStore makes a Store.
func NewStore(db *DB, queue Queue) *Store { return &Store{db: db.SQL, queue: queue} }

// InTx runs a function in one transaction.
func (s *Store) InTx(ctx context.Context, do func(app.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return coded(err)
	}
	defer func() { _ = tx.Rollback() }()
	within := &storeTx{tx: tx, queue: s.queue}
	if err := do(within); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return coded(err)
	}
	if s.Audited != nil {
		for _, event := range within.audited {
			s.Audited(event)
		}
	}
	return nil
}

// UserByEmail finds a user by the clean form of an address.
func (s *Store) UserByEmail(ctx context.Context, email string) (app.User, error) {
	return getUser(ctx, s.db, `SELECT `+userColumns+` FROM users u WHERE email = $1`, email)
}

// Addressee finds whom a letter is for. It reads nothing that opens an account: the
// worker's database role may not.
func (s *Store) Addressee(ctx context.Context, email string) (app.User, error) {
	return getUser(ctx, s.db, `SELECT u.id AS u_id, u.email AS u_email, u.email_verified_at AS u_email_verified_at,
		u.display_name AS u_display_name, u.language AS u_language, u.disabled_at AS u_disabled_at FROM users u WHERE email = $1`, email)
}

// SessionByToken finds a session and its user by the token's hash.
func (s *Store) SessionByToken(ctx context.Context, hash []byte, kind app.SessionKind) (app.Session, app.User, error) {
	var row struct {
		sessionRow
		userRow
	}
	err := s.db.GetContext(ctx, &row, `SELECT `+sessionColumns+`, `+userColumns+`
		FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1 AND s.kind = $2`, hash, kind)
	return row.session(), row.user(), coded(err)
}

// Sessions lists a user's sessions of a kind, the last used first.
func (s *Store) Sessions(ctx context.Context, userID string, kind app.SessionKind) ([]app.Session, error) {
	var rows []sessionRow
	err := s.db.SelectContext(ctx, &rows, `SELECT `+sessionColumns+` FROM sessions s WHERE s.user_id = $1 AND s.kind = $2
		ORDER BY s.seen_at DESC LIMIT 200`, userID, kind)
	sessions := make([]app.Session, 0, len(rows))
	for _, r := range rows {
		sessions = append(sessions, r.session())
	}
	return sessions, coded(err)
}

// TouchSession notes that a session was used.
func (s *Store) TouchSession(ctx context.Context, id string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2`, id, at)
	return coded(err)
}

type storeTx struct {
	tx      *sqlx.Tx
	queue   Queue
	audited []app.AuditEvent
}

// exec runs a statement and gives how many rows it changed.
func (t *storeTx) exec(ctx context.Context, query string, args ...any) (int, error) {
	return changed(t.tx.ExecContext(ctx, query, args...))
}

func changed(r sql.Result, err error) (int, error) {
	if err != nil {
		return 0, coded(err)
	}
	n, err := r.RowsAffected()
	return int(n), err
}

func (t *storeTx) AddUser(ctx context.Context, u app.User) (app.User, bool, error) {
	added, err := getUser(ctx, t.tx, `INSERT INTO users AS u (email, email_verified_at, password_hash, display_name, language, is_staff)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING RETURNING `+userColumns,
		u.Email, nullTime(u.EmailVerifiedAt), nullText(u.PasswordHash), u.DisplayName, u.Language, u.Staff)
	if app.CodeOf(err) == app.CodeNotFound && err != nil {
		known, err := getUser(ctx, t.tx, `SELECT `+userColumns+` FROM users u WHERE email = $1`, u.Email)
		return known, false, err
	}
	return added, err == nil, err
}

func (t *storeTx) User(ctx context.Context, id string) (app.User, error) {
	// Held first, then read: what is read beside the row (factors, passkeys) is as
	// whoever held it before has left it. One statement would see it as it was before
	// the wait.
	if _, err := t.exec(ctx, `SELECT FROM users WHERE id = $1 FOR UPDATE`, id); err != nil {
		return app.User{}, err
	}
	return getUser(ctx, t.tx, `SELECT `+userColumns+` FROM users u WHERE id = $1`, id)
}

func (t *storeTx) SaveUser(ctx context.Context, u app.User) (app.User, error) {
	return getUser(ctx, t.tx, `UPDATE users u SET email_verified_at = $2, password_hash = $3, display_name = $4, avatar_url = $5,
		bio = $6, is_staff = $7, disabled_at = $8, language = $9, updated_at = now() WHERE id = $1 RETURNING `+userColumns,
		u.ID, nullTime(u.EmailVerifiedAt), nullText(u.PasswordHash), u.DisplayName, u.AvatarURL, u.Bio, u.Staff, nullTime(u.DisabledAt), u.Language)
}

func (t *storeTx) AddSession(ctx context.Context, s app.Session, hash []byte) (app.Session, error) {
	err := t.tx.GetContext(ctx, &s.ID, `WITH room AS (DELETE FROM sessions WHERE id IN
			(SELECT id FROM sessions WHERE user_id = $1 AND kind = $3 ORDER BY seen_at DESC, id OFFSET $9))
		INSERT INTO sessions (user_id, token_hash, kind, created_at, seen_at, expires_at, ip, user_agent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
		s.UserID, hash, s.Kind, s.CreatedAt, s.SeenAt, s.ExpiresAt, s.IP, printable(s.UserAgent), app.MaxSessions-1)
	return s, coded(err)
}

func (t *storeTx) DropSession(ctx context.Context, hash []byte) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash)
	return n > 0, err
}

func (t *storeTx) DropSessions(ctx context.Context, userID, except string) (int, error) {
	if _, err := t.exec(ctx, `DELETE FROM pending_logins WHERE user_id = $1`, userID); err != nil {
		return 0, err
	}
	return t.exec(ctx, `DELETE FROM sessions WHERE user_id = $1 AND ($2 = '' OR id::text <> $2)`, userID, except)
}

func (t *storeTx) Audit(ctx context.Context, e app.AuditEvent) error {
	from := app.OriginOf(ctx)
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return err
	}
	if e.Detail == nil {
		detail = []byte("{}")
	}
	_, err = t.tx.ExecContext(ctx, `INSERT INTO audit_events (actor_id, action, subject_kind, subject_id, result, ip, user_agent, request_id, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		nullText(e.Actor), e.Action, e.SubjectKind, e.SubjectID, e.Result, from.IP, printable(from.UserAgent), from.RequestID, string(detail))
	if err != nil {
		return coded(err)
	}
	t.audited = append(t.audited, e)
	return nil
}

func (t *storeTx) Enqueue(ctx context.Context, args app.JobArgs, o app.JobOptions) error {
	return coded(t.queue.Insert(ctx, t.tx.Tx, args, o))
}

// staffLock is the advisory lock under which staff change records.
const staffLock = 0x73746166

func (t *storeTx) HoldStaff(ctx context.Context) error {
	_, err := t.exec(ctx, `SELECT pg_advisory_xact_lock($1)`, staffLock)
	return err
}

func (t *storeTx) RetryJob(ctx context.Context, id string) error {
	return t.job(ctx, id, t.queue.Retry)
}

func (t *storeTx) CancelJob(ctx context.Context, id string) error {
	return t.job(ctx, id, t.queue.Cancel)
}

func (t *storeTx) job(ctx context.Context, id string, do func(context.Context, *sql.Tx, int64) error) error {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return app.ErrNotFound
	}
	return coded(do(ctx, t.tx.Tx, n))
}
