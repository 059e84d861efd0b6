package attacks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

func signUp(b *apptest.Browser, email, password string) apptest.Answer {
	return b.Send("POST", "/auth/signup", map[string]string{"email": email, "password": password})
}

func TestAttack30PasswordIsNotCut(t *testing.T) {
	_, b := start(t)
	long := strings.Repeat("lantern-", 9) // 72 bytes
	b.SignUp("ada@example.com", long+"plum")
	b.LogIn("ada@example.com", long+"pear").Want(t, http.StatusUnauthorized)
	b.LogIn("ada@example.com", long).Want(t, http.StatusUnauthorized)
	b.LogIn("ada@example.com", long+"plum").Want(t, http.StatusOK)
}

func TestAttack31LongAndOddPasswords(t *testing.T) {
	_, b := start(t)
	for i, password := range []string{
		strings.Repeat("abcdefgh ", 20), "мой очень длинный пароль", "  spaces around it  ", "nul\x00in the middle", "🦊🦉🦝🐢🦔🐇🦦🐿🦡🐺🐗🦌", "tab\tand\nnewline too",
	} {
		email := string(rune('a'+i)) + "@example.com"
		signUp(b, email, password).Want(t, http.StatusAccepted)
		b.LogIn(email, password).Want(t, http.StatusOK)
		b.LogIn(email, strings.TrimSpace(password)+"x").Want(t, http.StatusUnauthorized)
		b = b.Fresh()
	}
	b.LogIn("c@example.com", "spaces around it").Want(t, http.StatusUnauthorized)
	b.LogIn("d@example.com", "nul").Want(t, http.StatusUnauthorized)
}

func TestAttack32ComposedAndDecomposedAreOne(t *testing.T) {
	_, b := start(t)
	b.SignUp("ada@example.com", "caf\u00e9 by the harbour")
	b.LogIn("ada@example.com", "cafe\u0301 by the harbour").Want(t, http.StatusOK)
}

func TestAttack33ShortAndCommonPasswords(t *testing.T) {
	_, b := start(t)
	for i, password := range []string{
		"short-one", "elevenchars", "qwertyuiop123", "PasswordPassword", "password 1234", "aaaaaaaaaaaaaaaa", "abababababababab", "ada.lovelace1815!", "ada.lovelace@example8.com",
	} {
		signUp(b, fmt.Sprintf("ada.lovelace@example%d.com", i), password).Want(t, http.StatusBadRequest)
	}
}

func TestAttack34WeakerHashIsUpgradedAtLogin(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	weak := weakHash(t, apptest.GoodPassword)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET password_hash = $1`, weak); err != nil {
		t.Fatal(err)
	}
	var hash string
	read := func() string {
		if err := s.DB.SQL.Get(&hash, `SELECT password_hash FROM users`); err != nil {
			t.Fatal(err)
		}
		return hash
	}
	b.LogIn("ada@example.com", wrong).Want(t, http.StatusUnauthorized)
	if read() != weak {
		t.Error("upgraded by a wrong password")
	}
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	if !strings.HasPrefix(read(), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", hash)
	}
	b.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

// What an attacker tries first once the rules are known: the address with
// something around it, the host's name, a word said twice.
func TestAttack143PasswordsMadeOfWhatIsKnown(t *testing.T) {
	_, b := start(t)
	for i, form := range []string{
		"%[1]s1", "Ada@%[2]s!!", " %[1]s ", "%[2]s2026", "www.%[2]s", "%[1]s%[1]s", "ada.%[2]s.ada", "ａｄａ＠%[2]s",
		"plumeplumeplume", "Lantern lantern", "Lantern1Lantern1", "ｐａｓｓｗｏｒｄ１２３４",
		"site.example.com", "Site-Example-2026", "welcome to site 1!", "Password@Site.Example.com",
	} {
		domain := fmt.Sprintf("number%d.example.com", i)
		password := strings.NewReplacer("%[1]s", "ada@"+domain, "%[2]s", domain).Replace(form)
		if a := signUp(b, "ada@"+domain, password); a.Status != http.StatusBadRequest {
			t.Errorf("%q: %d", password, a.Status)
		}
	}
}

// A name is known as an address is, and a password that was in a breach is tried
// before any other.
func TestAttack149PasswordsOfBreachesAndNames(t *testing.T) {
	s, b := start(t)
	for i, c := range []struct{ name, password string }{
		{"Augusta King", "AugustaKing1815"}, {"Augusta King", "king augusta king!!"}, {"Zoë Mühlbauer", "zoë.mühlbauer.99"},
		{"", "leavemealone"}, {"", "Chicken Wing 101"}, {"", "1QAZ2wsx3edc"}, {"", "qwerasdfzxcv"},
	} {
		body := map[string]string{"email": fmt.Sprintf("ada%d@example.org", i), "password": c.password, "display_name": c.name}
		if a := s.Browser().Send("POST", "/auth/signup", body); a.Status != http.StatusBadRequest {
			t.Errorf("%q of %q: %d", c.password, c.name, a.Status)
		}
	}
	b.Enter("ada@example.org")
	b.Send("PATCH", "/users/me", map[string]string{"display_name": "Augusta King"}).Want(t, http.StatusOK)
	b.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": "Augusta-King-1815"}).Want(t, http.StatusBadRequest)
}
