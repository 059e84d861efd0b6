package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

// Mails are in the language of the user, or of who asked for them where the user's is not known.
func TestMailsAreInTheLanguageOfTheUser(t *testing.T) {
	s, box, _ := startWithMail(t)
	const address = "grace@example.com"
	asking := func(language string) *apptest.Browser {
		asks := s.Browser()
		if language != "" {
			asks.Header.Set("Accept-Language", language)
		}
		return asks
	}
	b := asking("de-AT,de;q=0.9,en;q=0.8")
	b.Enter(address)
	if got := languageOf(t, b); got != "de" {
		t.Errorf("a sign-up in German leaves the language %q", got)
	}
	letter := s.Await(box, address, "Bestätigen Sie Ihre E-Mail-Adresse", 1)
	if letter.Header.Get("Content-Language") != "de" || !strings.Contains(letter.HTML, `<html lang="de">`) || !strings.Contains(letter.Text, "Öffnen Sie diesen Link") {
		t.Errorf("the mail is not in German: %s", letter.Raw)
	}
	forgot := func(language string) {
		asking(language).Send("POST", "/auth/password/forgot", map[string]string{"email": address}).Want(t, http.StatusAccepted)
	}
	forgot("en")
	s.Await(box, address, "Wählen Sie ein neues Passwort", 1)
	asking("en").SignUp(address, apptest.GoodPassword)
	s.Await(box, address, "Sie haben bereits ein Konto", 1)

	b.Send("PATCH", "/users/me", map[string]string{"language": "en"}).Want(t, http.StatusOK)
	if got := languageOf(t, b); got != "en" {
		t.Errorf("the language is %q after it was changed", got)
	}
	empty(t, s)
	forgot("de")
	s.Await(box, address, "Choose a new password", 1)

	if _, err := s.DB.SQL.Exec(`UPDATE users SET language = ''`); err != nil {
		t.Fatal(err)
	}
	if got := languageOf(t, b); got != "" {
		t.Errorf("a language that is not known is %q", got)
	}
	empty(t, s)
	forgot("de")
	s.Await(box, address, "Wählen Sie ein neues Passwort", 2)
	forgot("")
	s.Await(box, address, "Choose a new password", 2)
}

// empty lets the mailbox take mails again.
func empty(t *testing.T, s *apptest.Site) {
	t.Helper()
	s.Settled("mail")
	if _, err := s.DB.SQL.Exec(`DELETE FROM mailboxes`); err != nil {
		t.Fatal(err)
	}
}

func languageOf(t *testing.T, b *apptest.Browser) string {
	t.Helper()
	var me struct{ Language string }
	b.Get("/users/me").Into(t, http.StatusOK, &me)
	return me.Language
}

func TestAnUnknownLanguageIsRefused(t *testing.T) {
	_, _, b := startWithMail(t)
	b.Enter("ada@example.com")
	for _, language := range []string{"fr", "", "DE", "de\r\nx"} {
		var told struct {
			Errors []struct{ Field, Refusal string }
		}
		b.Send("PATCH", "/users/me", map[string]string{"language": language}).Into(t, http.StatusBadRequest, &told)
		if len(told.Errors) != 1 || told.Errors[0].Field != "language" || told.Errors[0].Refusal != "not-valid" {
			t.Errorf("%q: %+v", language, told)
		}
	}
}

// The contract lists each reason that the app may give, and no other: the web app has words for those.
func TestEachRefusalIsInTheContract(t *testing.T) {
	for _, r := range app.Refusals {
		if !contract.Refusal(r).Valid() {
			t.Errorf("the contract does not list %q", r)
		}
	}
	doc, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, listed := range doc.Components.Schemas["Refusal"].Value.Enum {
		if !slices.Contains(app.Refusals, app.Refusal(listed.(string))) {
			t.Errorf("the contract lists %q, which nothing gives", listed)
		}
	}
}
