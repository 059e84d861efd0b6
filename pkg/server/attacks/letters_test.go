package attacks

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

var (
	mailLink   = regexp.MustCompile(`(?i)(?:https?:)?//[^\s"'<>]+`)
	mailHeader = []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "User-Agent", "X-Mailer"}
)

// What a stranger typed at the sign-up, and what a person calls themselves and
// their passkeys, is in no mail: neither as markup nor as a header nor as a link. Nor does a
// forged host make one.
func TestAttack180MarkupAndLinksInMails(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	const address = "ada'&{x}=\"@example.com"
	const plain = "ada'&{x}=@example.com"
	b := s.Browser()
	b.Header.Set("X-Forwarded-Host", "evil.example")
	b.Send("POST", "/auth/signup", map[string]string{"email": address, "password": apptest.GoodPassword}).Want(t, http.StatusBadRequest)
	b.Enter(plain)
	b.Send("PATCH", "/users/me", map[string]string{"display_name": `<a href="//evil.example">You won</a>`, "bio": "evil.example\r\nBcc: eve@example.com\r\n\r\n<script>"}).Want(t, http.StatusOK)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	b.AddPasskey(`<img src="https://evil.example">`)
	s.Browser().Send("POST", "/auth/password/forgot", map[string]string{"email": plain}).Want(t, http.StatusAccepted)
	s.Browser().SignUp(plain, next)
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": next}).Want(t, http.StatusNoContent)
	s.Settled("mail")
	letters := box.To(plain)
	if len(letters) < 4 {
		t.Fatalf("only %d letters came", len(letters))
	}
	for _, l := range letters {
		for name := range l.Header {
			if !slices.Contains(mailHeader, name) {
				t.Errorf("%s: a header %s", l.Subject, name)
			}
		}
		if l.Text == "" || l.HTML == "" {
			t.Errorf("%s: a part is empty", l.Subject)
		}
		for _, part := range []string{l.Text, l.HTML, l.Subject} {
			if found := regexp.MustCompile(`(?i)evil|eve@|you won|<img|<script|ada'`).FindString(part); found != "" {
				t.Errorf("%s: %q stands in it:\n%s", l.Subject, found, part)
			}
			for _, link := range mailLink.FindAllString(part, -1) {
				if rest, ours := strings.CutPrefix(link, "https://"+apptest.Domain); !ours || rest != "" && rest[0] != '/' {
					t.Errorf("%s: a link leads to %s", l.Subject, link)
				}
			}
		}
		for line := range strings.SplitSeq(l.Raw, "\r\n") {
			if len(line) > 998 {
				t.Errorf("%s: a line of %d octets", l.Subject, len(line))
			}
		}
	}
}
