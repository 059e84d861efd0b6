package attacks

import (
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

// TestAttack161WhatIsLeftOfADeletedAccount looks for a person's texts in every
// table after the account was deleted: in the user's, the audit's, the queue's.
func TestAttack161WhatIsLeftOfADeletedAccount(t *testing.T) {
	s, b := start(t) // without a worker: the mails wait
	const address, name, bio = "erasure-address@example.com", "Erasure Name", "erasure text"
	b.Enter(address)
	b.Send("PATCH", "/users/me", map[string]string{"display_name": name, "bio": bio, "avatar_url": "https://erasure.example.com/me.png"}).Want(t, http.StatusOK)
	b.Send("PATCH", "/users/me", map[string]string{"bio": ""}).Want(t, http.StatusOK)
	b.AddPasskey("Erasure key")
	s.Browser().Send("POST", "/auth/password/forgot", map[string]string{"email": address}).Want(t, http.StatusAccepted)
	if found := holding(t, s, "erasure"); len(found) < 2 {
		t.Fatalf("before the deletion only %v hold it: the test sees nothing", found)
	}
	b.Send("DELETE", "/users/me", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusNoContent)
	if found := holding(t, s, "erasure"); len(found) > 0 {
		t.Errorf("left in %s", strings.Join(found, ", "))
	}
}

// holding lists the tables with a row that holds a text.
func holding(t *testing.T, s *apptest.Site, text string) []string {
	t.Helper()
	var tables, found []string
	if err := s.DB.SQL.Select(&tables, `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var n int
		if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM `+table+` AS r WHERE r::text ILIKE '%' || $1 || '%'`, text); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			found = append(found, table)
		}
	}
	return found
}
