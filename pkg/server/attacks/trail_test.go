package attacks

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

// refusals counts the audit events of an action that was refused.
func refusals(t *testing.T, s *apptest.Site, action string) (n int) {
	t.Helper()
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM audit_events WHERE action = $1 AND result = 'refused'`, action); err != nil {
		t.Fatal(err)
	}
	return n
}

// Who guesses a password within a session, or a token of a mail, leaves a trace.
func TestAttack106GuessingWithoutATrace(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	guess := strings.Repeat("x", 43)
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": wrong, "new_password": next}).Want(t, http.StatusBadRequest)
	b.Send("DELETE", "/users/me", map[string]string{"password": wrong}).Want(t, http.StatusBadRequest)
	b.Send("PUT", "/users/me/verification", map[string]string{"token": guess}).Want(t, http.StatusBadRequest)
	s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": guess, "password": next}).Want(t, http.StatusBadRequest)
	for _, action := range []string{"password.change", "user.delete", "email.verify", "password.reset"} {
		if n := refusals(t, s, action); n != 1 {
			t.Errorf("%s: %d events", action, n)
		}
	}
	var actors int
	if err := s.DB.SQL.Get(&actors, `SELECT count(*) FROM audit_events WHERE result = 'refused' AND actor_id IS NOT NULL AND ip <> '' AND request_id <> ''`); err != nil || actors != 3 {
		t.Errorf("%d events say who and from where, err %v", actors, err)
	}
}

// The dashboard cancels and deletes jobs for whoever the edge lets in: no other
// site makes a browser do that, and each change is audited.
func TestAttack108JobsChangedThroughTheDashboard(t *testing.T) {
	s := apptest.New(t)
	s.Start("api", "jobs-ui")
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	send := func(method, path, body string, header http.Header) int {
		req, err := http.NewRequestWithContext(context.Background(), method, s.URLs["jobs-ui"]+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	const cancel, ids = "/api/jobs/cancel", `{"ids":["1"]}`
	kind := "application/json"
	for name, header := range map[string]http.Header{
		"another site":  {"Content-Type": {kind}, "Sec-Fetch-Site": {"cross-site"}},
		"a subdomain":   {"Content-Type": {kind}, "Sec-Fetch-Site": {"same-site"}},
		"no origin":     {"Content-Type": {kind}, "Origin": {"null"}},
		"a plain form":  {"Content-Type": {"text/plain"}, "Origin": {"https://evil.example"}},
		"an old client": {"Content-Type": {kind}, "Origin": {"https://evil.example"}},
	} {
		if got := send("POST", cancel, ids, header); got != http.StatusForbidden {
			t.Errorf("%s: %d", name, got)
		}
	}
	var n int
	read := func(query string) int {
		if err := s.DB.SQL.Get(&n, query); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if read(`SELECT count(*) FROM river_job WHERE state = 'cancelled'`) != 0 {
		t.Error("cancelled")
	}
	if got := send("POST", cancel, ids, http.Header{"Content-Type": {kind}, "Sec-Fetch-Site": {"same-origin"}, "X-Forwarded-For": {"203.0.113.7"}}); got != http.StatusOK {
		t.Fatalf("from the dashboard itself: %d", got)
	}
	if read(`SELECT count(*) FROM river_job WHERE state = 'cancelled'`) != 1 {
		t.Error("not cancelled")
	}
	if read(`SELECT count(*) FROM audit_events WHERE action = 'jobs-ui.cancel' AND subject_kind = 'job' AND detail->>'request' LIKE '%"1"%' AND ip = '203.0.113.7'`) != 1 {
		t.Error("not audited")
	}
}

// What a user must not do, tried all the same, leaves a trace.
func TestAttack142ForbiddenStepsWithoutATrace(t *testing.T) {
	s, p, b := withProvider(t)
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/" {
		t.Fatalf("signing in led to %s", at)
	}
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM identities`); err != nil {
		t.Fatal(err)
	}
	b.Send("DELETE", "/users/me/identities/"+id, nil).Want(t, http.StatusConflict) // the last way in
	other := s.Browser()
	other.Enter("eve@example.com")
	other.Send("DELETE", "/users/me/identities/"+id, nil).Want(t, http.StatusNotFound) // somebody else's
	var theirs string
	if err := s.DB.SQL.Get(&theirs, `SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = 'ada@example.com'`); err != nil {
		t.Fatal(err)
	}
	other.Send("DELETE", "/users/me/sessions/"+theirs, nil).Want(t, http.StatusNotFound)
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '11 minutes'`); err != nil {
		t.Fatal(err)
	}
	b.Send("POST", "/users/me/identities/google", nil).Want(t, http.StatusConflict)
	b.Send("DELETE", "/users/me", map[string]string{}).Want(t, http.StatusConflict)
	b.Send("PUT", "/users/me/password", map[string]string{"new_password": next}).Want(t, http.StatusConflict)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET is_staff = true WHERE email = 'eve@example.com'`); err != nil {
		t.Fatal(err)
	}
	other.Send("DELETE", "/users/me", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusConflict)
	for action, want := range map[string]int{"google.unlink": 2, "session.end": 1, "google.link": 1, "user.delete": 2, "password.change": 1} {
		if n := refusals(t, s, action); n != want {
			t.Errorf("%s: %d events, want %d", action, n, want)
		}
	}
}

// Guesses that a limit holds up leave a trace, one for each time that it begins
// to hold: a flood of them must not fill the disk.
func TestAttack144GuessesPastTheLimitWithoutATrace(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	for range 30 {
		b.LogIn("ada@example.com", wrong)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM audit_events WHERE action = 'login' AND result = 'refused' AND detail->>'reason' = 'limited'`); err != nil || n != 1 {
		t.Errorf("%d events tell of the limit, err %v", n, err)
	}
}
