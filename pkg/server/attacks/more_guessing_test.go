package attacks

import (
	"fmt"
	"net/http"
	"testing"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

func TestAttack92SpellingsOfANetworkShareABucket(t *testing.T) {
	s, b := start(t)
	spellings := []string{"203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107", "9.9.9.9, 203.0.113.7", "203.0.113.7 ", "\t203.0.113.7"}
	if n := guess(t, 30, func(i int) apptest.Answer {
		return from(b, spellings[i%len(spellings)]).LogIn("ada@example.com", wrong)
	}); n != 10 {
		t.Errorf("%d guesses", n)
	}
	other := s.Browser()
	if n := guess(t, 30, func(i int) apptest.Answer {
		other.Header["X-Forwarded-For"] = []string{fmt.Sprintf("10.0.0.%d", i), "203.0.113.8"} // two header lines
		return other.LogIn("bea@example.com", wrong)
	}); n != 10 {
		t.Errorf("%d guesses over two header lines", n)
	}
	odd := s.Browser()
	if n := guess(t, 30, func(i int) apptest.Answer {
		return from(odd, []string{"203.0.113.9:1234", "unknown", "_hidden", "203.0.113.09", "127.0.0.1", ""}[i%6]).LogIn("cleo@example.com", wrong)
	}); n != 10 {
		t.Errorf("%d guesses from what is no address", n)
	}
}

func TestAttack93SpellingsOfAnAddressInOtherForms(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	spellings := []string{"ada@example.com", "ADA@EXAMPLE.COM", "ada+a@example.com", "Ada+b+c@example.com"}
	if n := guess(t, 30, func(i int) apptest.Answer { return b.LogIn(spellings[i%len(spellings)], wrong) }); n != 10 {
		t.Errorf("%d guesses", n)
	}
	// As many as are asked for, from everywhere: the mailbox gets what it has room
	// for, and who asks is told nothing of that.
	for i := range 12 {
		b := from(s.Browser(), fmt.Sprintf("198.51.100.%d", i))
		b.Send("POST", "/auth/password/forgot", map[string]string{"email": spellings[i%len(spellings)]}).Want(t, http.StatusAccepted)
	}
}

func TestAttack94PasswordGuessedWithinASession(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	tries := 0
	for i := range 20 {
		b := from(b, fmt.Sprintf("198.51.100.%d", i))
		a := b.Send("PUT", "/users/me/password", map[string]string{"current_password": wrong, "new_password": next})
		if i%2 == 1 {
			a = b.Send("DELETE", "/users/me", map[string]string{"password": wrong})
		}
		if a.Status == http.StatusBadRequest {
			tries++
		}
	}
	if tries > 10 {
		t.Errorf("%d guesses", tries)
	}
	s.Browser().LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

func TestAttack95TokensGuessed(t *testing.T) {
	s, _ := start(t)
	b := s.Browser()
	b.Enter("ada@example.com")
	tries := 0
	for range 70 {
		if b.Send("PUT", "/users/me/verification", map[string]string{"token": string(app.NewToken())}).Status == http.StatusBadRequest {
			tries++
		}
	}
	if tries != 60 {
		t.Errorf("%d guesses", tries)
	}
	b.Send("POST", "/auth/password/reset", map[string]string{"token": string(app.NewToken()), "password": next}).Want(t, http.StatusTooManyRequests)
}

// Redis that answers late must not make a login late, nor let guesses through.
func TestAttack96RedisFrozen(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	if err := s.Redis.Freeze(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Redis.Thaw() }()
	if n := guess(t, 40, func(int) apptest.Answer { return b.LogIn("ada@example.com", wrong) }); n > 10 {
		t.Errorf("%d guesses", n)
	}
	from(s.Browser(), "203.0.113.7").LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

// Whoever signs up with another spelling of a victim's address shares the
// victim's counters. Logging in there must neither clear them nor make the
// network one of the victim's own.
func TestAttack135CountersClearedByAnotherSpelling(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	b.SignUp("ada+eve@example.com", next)
	guesses, stranger := 0, s.Browser()
	for range 6 {
		for range 5 {
			if stranger.LogIn("ada@example.com", wrong).Status == http.StatusUnauthorized {
				guesses++
			}
		}
		s.Browser().LogIn("ada+eve@example.com", next)
	}
	if guesses > 10 {
		t.Errorf("%d guesses from one network", guesses)
	}
	guesses = 0
	for i := range 100 {
		at := fmt.Sprintf("198.51.100.%d", i)
		from(s.Browser(), at).LogIn("ada+eve@example.com", next)
		if from(stranger, at).LogIn("ada@example.com", wrong).Status == http.StatusUnauthorized {
			guesses++
		}
	}
	if guesses > 60 {
		t.Errorf("%d guesses from everywhere", guesses)
	}
}

// Nobody keeps a user from choosing a new password, neither from afar nor from
// the same network, not even with other spellings of the address, whose accounts
// share the mailbox.
func TestAttack136ResetsUsedUpFromAfar(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	home := from(s.Browser(), "203.0.113.7")
	home.Enter("ada@example.com")
	s.Await(box, "ada@example.com", "Confirm", 1)
	ask := func(b *apptest.Browser, email string) apptest.Answer {
		return b.Send("POST", "/auth/password/forgot", map[string]string{"email": email})
	}
	for i := range 30 {
		b := from(s.Browser(), []string{fmt.Sprintf("198.51.100.%d", i), "203.0.113.7"}[i%2])
		if i < 5 {
			b.SignUp(fmt.Sprintf("ada+%d@example.com", i), next)
		}
		ask(b, fmt.Sprintf("ada+%d@example.com", i%5)).Want(t, http.StatusAccepted)
	}
	s.Settled("mail")
	before := len(box.To("ada@example.com"))
	ask(home, "ada@example.com").Want(t, http.StatusAccepted)
	letter := s.Await(box, "ada@example.com", "Choose a new password", 1)
	if len(box.To("ada@example.com")) != before+1 {
		t.Errorf("%d letters", len(box.To("ada@example.com")))
	}
	// Whatever was guessed meanwhile, the mail opens the way.
	from(home, "192.0.2.5").Send("POST", "/auth/password/reset", map[string]string{"token": letter.Token(t), "password": next}).Want(t, http.StatusNoContent)
	home.LogIn("ada@example.com", next).Want(t, http.StatusOK)
}
