package postgres

import (
	"testing"

	"stackctl/pkg/server/app"
)

// TestStaffBeforeRolesAreAdmins migrates a database with staff of the release before
// roles, and lets that release write to it afterwards.
func TestStaffBeforeRolesAreAdmins(t *testing.T) {
	db, ctx := emptyDB(t), context20(t)
	m := before(t, db, 11)
	exec := func(query string) {
		t.Helper()
		if _, err := db.Pool.Exec(ctx, query); err != nil {
			t.Fatal(err)
		}
	}
	roleOf := func(email string) (r app.StaffRole) {
		t.Helper()
		u, err := (&Store{db: db.SQL}).UserByEmail(ctx, email)
		if err != nil {
			t.Fatal(err)
		}
		return u.Role
	}
	exec(`INSERT INTO users (email, is_staff, display_name) VALUES ('chief@x.org', true, 'Chief'), ('ada@x.org', false, 'Ada')`)
	var were, are string
	const kept = `SELECT string_agg(u.id || email || display_name || is_staff || created_at || updated_at, ' ' ORDER BY email) FROM users u`
	if err := db.SQL.GetContext(ctx, &were, kept); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if err := db.SQL.GetContext(ctx, &are, kept); err != nil || were != are {
		t.Errorf("%s became %s, %v", were, are, err)
	}
	if chief, ada := roleOf("chief@x.org"), roleOf("ada@x.org"); chief != app.RoleAdmin || ada != app.RoleNone {
		t.Errorf("the member of staff is %q, the user %q", chief, ada)
	}
	// The release before: it knows is_staff alone, and takes an admin's rights away.
	exec(`UPDATE users SET limited_role = 'viewer' WHERE email = 'ada@x.org'; UPDATE users SET is_staff = false WHERE email = 'chief@x.org'`)
	var staff int
	if err := db.SQL.GetContext(ctx, &staff, `SELECT count(*) FROM users WHERE is_staff`); err != nil || staff != 0 {
		t.Errorf("%d members of staff for the release before, %v", staff, err)
	}
	if chief, ada := roleOf("chief@x.org"), roleOf("ada@x.org"); chief != app.RoleNone || ada != app.RoleViewer {
		t.Errorf("who lost the rights is %q, the viewer %q", chief, ada)
	}
	for _, odd := range []string{"admin", "Viewer", "root", "support "} {
		exec(`UPDATE users SET limited_role = '` + odd + `' WHERE email = 'ada@x.org'`)
		if r := roleOf("ada@x.org"); r != app.RoleNone {
			t.Errorf("%q in the database is the role %q", odd, r)
		}
	}
}

// A user who is added or saved keeps the role and the language, whatever else changes.
func TestUsersKeepRoleAndLanguage(t *testing.T) {
	db, ctx := migratedDB(t), context20(t)
	store := &Store{db: db.SQL}
	for _, role := range append(app.StaffRoles(), app.RoleNone) {
		email := "a" + string(role) + "@x.org"
		if err := store.InTx(ctx, func(tx app.Tx) error {
			u, isNew, err := tx.AddUser(ctx, app.User{Email: email, Role: role, Language: app.German})
			if err != nil {
				return err
			}
			if !isNew || u.Role != role || u.Language != app.German {
				t.Errorf("added: %+v", u)
			}
			u.Bio = "changed"
			_, err = tx.SaveUser(ctx, u)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		u, err := store.UserByEmail(ctx, email)
		if err != nil || u.Role != role || u.Language != app.German || u.Bio != "changed" {
			t.Errorf("saved: %+v, %v", u, err)
		}
	}
}
