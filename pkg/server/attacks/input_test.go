package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"stackctl/pkg/server/apptest"
)

func TestAttack35SpellingsOfAnAddressAreOneAccount(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	signUp(b, "ADA@Example.COM", next).Want(t, http.StatusAccepted)
	for _, email := range []string{"\u0430da@example.com", "ada@examp\u0131e.com", "ADA@EXAMPLE.\u212aOM", "ada\u200b@example.com", "\uff41da@example.com", "a\u0131da@example.com"} {
		signUp(b, email, next).Want(t, http.StatusBadRequest)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM users`); err != nil || n != 1 {
		t.Errorf("%d accounts, err %v", n, err)
	}
	b.LogIn("Ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

func TestAttack35RaceOfTwoSignUps(t *testing.T) {
	s, _ := start(t)
	var wg sync.WaitGroup
	for i := range 5 {
		b := s.Browser()
		b.Token()
		wg.Go(func() {
			if a := signUp(b, "ada@example.com", fmt.Sprintf("password number %d here", i)); a.Status != http.StatusAccepted {
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM users`); err != nil || n != 1 {
		t.Errorf("%d accounts, err %v", n, err)
	}
	fits := 0
	for i := range 5 {
		if s.Browser().LogIn("ada@example.com", fmt.Sprintf("password number %d here", i)).Status == http.StatusOK {
			fits++
		}
	}
	if fits != 1 {
		t.Errorf("%d passwords fit", fits)
	}
}

func TestAttack36LineBreaksInAddressAndName(t *testing.T) {
	_, b := start(t)
	for _, email := range []string{"ada@example.com\r\nBcc: eve@example.com", "ada@example.com\n", "ada\r@example.com", "\"a\nb\"@example.com", "ada@example.com,eve@example.com", "<ada@example.com>"} {
		signUp(b, email, apptest.GoodPassword).Want(t, http.StatusBadRequest)
		b.Send("POST", "/auth/password/forgot", map[string]string{"email": email}).Want(t, http.StatusBadRequest)
	}
	b.Enter("ada@example.com")
	for _, name := range []string{"Ada\r\nBcc: eve@example.com", "Ada\n", "Ada\u2028x", "Ada\x00", "Ada\u0085x"} {
		a := b.Send("PATCH", "/users/me", map[string]string{"display_name": name})
		if a.Status != http.StatusBadRequest && strings.ContainsAny(string(a.Body), "\r\u2028\u0085") {
			t.Errorf("%q: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestAttack37PoisonedHostInAResetLink(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b := s.Browser()
	b.SignUp("ada@example.com", apptest.GoodPassword)
	header := withToken(b)
	header.Set("X-Forwarded-Host", "evil.example")
	header.Set("Forwarded", "host=evil.example")
	header.Set("Host", "evil.example")
	b.Do("POST", "/auth/password/forgot", header, `{"email":"ada@example.com"}`).Want(t, http.StatusAccepted)
	letter := s.Await(box, "ada@example.com", "Choose a new password", 1)
	if strings.Contains(letter.Text, "evil") || !strings.Contains(letter.Text, "https://"+apptest.Domain+"/") {
		t.Errorf("%s", letter.Text)
	}
}

func TestAttack38ResetToken(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b := s.Browser()
	b.SignUp("ada@example.com", apptest.GoodPassword)
	ask := func(n int) string {
		b.Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"}).Want(t, http.StatusAccepted)
		return s.Await(box, "ada@example.com", "Choose a new password", n).Token(t)
	}
	reset := func(b *apptest.Browser, token string) int {
		return b.Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": next}).Status
	}
	first, second := ask(1), ask(2)
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 6 {
		b := s.Browser()
		b.Token()
		wg.Go(func() {
			if reset(b, first) == http.StatusNoContent {
				mu.Lock()
				good++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("one token was good %d times", good)
	}
	if got := reset(b, second); got != http.StatusBadRequest {
		t.Errorf("the other token after a reset: %d", got)
	}
	third := ask(3)
	if _, err := s.DB.SQL.Exec(`UPDATE mail_tokens SET expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	if got := reset(b, third); got != http.StatusBadRequest {
		t.Errorf("an expired token: %d", got)
	}
	var stored string
	if err := s.DB.SQL.Get(&stored, `SELECT coalesce(string_agg(args::text || metadata::text, ' '), '') FROM river_job`); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{first, second, third} {
		if strings.Contains(stored, token) || strings.Contains(s.Log.String(), token) {
			t.Error("a token stands in the queue or the log")
		}
	}
}

func TestAttack39MassAssignment(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	for _, member := range []string{"is_staff", "staff", "id", "email", "email_verified", "email_verified_at", "password_hash", "disabled_at", "created_at", "IS_STAFF", "Display_Name"} {
		b.Send("PATCH", "/users/me", map[string]any{member: true, "bio": "x"}).Want(t, http.StatusBadRequest)
		b.Fresh().Send("POST", "/auth/signup", map[string]any{member: true, "email": "eve@example.com", "password": next})
	}
	var staff int
	if err := s.DB.SQL.Get(&staff, `SELECT count(*) FROM users WHERE is_staff OR email_verified_at IS NOT NULL OR bio <> ''`); err != nil || staff != 0 {
		t.Errorf("%d rows changed, err %v", staff, err)
	}
	// A member given twice: what was judged is what counts.
	b.Do("PATCH", "/users/me", withToken(b), `{"bio":"a","bio":"b","is_staff":true}`).Want(t, http.StatusBadRequest)
}

func TestAttack40AvatarAddress(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, avatar := range []string{
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "http://img.example.com/a.png", "//img.example.com/a.png", "https:evil", "https://", "file:///etc/passwd",
		"https://127.0.0.1/", "https://127.1/", "https://0x7f.0.0.1/", "https://2130706433/", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/latest", "https://localhost/",
		"https://api.localhost/", "https://redis/", "https://metadata.google.internal/", "https://user:pw@img.example.com/", "https://img.example.com\\@evil.example/", "https://img.example.com/a\nb", " https://[::ffff:127.0.0.1]/",
	} {
		if a := b.Send("PATCH", "/users/me", map[string]string{"avatar_url": avatar}); a.Status != http.StatusBadRequest {
			t.Errorf("%q: %d", avatar, a.Status)
		}
	}
	b.Send("PATCH", "/users/me", map[string]string{"avatar_url": "https://img.example.com/a.png?x=1"}).Want(t, http.StatusOK)
	b.Send("PATCH", "/users/me", map[string]string{"avatar_url": ""}).Want(t, http.StatusOK)
}

func TestAttack41LargeAndDeepBodies(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for name, body := range map[string]string{
		"large":   `{"bio":"` + strings.Repeat("x", 1<<20) + `"}`,
		"arrays":  strings.Repeat("[", 30000) + strings.Repeat("]", 30000),
		"objects": strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000),
		"members": `{` + strings.Repeat(`"a":1,`, 9000) + `"bio":"x"}`,
		"number":  `{"bio":1e9999999}`,
	} {
		a := b.Do("PATCH", "/users/me", withToken(b), body)
		if a.Status != http.StatusBadRequest && a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", name, a.Status)
		}
		if len(a.Body) > 64<<10 {
			t.Errorf("%s: the answer has %d bytes", name, len(a.Body))
		}
	}
	chunked := b.Do("PATCH", "/users/me", http.Header{"X-Csrf-Token": {b.Token()}, "Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, "\x1f\x8b")
	if chunked.Status != http.StatusUnsupportedMediaType {
		t.Errorf("compressed: %d", chunked.Status)
	}
}

func TestAttack44SomebodyElsesSession(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	eve := s.Browser()
	eve.Enter("eve@example.com")
	var out struct{ Sessions []struct{ ID string } }
	if err := json.Unmarshal(b.Get("/users/me/sessions").Body, &out); err != nil || len(out.Sessions) != 1 {
		t.Fatalf("%v %v", out, err)
	}
	eve.Send("DELETE", "/users/me/sessions/"+out.Sessions[0].ID, nil).Want(t, http.StatusNotFound)
	b.Get("/users/me").Want(t, http.StatusOK)
	if strings.Contains(string(eve.Get("/users/me/sessions").Body), out.Sessions[0].ID) {
		t.Error("somebody else's session is listed")
	}
}

func TestAttack57InsidePagesFromOutside(t *testing.T) {
	s := apptest.New(t)
	s.Production()
	s.Start("api")
	b := s.Browser()
	b.Get("/openapi.json").Want(t, http.StatusNotFound)
	b.Get("/docs").Want(t, http.StatusNotFound)
	b.Raw = true
	for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz", "/swagger", "/jobs", "/admin"} {
		b.Get(path).Want(t, http.StatusNotFound)
	}
}
