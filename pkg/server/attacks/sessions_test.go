package attacks

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

func TestAttack01Fixation(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	planted := string(app.NewToken())
	b.Cookies[session] = planted
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	first := b.Cookies[session]
	if first == planted || first == "" {
		t.Error("the planted value was adopted")
	}
	attacker := s.Browser()
	attacker.Cookies[session] = planted
	attacker.Get("/users/me").Want(t, http.StatusUnauthorized)
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	if b.Cookies[session] == first {
		t.Error("the token stayed the same at login")
	}
	attacker.Cookies[session] = first
	attacker.Get("/users/me").Want(t, http.StatusUnauthorized)
}

func TestAttack02ReplayAfterLogout(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	used := b.Cookies[session]
	b.Send("POST", "/auth/logout", nil).Want(t, http.StatusNoContent)
	attacker := s.Browser()
	attacker.Cookies[session] = used
	attacker.Get("/users/me").Want(t, http.StatusUnauthorized)
}

func TestAttack03DisabledUserIsOutAtOnce(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	b.Get("/users/me").Want(t, http.StatusOK)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET disabled_at = now()`); err != nil {
		t.Fatal(err)
	}
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
}

func TestAttack04PasswordChangeEndsTheOthers(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	thief := s.Browser()
	thief.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": next}).Want(t, http.StatusNoContent)
	thief.Get("/users/me").Want(t, http.StatusUnauthorized)
	b.Get("/users/me").Want(t, http.StatusOK)
}

func TestAttack05IdleAndAbsoluteExpiry(t *testing.T) {
	for name, update := range map[string]string{
		"idle":     `UPDATE sessions SET seen_at = now() - interval '7 days 1 second'`,
		"absolute": `UPDATE sessions SET expires_at = now() - interval '1 second'`,
	} {
		t.Run(name, func(t *testing.T) {
			s, b := start(t)
			b.Enter("ada@example.com")
			if _, err := s.DB.SQL.Exec(update); err != nil {
				t.Fatal(err)
			}
			b.Get("/users/me").Want(t, http.StatusUnauthorized)
		})
	}
}

func TestAttack06CopyOfTheDatabase(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	var hash []byte
	if err := s.DB.SQL.Get(&hash, `SELECT token_hash FROM sessions`); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{hex.EncodeToString(hash), base64.RawURLEncoding.EncodeToString(hash)} {
		attacker := s.Browser()
		attacker.Do("GET", "/users/me", http.Header{"Cookie": {session + "=" + value}}, "").Want(t, http.StatusUnauthorized)
	}
	rows, err := s.DB.SQL.Query(`SELECT coalesce(string_agg(t::text, ' '), '') FROM (SELECT row_to_json(s)::text AS t FROM sessions s UNION ALL SELECT row_to_json(a)::text FROM audit_events a UNION ALL SELECT row_to_json(j)::text FROM river_job j) x`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil || strings.Contains(text, b.Cookies[session]) || text == "" {
			t.Errorf("the token stands in the database (err %v)", err)
		}
	}
}

func TestAttack07CookieTossing(t *testing.T) {
	_, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	a := b.LogIn("ada@example.com", apptest.GoodPassword)
	lines := append(a.Header.Values("Set-Cookie"), b.Fresh().Get("/auth/csrf").Header.Values("Set-Cookie")...)
	if len(lines) < 3 {
		t.Fatalf("only %v", lines)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "__Host-") || !strings.Contains(line, "; Secure") || !strings.Contains(line, "; HttpOnly") || !strings.Contains(line, "Path=/;") || strings.Contains(line, "Domain") {
			t.Errorf("a subdomain could set %s", line)
		}
	}
	stray := b.Fresh()
	stray.Do("GET", "/users/me", http.Header{"Cookie": {"session=" + b.Cookies[session]}}, "").Want(t, http.StatusUnauthorized)
}

func TestAttack08TwoCookiesOfOneName(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	eve := s.Browser()
	eve.Enter("eve@example.com")
	good, evil := session+"="+b.Cookies[session], session+"="+eve.Cookies[session]
	for _, line := range []string{good + "; " + evil, evil + "; " + good} {
		s.Browser().Do("GET", "/users/me", http.Header{"Cookie": {line}}, "").Want(t, http.StatusUnauthorized)
	}
}

func TestAttack09TokenInBodyOrLog(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	for _, a := range []apptest.Answer{b.Get("/users/me"), b.Get("/users/me/sessions"), b.Get("/auth/csrf"), b.Send("PATCH", "/users/me", map[string]string{"bio": "x"})} {
		if strings.Contains(string(a.Body), b.Cookies[session]) {
			t.Errorf("token in a body: %s", a.Body)
		}
	}
	b.Raw = true
	b.Get("/users/me/" + b.Cookies[session])
	for _, secret := range []string{b.Cookies[session], b.Token(), apptest.GoodPassword, apptest.Secret} {
		if strings.Contains(s.Log.String(), secret) {
			t.Error("a secret stands in the log")
		}
	}
	if !strings.Contains(s.Log.String(), `"route":"/users/me"`) {
		t.Error("the log that was looked at is empty")
	}
}
