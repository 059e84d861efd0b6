package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

func factorOf(t *testing.T, b *apptest.Browser) (enabled bool, codes int) {
	t.Helper()
	var out struct {
		Enabled bool
		Codes   int `json:"recovery_codes"`
	}
	b.Get("/users/me/factor").Into(t, http.StatusOK, &out)
	return out.Enabled, out.Codes
}

func TestSecondFactorFromSetUpToTheEnd(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	var setup struct {
		Secret, URI string
		QR          struct {
			Size int
			Path string
		}
	}
	b.Send("PUT", "/users/me/factor", map[string]string{"code": "123456"}).Want(t, http.StatusConflict)
	b.Send("DELETE", "/users/me/factor", nil).Want(t, http.StatusConflict)
	b.Send("POST", "/users/me/factor/codes", nil).Want(t, http.StatusConflict)
	b.Send("POST", "/users/me/factor", nil).Into(t, http.StatusOK, &setup)
	if setup.QR.Size < 29 || !strings.HasPrefix(setup.QR.Path, "M") || !strings.HasPrefix(setup.URI, "otpauth://totp/site.example.com:ada@example.com?") || !strings.Contains(setup.URI, "secret="+setup.Secret) {
		t.Errorf("%+v", setup)
	}
	b.Send("PUT", "/users/me/factor", map[string]string{"code": "000000"}).Want(t, http.StatusBadRequest)
	if on, _ := factorOf(t, b); on {
		t.Error("on before it was confirmed")
	}
	s.Browser().LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	app := b.SetUpFactor()
	if on, codes := factorOf(t, b); !on || codes != 10 || len(app.Recovery) != 10 {
		t.Errorf("on %t, %d codes", on, codes)
	}
	b.Send("POST", "/users/me/factor", nil).Want(t, http.StatusConflict)

	other := s.Browser()
	if a := other.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized); a.Problem() != "second-factor" {
		t.Fatalf("%s", a.Body)
	}
	other.Get("/users/me").Want(t, http.StatusUnauthorized)
	other.EnterCode("not a code").Want(t, http.StatusBadRequest)
	var user struct {
		Email  string
		Factor bool `json:"second_factor"`
	}
	other.EnterCode(strings.ToLower(app.Recovery[0])).Into(t, http.StatusOK, &user)
	if user.Email != "ada@example.com" || !user.Factor {
		t.Errorf("%+v", user)
	}
	other.EnterCode(app.Recovery[1]).Want(t, http.StatusUnauthorized) // nothing waits any more

	half, limited := s.Browser(), false
	half.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	for range 11 {
		limited = limited || half.EnterCode("000000").Status == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("codes can be guessed without end")
	}

	var renewed struct{ Codes []string }
	other.Send("POST", "/users/me/factor/codes", nil).Into(t, http.StatusOK, &renewed)
	if len(renewed.Codes) != 10 || renewed.Codes[0] == app.Recovery[1] {
		t.Errorf("%v", renewed.Codes)
	}
	other.Send("DELETE", "/users/me/factor", nil).Want(t, http.StatusNoContent)
	s.Browser().LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

func TestStepUpByPasswordOrCode(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	age := func() {
		t.Helper()
		if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '11 minutes', proven_at = NULL`); err != nil {
			t.Fatal(err)
		}
	}
	age()
	if a := b.Send("POST", "/users/me/factor", nil).Want(t, http.StatusConflict); a.Problem() != "step-up" {
		t.Errorf("%s", a.Body)
	}
	b.Send("POST", "/users/me/proof", map[string]string{"password": "not the password"}).Want(t, http.StatusBadRequest)
	b.Send("POST", "/users/me/factor", nil).Want(t, http.StatusConflict)
	b.Send("POST", "/users/me/proof", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusNoContent)
	app := b.SetUpFactor()
	age()
	for _, c := range [][2]string{{"DELETE", "/users/me/factor"}, {"POST", "/users/me/factor/codes"}, {"DELETE", "/users/me/identities/00000000-0000-4000-8000-000000000000"}} {
		if a := b.Send(c[0], c[1], nil).Want(t, http.StatusConflict); a.Problem() != "step-up" {
			t.Errorf("%s %s: %s", c[0], c[1], a.Body)
		}
	}
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": nextPassword}).Want(t, http.StatusConflict)
	b.Send("DELETE", "/users/me", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusConflict)
	b.Send("POST", "/users/me/proof", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusBadRequest)
	b.Send("POST", "/users/me/proof", map[string]string{"code": app.Next()}).Want(t, http.StatusNoContent)
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": nextPassword}).Want(t, http.StatusNoContent)

	if _, err := s.DB.SQL.Exec(`DELETE FROM factors; UPDATE users SET password_hash = NULL`); err != nil {
		t.Fatal(err)
	}
	b.Send("POST", "/users/me/proof", map[string]string{"password": nextPassword}).Want(t, http.StatusConflict)
}
