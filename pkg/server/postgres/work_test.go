package postgres

import (
	"strings"
	"testing"
	"time"

	"stackctl/pkg/server/app"
)

// TestTheWorkersRoleDoesItsWork lets app_worker sweep everything, and read and note
// what a letter takes.
func TestTheWorkersRoleDoesItsWork(t *testing.T) {
	db, ctx := migratedDB(t), context20(t)
	if _, err := db.SQL.ExecContext(ctx, `
		INSERT INTO users (email, password_hash, asked_at) VALUES ('gone@x.org', 'h', now() - interval '31 days'), ('ada@x.org', 'h', NULL), ('lately@x.org', 'h', now() - interval '1 day');
		INSERT INTO sessions (user_id, token_hash, kind, expires_at) SELECT id, sha256('a'), 'site', now() - interval '1 day' FROM users WHERE email = 'ada@x.org';
		INSERT INTO mail_tokens (user_id, purpose, token_hash, expires_at) SELECT id, 'reset', sha256('a'), now() - interval '1 day' FROM users WHERE email = 'ada@x.org';
		INSERT INTO pending_logins (user_id, kind, token_hash, expires_at) SELECT id, 'site', sha256('a'), now() - interval '1 day' FROM users WHERE email = 'ada@x.org';
		INSERT INTO mailboxes (bucket, level, at) VALUES ('b', 1, now() - interval '9 days');
		INSERT INTO audit_events (at, action, result) VALUES (now() - interval '500 days', 'old', 'ok'), (now(), 'new', 'ok')`); err != nil {
		t.Fatal(err)
	}
	store, now := NewStore(as(t, db, "app_worker"), nil), time.Now()
	for what, sweep := range map[string]func() (int, error){
		"sessions":  func() (int, error) { return store.SweepSessions(ctx, now) },
		"tokens":    func() (int, error) { return store.SweepTokens(ctx, now) },
		"mailboxes": func() (int, error) { return store.SweepMailboxes(ctx, now.Add(-app.MailboxRetention)) },
		"events":    func() (int, error) { return store.SweepAudit(ctx, now.Add(-app.AuditRetention)) },
		// One that a mail asked for a day ago stays, whatever is asked for.
		"users": func() (int, error) { return store.SweepUsers(ctx, now) },
	} {
		if n, err := sweep(); err != nil || n != 1 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	if n, err := store.SweepAudit(ctx, now.Add(time.Hour)); err == nil {
		t.Errorf("the worker swept %d events that are young", n)
	}
	ada, err := store.Addressee(ctx, "ada@x.org")
	if err != nil || ada.ID == "" || ada.PasswordHash != "" {
		t.Fatalf("%+v, %v", ada, err)
	}
	if err := store.InTx(ctx, func(tx app.Tx) error {
		box, err := tx.Mailbox(ctx, "ada")
		if err != nil {
			return err
		}
		if err := tx.SaveMailbox(ctx, box); err != nil {
			return err
		}
		if err := tx.AddToken(ctx, ada.ID, app.PurposeVerify, make([]byte, 32), now.Add(time.Hour)); err != nil {
			return err
		}
		return tx.NoteAsked(ctx, ada.ID, now)
	}); err != nil {
		t.Error(err)
	}
}

// TestTheReleaseBeforeLivesWithTheRoles compares what the database has now with what
// the release before them knows, and works as that one does.
func TestTheReleaseBeforeLivesWithTheRoles(t *testing.T) {
	db, ctx := migratedDB(t), context20(t)
	live, err := readSchema(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	before := Schema{}
	for object, definition := range live {
		kind, name, _ := strings.Cut(object, " ")
		if kind != "grant" && kind != "role" && !strings.HasPrefix(name, "sweep_") {
			before[object] = definition
		}
	}
	r := SchemaReport{Stamped: 9, Head: 8}
	if compare(&r, before, live); len(r.Differences) > 0 || len(r.Ahead) < 40 {
		t.Errorf("%s", r.Text())
	}
	// It sweeps as the owner.
	if _, err := db.SQL.ExecContext(ctx, `INSERT INTO audit_events (at, action, result) VALUES (now() - interval '500 days', 'old', 'ok');
		DELETE FROM audit_events WHERE at < now() - interval '400 days'`); err != nil {
		t.Error(err)
	}
}
