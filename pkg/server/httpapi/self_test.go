package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

const nextPassword = "violet-harbour-77-comet"

func startWithMail(t *testing.T) (*apptest.Site, *apptest.Mailbox, *apptest.Browser) {
	t.Helper()
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	return s, box, s.Browser()
}

func TestVerifyAddressByMail(t *testing.T) {
	s, box, b := startWithMail(t)
	b.Enter("ada@example.com")
	token := s.Await(box, "ada@example.com", "Confirm", 1).Token(t)
	other := s.Browser()
	other.Enter("eve@example.com")
	other.Send("PUT", "/users/me/verification", map[string]string{"token": token}).Want(t, http.StatusBadRequest)
	var me user
	b.Send("PUT", "/users/me/verification", map[string]string{"token": token}).Into(t, http.StatusOK, &me)
	if !me.EmailVerified {
		t.Error("not verified")
	}
	b.Send("PUT", "/users/me/verification", map[string]string{"token": token}).Want(t, http.StatusBadRequest)
	b.Send("POST", "/users/me/verification", nil).Want(t, http.StatusAccepted)
	other.Send("POST", "/users/me/verification", nil).Want(t, http.StatusAccepted)
	s.Await(box, "eve@example.com", "Confirm", 2)
	if n := len(box.To("ada@example.com")); n != 1 {
		t.Errorf("a user who is verified got %d letters", n)
	}
}

func TestSignUpTwiceTellsTheUserByMail(t *testing.T) {
	s, box, b := startWithMail(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	b.SignUp("ada@example.com", nextPassword)
	s.Await(box, "ada@example.com", "You have an account", 1)
	b.LogIn("ada@example.com", nextPassword).Want(t, http.StatusUnauthorized)
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

func TestResetPasswordByMail(t *testing.T) {
	s, box, b := startWithMail(t)
	b.Enter("ada@example.com")
	visitor := s.Browser()
	for _, address := range []string{"ada@example.com", "nobody@example.com"} {
		visitor.Send("POST", "/auth/password/forgot", map[string]string{"email": address}).Want(t, http.StatusAccepted)
	}
	letter := s.Await(box, "ada@example.com", "Choose a new password", 1)
	if !strings.Contains(letter.Text, "https://"+apptest.Domain+"/reset#token=") {
		t.Errorf("the link leads elsewhere: %s", letter.Text)
	}
	token := letter.Token(t)
	var p struct{ Errors []struct{ Field string } }
	visitor.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": "qwertyuiop123"}).Into(t, http.StatusBadRequest, &p)
	if len(p.Errors) != 1 || p.Errors[0].Field != "password" {
		t.Errorf("%+v", p)
	}
	visitor.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": nextPassword}).Want(t, http.StatusNoContent)
	visitor.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": nextPassword}).Want(t, http.StatusBadRequest)
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
	visitor.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	visitor.LogIn("ada@example.com", nextPassword).Want(t, http.StatusOK)
	s.Await(box, "ada@example.com", "was changed", 1)
	if n := len(box.To("nobody@example.com")); n != 0 {
		t.Errorf("%d letters to an address without a user", n)
	}
}

func TestMailIsSentLaterWhenTheServerRefuses(t *testing.T) {
	s, box, b := startWithMail(t)
	box.Refuse(true)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	s.Wait("the job to be tried again", func() bool {
		var state string
		return s.DB.SQL.Get(&state, `SELECT state FROM river_job WHERE kind = 'mail' AND attempt >= 1`) == nil && state == "retryable"
	})
	box.Refuse(false)
	s.Await(box, "ada@example.com", "Confirm", 1)
}

func TestChangePasswordEndsTheOthersAndRenewsThisOne(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	other := s.Browser()
	other.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	before := b.Cookies["__Host-session"]
	var p struct{ Errors []struct{ Field string } }
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": "wrong one here", "new_password": nextPassword}).Into(t, http.StatusBadRequest, &p)
	if len(p.Errors) != 1 || p.Errors[0].Field != "current_password" {
		t.Errorf("%+v", p)
	}
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": "qwertyuiop123"}).Into(t, http.StatusBadRequest, &p)
	if len(p.Errors) != 1 || p.Errors[0].Field != "new_password" {
		t.Errorf("%+v", p)
	}
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": nextPassword}).Want(t, http.StatusNoContent)
	b.Get("/users/me").Want(t, http.StatusOK)
	other.Get("/users/me").Want(t, http.StatusUnauthorized)
	old := s.Browser()
	old.Cookies["__Host-session"] = before
	old.Get("/users/me").Want(t, http.StatusUnauthorized)
}

func TestListAndEndSessions(t *testing.T) {
	s, b := start(t)
	b.Header.Set("User-Agent", "first browser")
	b.Enter("ada@example.com")
	second, third := s.Browser(), s.Browser()
	second.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	third.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	list := func(b *apptest.Browser) (own string, all []string) {
		t.Helper()
		var out struct {
			Sessions []struct {
				ID        string
				Current   bool
				IP        string
				UserAgent string `json:"user_agent"`
			}
		}
		b.Get("/users/me/sessions").Into(t, http.StatusOK, &out)
		for _, s := range out.Sessions {
			all = append(all, s.ID)
			if s.Current {
				own = s.ID
			}
			if s.IP != "127.0.0.1" {
				t.Errorf("made from %s", s.IP)
			}
		}
		return own, all
	}
	own, all := list(b)
	if len(all) != 3 || own == "" {
		t.Fatalf("own %s of %v", own, all)
	}
	second2, _ := list(second)
	b.Send("DELETE", "/users/me/sessions/"+second2, nil).Want(t, http.StatusNoContent)
	second.Get("/users/me").Want(t, http.StatusUnauthorized)
	b.Send("DELETE", "/users/me/sessions/"+second2, nil).Want(t, http.StatusNotFound)
	b.Send("DELETE", "/users/me/sessions/not-a-uuid", nil).Want(t, http.StatusBadRequest)
	b.Send("DELETE", "/users/me/sessions", nil).Want(t, http.StatusNoContent)
	third.Get("/users/me").Want(t, http.StatusUnauthorized)
	b.Get("/users/me").Want(t, http.StatusOK)
	b.Send("DELETE", "/users/me/sessions/"+own, nil).Want(t, http.StatusNoContent)
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
}

func TestDeleteOwnAccount(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	b.Send("DELETE", "/users/me", map[string]string{"password": "not the right one"}).Want(t, http.StatusBadRequest)
	b.Get("/users/me").Want(t, http.StatusOK)
	b.Send("DELETE", "/users/me", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusNoContent)
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	var left int
	if err := s.DB.SQL.Get(&left, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions)`); err != nil || left != 0 {
		t.Errorf("%d rows left, err %v", left, err)
	}
	var events int
	if err := s.DB.SQL.Get(&events, `SELECT count(*) FROM audit_events WHERE action = 'user.delete' AND result = 'ok'`); err != nil || events != 1 {
		t.Errorf("%d audit events, err %v", events, err)
	}
}

func TestUserWithoutPasswordMustHaveLoggedInJustNow(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	if _, err := s.DB.SQL.Exec(`UPDATE users SET password_hash = NULL`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	b.Send("PUT", "/users/me/password", map[string]string{"new_password": nextPassword}).Want(t, http.StatusConflict)
	b.Send("DELETE", "/users/me", map[string]string{}).Want(t, http.StatusConflict)
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now()`); err != nil {
		t.Fatal(err)
	}
	b.Send("PUT", "/users/me/password", map[string]string{"new_password": nextPassword}).Want(t, http.StatusNoContent)
	b.Send("DELETE", "/users/me", map[string]string{"password": nextPassword}).Want(t, http.StatusNoContent)
}

func TestTooManyAttempts(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	b.Send("POST", "/users/me/verification", nil)
	visitor := s.Browser()
	try := func(name string, most int, send func(i int) apptest.Answer) {
		t.Run(name, func(t *testing.T) {
			for i := range most + 1 {
				a := send(i)
				if a.Status == http.StatusTooManyRequests {
					if a.Problem() != "too-many-requests" || a.Header.Get("Retry-After") == "" {
						t.Errorf("%s", a.Body)
					}
					return
				}
			}
			t.Errorf("%d attempts passed", most+1)
		})
	}
	token := strings.Repeat("x", 43)
	try("login", 10, func(int) apptest.Answer { return visitor.LogIn("ada@example.com", "not the password") })
	try("signup", 60, func(int) apptest.Answer {
		return visitor.Send("POST", "/auth/signup", map[string]string{"email": "x@example.com", "password": apptest.GoodPassword})
	})
	try("forgot", 30, func(int) apptest.Answer {
		return visitor.Send("POST", "/auth/password/forgot", map[string]string{"email": "x@example.com"})
	})
	try("ask", 10, func(int) apptest.Answer { return b.Send("POST", "/users/me/verification", nil) })
	try("reset", 60, func(int) apptest.Answer {
		return visitor.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": nextPassword})
	})
	try("verify", 60, func(int) apptest.Answer {
		return b.Send("PUT", "/users/me/verification", map[string]string{"token": token})
	})
	try("password", 10, func(i int) apptest.Answer {
		return b.Send("PUT", "/users/me/password", map[string]string{"current_password": fmt.Sprint("wrong ", i), "new_password": nextPassword})
	})
	b.Send("POST", "/users/me/factor", nil).Want(t, http.StatusOK)
	try("confirm", 10, func(int) apptest.Answer {
		return b.Send("PUT", "/users/me/factor", map[string]string{"code": "not a code"})
	})
	try("prove", 10, func(int) apptest.Answer { return b.Send("POST", "/users/me/proof", map[string]string{"password": "x"}) })
	try("delete", 10, func(i int) apptest.Answer {
		return b.Send("DELETE", "/users/me", map[string]string{"password": fmt.Sprint("wrong ", i)})
	})
}

// Audit events stay for a year: who is logged in must not fill the disk with
// them.
func TestAttack107FloodOfChanges(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM users`); err != nil {
		t.Fatal(err)
	}
	// As if 1,990 changes had been made in this hour.
	rdb := goredis.NewClient(&goredis.Options{Addr: s.Redis.Addr, Password: testdb.RedisPassword})
	defer func() { _ = rdb.Close() }()
	if err := rdb.Set(t.Context(), "limit:change:"+id, 1990, time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	header, changed := http.Header{"X-Csrf-Token": {b.Token()}, "Content-Type": {"application/json"}}, 0
	for n := range 30 {
		if b.Do("PATCH", "/users/me", header, fmt.Sprintf(`{"bio":"%d"}`, n)).Status == http.StatusOK {
			changed++
		}
	}
	if changed != 10 {
		t.Errorf("%d of 10 changes went through", changed)
	}
	b.Send("PATCH", "/users/me", map[string]string{"bio": "x"}).Want(t, http.StatusTooManyRequests)
	none := "00000000-0000-4000-8000-000000000000"
	b.Send("DELETE", "/users/me/sessions/"+none, nil).Want(t, http.StatusTooManyRequests)
	b.Send("DELETE", "/users/me/identities/"+none, nil).Want(t, http.StatusTooManyRequests)
	b.Send("PATCH", "/users/me", map[string]string{"bio": "9"}).Want(t, http.StatusOK) // nothing changes
	var events int
	if err := s.DB.SQL.Get(&events, `SELECT count(*) FROM audit_events WHERE action = 'profile.update'`); err != nil || events != changed {
		t.Errorf("%d events of %d changes, err %v", events, changed, err)
	}
	other := s.Browser()
	other.Enter("bea@example.com")
	other.Send("PATCH", "/users/me", map[string]string{"bio": "x"}).Want(t, http.StatusOK)
}

// usedUp uses up the changes of the site's one user for an hour.
func usedUp(t *testing.T, s *apptest.Site) {
	t.Helper()
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM users`); err != nil {
		t.Fatal(err)
	}
	rdb := goredis.NewClient(&goredis.Options{Addr: s.Redis.Addr, Password: testdb.RedisPassword})
	defer func() { _ = rdb.Close() }()
	if err := rdb.Set(t.Context(), "limit:change:"+id, 2000, time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
}

// Whoever stole a session cannot use up the changes that its owner needs to end
// it.
func TestAttack145ChangesUsedUpByAThief(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	usedUp(t, s)
	for _, all := range []bool{true, false} {
		thief := s.Browser()
		thief.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
		path := "/users/me/sessions"
		if !all {
			var stolen string
			if err := s.DB.SQL.Get(&stolen, `SELECT id FROM sessions ORDER BY created_at DESC LIMIT 1`); err != nil {
				t.Fatal(err)
			}
			path += "/" + stolen
		}
		b.Send("DELETE", path, nil).Want(t, http.StatusNoContent)
		thief.Get("/users/me").Want(t, http.StatusUnauthorized)
	}
	b.Send("DELETE", "/users/me/sessions", nil).Want(t, http.StatusNoContent)
	var events int
	if err := s.DB.SQL.Get(&events, `SELECT count(*) FROM audit_events WHERE action LIKE 'session.end%'`); err != nil || events != 2 {
		t.Errorf("%d events of 2 endings, err %v", events, err)
	}
}
