package attacks

import (
	"maps"
	"net/http"
	"testing"

	"stackctl/pkg/server/apptest"
)

// Where an address is confirmed before the first login, a sign-up and a login with its
// password tell nothing about the address: the answer and the work are the same
// whether it is new, has an account, or has one that waits for its confirmation.
func TestAttack173SignUpAndLogInTellAddressesApart(t *testing.T) {
	s := apptest.New(t)
	s.Env["CONFIRM_BEFORE_LOGIN"] = "required"
	box := s.Mailbox()
	s.Start("api", "worker")

	// Who owns an address comes in: by the mail of the sign-up.
	owner := s.Browser()
	owner.SignUp("ada@example.com", apptest.GoodPassword)
	refused := owner.LogIn("ada@example.com", apptest.GoodPassword)
	refused.Want(t, http.StatusUnauthorized)
	link := s.Await(box, "ada@example.com", "Confirm", 1).Token(t)
	owner.Send("POST", "/auth/password/reset", map[string]string{"token": link, "password": "lantern-orchard-42-sail"}).Want(t, http.StatusNoContent)
	owner.LogIn("ada@example.com", "lantern-orchard-42-sail").Want(t, http.StatusOK)
	owner.Get("/users/me").Want(t, http.StatusOK)
	s.Browser().SignUp("waits@example.com", apptest.GoodPassword)

	try := func(email, password string) func(*apptest.Browser) apptest.Answer {
		return func(b *apptest.Browser) apptest.Answer { return b.LogIn(email, password) }
	}
	attacker := s.Browser()
	for _, known := range []string{"ada@example.com", "waits@example.com"} {
		fresh := "not-" + known
		attacker.SignUp(known, next)
		attacker.SignUp(fresh, next)
		same(t, s, try(known, next), try(fresh, next))
		same(t, s, try(known, wrong), try(fresh, wrong))
		same(t, s, try(known, next), try("nobody-"+known, next))
		// Again, after both have had a second sign-up.
		attacker.SignUp(known, wrong)
		attacker.SignUp(fresh, wrong)
		same(t, s, try(known, wrong), try(fresh, wrong))
	}
	if again := s.Browser().LogIn("not-ada@example.com", next); again.Problem() != refused.Problem() {
		t.Errorf("told %q and %q", again.Problem(), refused.Problem())
	}
}

// A session from before the setting, and a provider that was linked then, open no
// account whose address is not confirmed.
func TestAttack173OtherWaysIntoAnUnconfirmedAccount(t *testing.T) {
	s := apptest.New(t)
	p := s.Provider()
	stop := s.Start("api")
	early := s.Browser()
	early.Enter("ada@example.com")
	p.Who = map[string]any{"sub": "7", "email": "eve@example.com", "email_verified": true}
	link(t, early, p)
	stop()
	s.Env["CONFIRM_BEFORE_LOGIN"] = "required"
	s.Start("api")
	reopen := func() apptest.Answer {
		b := s.Browser()
		b.Cookies = maps.Clone(early.Cookies)
		return b.Get("/users/me")
	}
	reopen().Want(t, http.StatusUnauthorized)
	other := s.Browser()
	if at := other.ComeBack(p.Approve(other.Google("/"))); at != "/login?error=google_refused" || other.Cookies[session] != "" {
		t.Errorf("through the provider: %s", at)
	}
	if _, err := s.DB.SQL.Exec(`UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	reopen().Want(t, http.StatusOK)
}
