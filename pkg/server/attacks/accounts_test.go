package attacks

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

func ask(t *testing.T, s *apptest.Site, box *apptest.Mailbox, email string, n int) string {
	t.Helper()
	s.Browser().Send("POST", "/auth/password/forgot", map[string]string{"email": email}).Want(t, http.StatusAccepted)
	return s.Await(box, email, "Choose a new password", n).Token(t)
}

// A user who is shut out finds no door: none that was open before, and none
// that opens later by what was made before.
func TestAttack109DoorsOfADisabledUser(t *testing.T) {
	s := apptest.New(t)
	box, p := s.Mailbox(), s.Provider()
	s.Start("api", "worker", "admin")
	b := s.Browser()
	b.Enter("ada@example.com")
	link(t, b, p)
	token := ask(t, s, box, "ada@example.com", 1)
	verify := s.Await(box, "ada@example.com", "Confirm", 1).Token(t)
	csrf := withToken(b)
	back := p.Approve(s.Browser().Google("/"))
	onStaffPages(t, s, "ada@example.com", "/do/disable", url.Values{})
	b.Do("PATCH", "/users/me", csrf, change).Want(t, http.StatusUnauthorized)
	s.Browser().LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": next}).Want(t, http.StatusBadRequest)
	again := s.Browser()
	if at := again.ComeBack(p.Approve(again.Google("/"))); at != "/login?error=google_refused" || again.Cookies[session] != "" {
		t.Errorf("through the provider: %s", at)
	}
	if at := s.Browser().ComeBack(back); at == "/" {
		t.Error("a sign-in that was begun before")
	}
	letters := len(box.To("ada@example.com"))
	s.Browser().Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"}).Want(t, http.StatusAccepted)
	s.Wait("the job to be done", func() bool {
		var open int
		return s.DB.SQL.Get(&open, `SELECT count(*) FROM river_job WHERE finalized_at IS NULL`) == nil && open == 0
	})
	if n := len(box.To("ada@example.com")); n != letters {
		t.Errorf("%d mails", n-letters)
	}
	onStaffPages(t, s, "ada@example.com", "/do/enable", url.Values{})
	b.Get("/users/me").Want(t, http.StatusUnauthorized)
	s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": next}).Want(t, http.StatusBadRequest)
	in := s.Browser()
	in.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	in.Send("PUT", "/users/me/verification", map[string]string{"token": verify}).Want(t, http.StatusBadRequest)
}

// What belonged to an account that was deleted is worth nothing to the next one
// with its address.
func TestAttack110LeftoversOfADeletedAccount(t *testing.T) {
	s := apptest.New(t)
	box, p := s.Mailbox(), s.Provider()
	s.Start("api", "worker")
	old := s.Browser()
	old.Enter("ada@example.com")
	link(t, old, p)
	token := ask(t, s, box, "ada@example.com", 1)
	verify := s.Await(box, "ada@example.com", "Confirm", 1).Token(t)
	csrf, cookie := withToken(old), old.Cookies[session]
	old.Send("DELETE", "/users/me", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusNoContent)
	b := s.Browser()
	b.SignUp("ada@example.com", next)
	b.LogIn("ada@example.com", next).Want(t, http.StatusOK)
	old.Cookies[session] = cookie
	old.Do("PATCH", "/users/me", csrf, change).Want(t, http.StatusUnauthorized)
	s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": "another-good-one-93"}).Want(t, http.StatusBadRequest)
	b.Send("PUT", "/users/me/verification", map[string]string{"token": verify}).Want(t, http.StatusBadRequest)
	again := s.Browser()
	if at := again.ComeBack(p.Approve(again.Google("/"))); at != "/login?error=google_known" || again.Cookies[session] != "" {
		t.Errorf("the identity leads to %s", at)
	}
	if ids := string(b.Get("/users/me/identities").Body); ids != `{"identities":[]}`+"\n" && strings.Contains(ids, "google") {
		t.Errorf("identities %s", ids)
	}
}

// An attacker signs up with the address of somebody who is made staff later.
func TestAttack111StaffMadeOfAnAccountThatAnAttackerPrepared(t *testing.T) {
	for name, promote := range map[string]func(*testing.T, *apptest.Site){
		"by the tool": func(t *testing.T, s *apptest.Site) {
			if out, code := s.Tool(next+"\n", "create-staff", "--email", "boss@example.com"); code != 0 {
				t.Fatalf("create-staff: %s", out)
			}
		},
		"on the staff pages": func(t *testing.T, s *apptest.Site) {
			onStaffPages(t, s, "boss@example.com", "", url.Values{"role": {"admin"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.New(t)
			p := s.Provider()
			s.Start("api", "admin")
			eve := s.Browser()
			eve.Enter("boss@example.com")
			p.Who = map[string]any{"sub": "666", "email": "eve@example.com", "email_verified": true}
			link(t, eve, p)
			promote(t, s)
			eve.Get("/users/me").Want(t, http.StatusUnauthorized)
			again := s.Browser()
			again.ComeBack(p.Approve(again.Google("/")))
			if strings.Contains(string(again.Get("/users/me").Body), "boss@example.com") {
				t.Error("the attacker's identity opens the account of staff")
			}
		})
	}
}

// A hash from before the parameters were raised costs less to compute: the time
// must not tell that the account is there. The work is compared.
func TestAttack112OlderHashAnswersSooner(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET password_hash = $1`, weakHash(t, apptest.GoodPassword)); err != nil {
		t.Fatal(err)
	}
	work := func(email string) float64 {
		other := s.Browser()
		other.Token()
		before := kib(t, s)
		other.LogIn(email, wrong).Want(t, http.StatusUnauthorized)
		return kib(t, s) - before
	}
	known, unknown := work("ada@example.com"), work("nobody@example.com")
	if unknown == 0 || known < unknown*0.99 || known > unknown*1.01 {
		t.Errorf("known %.0f, unknown %.0f KiB", known, unknown)
	}
}

// kib reads how much memory the API has filled for hashes.
func kib(t *testing.T, s *apptest.Site) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^password_hash_kib_total (\S+)$`).FindStringSubmatch(s.Metrics("api"))
	if m == nil {
		t.Fatal("no password_hash_kib_total")
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var (
	formToken   = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
	formVersion = regexp.MustCompile(`name="version" value="([^"]+)"`)
)

// onStaffPages does something to a user as a member of staff does it: with a
// form, by the page that it stands on.
func onStaffPages(t *testing.T, s *apptest.Site, email, path string, form url.Values) {
	t.Helper()
	if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", "chief@example.com"); code != 0 {
		t.Fatalf("create-staff: %s", out)
	}
	cookies := map[string]string{}
	send := func(method, path string, form url.Values) string {
		req, err := http.NewRequest(method, s.URLs["admin"]+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range cookies {
			req.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 400 {
			t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
		}
		for _, c := range resp.Cookies() {
			cookies[c.Name] = c.Value
		}
		return string(text)
	}
	submit := func(from, path string, form url.Values) {
		page := send("GET", from, nil)
		m := formToken.FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no form on %s", from)
		}
		form.Set("csrf", m[1])
		if v := formVersion.FindStringSubmatch(page); v != nil {
			form.Set("version", v[1])
		}
		send("POST", path, form)
	}
	submit("/login", "/login", url.Values{"email": {"chief@example.com"}, "password": {apptest.GoodPassword}})
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM users WHERE email = $1`, email); err != nil {
		t.Fatal(err)
	}
	submit("/users/"+id+"/edit", "/users/"+id+path, form)
}

// The password that somebody else chose for an address that was never proven
// opens nothing once the account is one of staff.
func TestAttack134PasswordOfAnAccountThatAnAttackerPrepared(t *testing.T) {
	s, eve := start(t, "admin")
	eve.Enter("boss@example.com")
	onStaffPages(t, s, "boss@example.com", "", url.Values{"role": {"admin"}})
	s.Browser().LogIn("boss@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	var staff, password bool
	if err := s.DB.SQL.QueryRow(`SELECT is_staff, password_hash IS NOT NULL FROM users WHERE email = 'boss@example.com'`).Scan(&staff, &password); err != nil || !staff || password {
		t.Errorf("staff %v, a password %v, err %v", staff, password, err)
	}
	// Who has proven the address keeps the password.
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET email_verified_at = now() WHERE email = 'ada@example.com'`); err != nil {
		t.Fatal(err)
	}
	onStaffPages(t, s, "ada@example.com", "", url.Values{"role": {"admin"}})
	s.Browser().LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}
