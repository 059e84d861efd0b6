package attacks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

// Every path that sends a mail passes one counter of the mailbox, in PostgreSQL:
// it holds over networks, spellings, letters and a Redis that forgot.
func TestAttack146OneMailboxFlooded(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	owner := s.Browser()
	owner.Enter("ada@example.com")
	passwords := []string{apptest.GoodPassword, next}
	for i := range 40 {
		b := from(s.Browser(), fmt.Sprintf("198.51.%d.%d", i/200, i%200))
		b.SignUp([]string{"ada@example.com", "ADA@example.com", fmt.Sprintf("ada+%d@example.com", i)}[i%3], next)
		b.Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"})
		if i == 10 {
			s.Redis.Stop()
			if err := s.Redis.Start(); err != nil {
				t.Fatal(err)
			}
		}
		if i < 8 {
			owner.Send("PUT", "/users/me/password", map[string]string{"current_password": passwords[i%2], "new_password": passwords[(i+1)%2]}).Want(t, http.StatusNoContent)
			owner.Send("POST", "/users/me/verification", nil).Want(t, http.StatusAccepted)
		}
	}
	s.Settled("mail")
	if n := len(box.All()); n != 3 {
		t.Errorf("%d mails to a mailbox that nobody has proven to be theirs, want 3", n)
	}
}

// What was left out is told in the next letter, and by one of its own where none
// comes. Letters that anybody can ask for leave room for those that tell an owner
// of a change.
func TestAttack146LettersLeftOutAreTold(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	owner := s.Browser()
	owner.Enter("ada@example.com")
	s.Settled("mail") // the letter of the sign-up is one of the five: it is not sent to a proven address
	if _, err := s.DB.SQL.Exec(`UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		from(s.Browser(), fmt.Sprintf("198.51.100.%d", i)).Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"})
	}
	s.Settled("mail")
	asked := len(box.All())
	if asked != 5 {
		t.Errorf("%d letters that anybody can ask for, want 5", asked)
	}
	owner.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": next}).Want(t, http.StatusNoContent)
	changed := s.Await(box, "ada@example.com", "was changed", 1)
	if !strings.Contains(changed.Text, "choose a new password (16)") {
		t.Errorf("what was left out is not told:\n%s", changed.Text)
	}
	var due int
	if err := s.DB.SQL.Get(&due, `SELECT count(*) FROM river_job WHERE kind = 'mail' AND args->>'letter' = 'missed'`); err != nil || due != 1 {
		t.Errorf("%d letters of their own, %v", due, err)
	}
}
