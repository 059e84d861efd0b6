package postgres

import (
	"context"
	"database/sql"
	"strings"
	"time"
	"unicode"

	"github.com/jmoiron/sqlx"

	"stackctl/pkg/server/app"
)

const userColumns = `u.id AS u_id, u.email AS u_email, u.email_verified_at AS u_email_verified_at, u.password_hash AS u_password_hash,
	u.display_name AS u_display_name, u.avatar_url AS u_avatar_url, u.bio AS u_bio, u.language AS u_language, u.is_staff AS u_is_staff,
	u.disabled_at AS u_disabled_at,
	EXISTS (SELECT FROM factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS u_totp,
	EXISTS (SELECT FROM passkeys k WHERE k.user_id = u.id) AS u_passkey, u.created_at AS u_created_at, u.updated_at AS u_updated_at`

type userRow struct {
	ID              string         `db:"u_id"`
	Email           string         `db:"u_email"`
	EmailVerifiedAt sql.NullTime   `db:"u_email_verified_at"`
	PasswordHash    sql.NullString `db:"u_password_hash"`
	DisplayName     string         `db:"u_display_name"`
	AvatarURL       string         `db:"u_avatar_url"`
	Bio             string         `db:"u_bio"`
	Language        string         `db:"u_language"`
	Staff           bool           `db:"u_is_staff"`
	DisabledAt      sql.NullTime   `db:"u_disabled_at"`
	TOTP            bool           `db:"u_totp"`
	Passkey         bool           `db:"u_passkey"`
	CreatedAt       time.Time      `db:"u_created_at"`
	UpdatedAt       time.Time      `db:"u_updated_at"`
}

func (r userRow) user() app.User {
	return app.User{
		ID: r.ID, Email: r.Email, EmailVerifiedAt: r.EmailVerifiedAt.Time, PasswordHash: r.PasswordHash.String,
		DisplayName: r.DisplayName, AvatarURL: r.AvatarURL, Bio: r.Bio, Language: app.Language(r.Language), Staff: r.Staff, DisabledAt: r.DisabledAt.Time,
		TOTP: r.TOTP, Passkey: r.Passkey, SecondFactor: r.TOTP || r.Passkey,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

func getUser(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) (app.User, error) {
	var row userRow
	err := sqlx.GetContext(ctx, q, &row, query, args...)
	return row.user(), coded(err)
}

const sessionColumns = `s.id AS s_id, s.user_id AS s_user_id, s.kind AS s_kind, s.created_at AS s_created_at, s.seen_at AS s_seen_at,
	coalesce(s.proven_at, s.created_at) AS s_proven_at,
	s.expires_at AS s_expires_at, s.ip AS s_ip, s.user_agent AS s_user_agent`

type sessionRow struct {
	SessionID        string    `db:"s_id"`
	SessionUserID    string    `db:"s_user_id"`
	Kind             string    `db:"s_kind"`
	SessionCreatedAt time.Time `db:"s_created_at"`
	SeenAt           time.Time `db:"s_seen_at"`
	ProvenAt         time.Time `db:"s_proven_at"`
	ExpiresAt        time.Time `db:"s_expires_at"`
	IP               string    `db:"s_ip"`
	UserAgent        string    `db:"s_user_agent"`
}

func (r sessionRow) session() app.Session {
	return app.Session{
		ID: r.SessionID, UserID: r.SessionUserID, Kind: app.SessionKind(r.Kind), CreatedAt: r.SessionCreatedAt,
		SeenAt: r.SeenAt, ProvenAt: r.ProvenAt, ExpiresAt: r.ExpiresAt, IP: r.IP, UserAgent: r.UserAgent,
	}
}

func nullTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// printable keeps what a client calls itself from upsetting the database
// (invalid UTF-8, NUL) or a reader.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
