package attacks

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
)

// A login whose hash fits is held until a change of the account that is under
// way has ended.
func TestAttack58LoginRacesAChangeOfTheAccount(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	for name, change := range map[string]string{
		"password changed": `UPDATE users SET password_hash = password_hash || 'x'`,
		"account disabled": `UPDATE users SET disabled_at = now()`,
		"account deleted":  `DELETE FROM users`,
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := s.DB.SQL.BeginTxx(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.Exec(change); err != nil {
				t.Fatal(err)
			}
			other := s.Browser()
			other.Token()
			status := make(chan int, 1)
			go func() { status <- other.LogIn("ada@example.com", apptest.GoodPassword).Status }()
			s.Wait("the login to wait for the row", func() bool {
				var n int
				err := s.DB.SQL.Get(&n, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
				return err == nil && n == 1
			})
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if got := <-status; got != http.StatusUnauthorized {
				t.Errorf("status %d", got)
			}
			var n int
			if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM sessions`); err != nil || n != 0 {
				t.Errorf("%d sessions, err %v", n, err)
			}
			if _, err := s.DB.SQL.Exec(`UPDATE users SET disabled_at = NULL, password_hash = rtrim(password_hash, 'x')`); err != nil {
				t.Fatal(err)
			}
			if change == `DELETE FROM users` {
				s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
			}
		})
	}
}

func TestAttack59SessionsWithoutBound(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	if _, err := s.DB.SQL.Exec(`INSERT INTO sessions (user_id, token_hash, kind, seen_at, expires_at)
		SELECT u.id, sha256(n::text::bytea), 'site', now() - n * interval '1 minute', now() + interval '1 day' FROM users u, generate_series(1, 80) n`); err != nil {
		t.Fatal(err)
	}
	again := s.Browser()
	again.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM sessions`); err != nil || n != 50 {
		t.Errorf("%d sessions, err %v", n, err)
	}
	b.Get("/users/me").Want(t, http.StatusOK) // the one that was used last stays
}

func TestAttack60SessionOfOneKindAsTheOther(t *testing.T) {
	s, b := start(t, "admin")
	if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", "boss@example.com"); code != 0 {
		t.Fatalf("create-staff: %s", out)
	}
	b.LogIn("boss@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	req, err := http.NewRequest(http.MethodGet, s.URLs["admin"]+"/users", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"__Host-staff", session} {
		req.AddCookie(&http.Cookie{Name: name, Value: b.Cookies[session]})
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/login" {
		t.Errorf("a session of the site on the staff pages: %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET kind = 'staff'`); err != nil {
		t.Fatal(err)
	}
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
}

func TestAttack61TokensFromBeforeAPasswordChange(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b := s.Browser()
	b.Enter("ada@example.com")
	b.Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"}).Want(t, http.StatusAccepted)
	reset := s.Await(box, "ada@example.com", "Choose a new password", 1).Token(t)
	before, cookie := withToken(b), b.Cookies[session]
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": next}).Want(t, http.StatusNoContent)
	refusedChange(t, b, before, change, http.StatusForbidden)
	thief := s.Browser()
	thief.Cookies[session] = cookie // stolen before
	thief.Get("/users/me").Want(t, http.StatusUnauthorized)
	s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": reset, "password": "another-good-one-93"}).Want(t, http.StatusBadRequest)
	s.Browser().LogIn("ada@example.com", next).Want(t, http.StatusOK)
}

func TestAttack62TokenOfAMailForAnotherPurposeOrAccount(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b, eve := s.Browser(), s.Browser()
	b.Enter("ada@example.com")
	eve.Enter("eve@example.com")
	b.Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"}).Want(t, http.StatusAccepted)
	reset := s.Await(box, "ada@example.com", "Choose a new password", 1).Token(t)
	verify := s.Await(box, "ada@example.com", "Confirm", 1).Token(t)
	b.Send("PUT", "/users/me/verification", map[string]string{"token": reset}).Want(t, http.StatusBadRequest)
	b.Send("POST", "/auth/password/reset", map[string]string{"token": verify, "password": next}).Want(t, http.StatusBadRequest)
	eve.Send("PUT", "/users/me/verification", map[string]string{"token": verify}).Want(t, http.StatusBadRequest)
	for _, token := range []string{verify + "=", strings.ToUpper(verify), verify + "\x00", " " + verify} {
		b.Send("PUT", "/users/me/verification", map[string]string{"token": token}).Want(t, http.StatusBadRequest)
	}
	b.Send("PUT", "/users/me/verification", map[string]string{"token": verify}).Want(t, http.StatusOK)
	if strings.Contains(string(eve.Get("/users/me").Body), `"email_verified":true`) {
		t.Error("eve's address was confirmed")
	}
}

// The address is judged with the new password also where a token stands for it,
// and a refusal leaves the token good.
func TestAttack63OwnNameAsPasswordThroughAReset(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b := s.Browser()
	b.SignUp("ada.lovelace@example.com", apptest.GoodPassword)
	b.Send("POST", "/auth/password/forgot", map[string]string{"email": "ada.lovelace@example.com"}).Want(t, http.StatusAccepted)
	token := s.Await(box, "ada.lovelace@example.com", "Choose a new password", 1).Token(t)
	b.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": "ada.lovelace1815"}).Want(t, http.StatusBadRequest)
	b.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": next}).Want(t, http.StatusNoContent)
}

// Somebody signs up with the victim's address and links an identity of their
// own; the victim then takes the account over by mail.
func TestAttack64IdentityLinkedBeforeTheAddressWasProven(t *testing.T) {
	s := apptest.New(t)
	box, p := s.Mailbox(), s.Provider()
	s.Start("api", "worker")
	eve, victim := s.Browser(), s.Browser()
	eve.Enter("ada@example.com")
	p.Who = map[string]any{"sub": "666", "email": "eve@example.com", "email_verified": true}
	link(t, eve, p)
	victim.Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"}).Want(t, http.StatusAccepted)
	token := s.Await(box, "ada@example.com", "Choose a new password", 1).Token(t)
	victim.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": next}).Want(t, http.StatusNoContent)
	eve.Get("/users/me").Want(t, http.StatusUnauthorized)
	again := s.Browser()
	again.ComeBack(p.Approve(again.Google("/")))
	if strings.Contains(string(again.Get("/users/me").Body), "ada@example.com") {
		t.Error("the identity from before still opens the account")
	}
	victim.LogIn("ada@example.com", next).Want(t, http.StatusOK)
	if ids := string(victim.Get("/users/me/identities").Body); strings.Contains(ids, "eve@") {
		t.Errorf("still linked: %s", ids)
	}
	s.Await(box, "ada@example.com", "linked", 1) // the owner of the address was told
}

// link links the person at the provider to the user of a browser.
func link(t *testing.T, b *apptest.Browser, p *apptest.Provider) {
	t.Helper()
	var to struct{ URL string }
	b.Send("POST", "/users/me/identities/google", nil).Into(t, http.StatusOK, &to)
	if at := b.ComeBack(p.Approve(to.URL)); at != "/account?linked=google" {
		t.Fatalf("linking led to %s", at)
	}
}

func TestAttack65WayInAddedToAnOldSession(t *testing.T) {
	s, p, b := withProvider(t)
	b.Enter("ada@example.com")
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '11 minutes'`); err != nil {
		t.Fatal(err)
	}
	b.Send("POST", "/users/me/identities/google", nil).Want(t, http.StatusConflict)
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	link(t, b, p)
}

// A link that was begun while logged in is finished by nobody else.
func TestAttack66LinkFinishedByAnotherUser(t *testing.T) {
	s, p, b := withProvider(t)
	b.Enter("ada@example.com")
	var to struct{ URL string }
	b.Send("POST", "/users/me/identities/google", nil).Into(t, http.StatusOK, &to)
	back := p.Approve(to.URL)
	b.Send("POST", "/auth/logout", nil).Want(t, http.StatusNoContent)
	if at := b.ComeBack(back); at != "/account?error=google_expired" {
		t.Errorf("logged out: %s", at)
	}
	eve := s.Browser()
	eve.Enter("eve@example.com")
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	b.Send("POST", "/users/me/identities/google", nil).Into(t, http.StatusOK, &to)
	b.Cookies[session] = eve.Cookies[session]
	if at := b.ComeBack(p.Approve(to.URL)); at != "/account?error=google_expired" {
		t.Errorf("as somebody else: %s", at)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM identities`); err != nil || n != 0 {
		t.Errorf("%d identities, err %v", n, err)
	}
}

func TestAttack67LastStaffDeletesItself(t *testing.T) {
	s, b := start(t)
	if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", "boss@example.com"); code != 0 {
		t.Fatalf("create-staff: %s", out)
	}
	b.LogIn("boss@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	b.Send("DELETE", "/users/me", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusConflict)
	b.Get("/users/me").Want(t, http.StatusOK)
}

// A request whose head came in time and whose body came after the session had
// ended is one without a session.
func TestAttack137SessionEndsBeforeTheBodyHasCome(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	thief := b.Fresh()
	thief.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	body := `{"bio":"somebody else"}`
	conn, in := raw(t, s, "api", fmt.Sprintf("PATCH /users/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: %s=%s\r\nX-CSRF-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		session, thief.Cookies[session], thief.Token(), len(body), body[:1]))
	time.Sleep(300 * time.Millisecond) // the head has been read
	b.Send("DELETE", "/users/me/sessions", nil).Want(t, http.StatusNoContent)
	if _, err := io.WriteString(conn, body[1:]); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(in); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 401") {
		t.Errorf("%v %.300s", err, text)
	}
	if a := b.Get("/users/me"); strings.Contains(string(a.Body), "somebody else") {
		t.Errorf("a session that had ended changed the profile: %s", a.Body)
	}
}
