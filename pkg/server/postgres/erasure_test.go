package postgres

import (
	"slices"
	"testing"
	"time"
)

// TestAccountsThatNobodyConfirmedAreSwept holds which accounts go, and that every
// other one stays.
func TestAccountsThatNobodyConfirmedAreSwept(t *testing.T) {
	db, ctx := migratedDB(t), context20(t)
	if _, err := db.SQL.ExecContext(ctx, `
		INSERT INTO users (email, password_hash, asked_at, created_at, email_verified_at, is_staff, disabled_at) VALUES
			('gone@x.org', 'h', now() - interval '31 days', now() - interval '60 days', NULL, false, NULL),
			('asked-lately@x.org', 'h', now() - interval '29 days', now() - interval '60 days', NULL, false, NULL),
			('never-asked@x.org', 'h', NULL, now() - interval '60 days', NULL, false, NULL),
			('confirmed@x.org', 'h', now() - interval '31 days', now() - interval '60 days', now(), false, NULL),
			('staff@x.org', 'h', now() - interval '31 days', now() - interval '60 days', NULL, true, NULL),
			('disabled@x.org', 'h', now() - interval '31 days', now() - interval '60 days', NULL, false, now()),
			('by-staff@x.org', NULL, now() - interval '31 days', now() - interval '60 days', NULL, false, NULL),
			('session@x.org', 'h', now() - interval '31 days', now() - interval '60 days', NULL, false, NULL),
			('linked@x.org', 'h', now() - interval '31 days', now() - interval '60 days', NULL, false, NULL),
			('passkey@x.org', 'h', now() - interval '31 days', now() - interval '60 days', NULL, false, NULL),
			('active@x.org', 'h', now() - interval '31 days', now() - interval '60 days', NULL, false, NULL);
		INSERT INTO sessions (user_id, token_hash, kind, expires_at) SELECT id, sha256('a'), 'site', now() + interval '1 day' FROM users WHERE email = 'session@x.org';
		INSERT INTO identities (user_id, issuer, subject) SELECT id, 'i', 's' FROM users WHERE email = 'linked@x.org';
		INSERT INTO passkeys (user_id, key_id, public_key, sign_count, flags, name) SELECT id, 'k', 'p', 0, 0, 'n' FROM users WHERE email = 'passkey@x.org';
		INSERT INTO audit_events (actor_id, action, result) SELECT id, 'login', 'ok' FROM users WHERE email = 'active@x.org'`); err != nil {
		t.Fatal(err)
	}
	var before, after []string
	list := func(into *[]string) {
		t.Helper()
		if err := db.SQL.SelectContext(ctx, into, `SELECT email FROM users ORDER BY email`); err != nil {
			t.Fatal(err)
		}
	}
	list(&before)
	n, err := NewStore(db, nil).SweepUsers(ctx, time.Now().Add(-30*24*time.Hour))
	list(&after)
	if want := slices.DeleteFunc(before, func(e string) bool { return e == "gone@x.org" }); err != nil || n != 1 || !slices.Equal(after, want) {
		t.Errorf("swept %d, %v; left %v", n, err, after)
	}
	var events int
	if err := db.SQL.GetContext(ctx, &events, `SELECT count(*) FROM audit_events WHERE action = 'user.expire'`); err != nil || events != 1 {
		t.Errorf("%d events, %v", events, err)
	}
}

// TestEventsOfEarlierReleasesLoseTheirTexts migrates a database whose events hold
// what people wrote.
func TestEventsOfEarlierReleasesLoseTheirTexts(t *testing.T) {
	db, ctx := emptyDB(t), context20(t)
	m := before(t, db, 8)
	if _, err := db.SQL.ExecContext(ctx, `INSERT INTO audit_events (action, result, detail) VALUES
		('profile.update', 'ok', '{"bio": {"before": "", "after": "mine"}}'),
		('staff.edit', 'ok', '{"email": {"before": "a@x.org"}, "is_staff": {"before": "false", "after": "true"}}'),
		('staff.export', 'ok', '{"records": 7, "search": "a@x.org", "filters": {}}'),
		('login', 'refused', '{"reason": "limited"}')`); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(ctx); err != nil {
		t.Fatal(err)
	}
	var details []string
	if err := db.SQL.SelectContext(ctx, &details, `SELECT detail::text FROM audit_events ORDER BY id`); err != nil {
		t.Fatal(err)
	}
	want := []string{`{"bio": {"changed": "yes"}}`, `{"email": {"changed": "yes"}, "is_staff": {"after": "true", "before": "false"}}`, `{"filters": {}, "records": 7}`, `{"reason": "limited"}`}
	if !slices.Equal(details, want) {
		t.Errorf("details %q", details)
	}
	if _, err := db.SQL.ExecContext(ctx, `UPDATE audit_events SET action = 'x'`); err == nil {
		t.Error("events can be changed after the migration")
	}
}
