package attacks

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
)

// withFactor is a user with a second factor.
func withFactor(t *testing.T, s *apptest.Site, email string) (*apptest.Browser, *apptest.Authenticator) {
	t.Helper()
	b := s.Browser()
	b.Enter(email)
	return b, b.SetUpFactor()
}

// halfIn is a browser whose login waits for a code.
func halfIn(t *testing.T, s *apptest.Site, email string) *apptest.Browser {
	t.Helper()
	b := s.Browser()
	if a := b.LogIn(email, apptest.GoodPassword).Want(t, http.StatusUnauthorized); a.Problem() != "second-factor" {
		t.Fatalf("%s", a.Body)
	}
	return b
}

// A code is good once, for its step and its neighbours, for its user, within the
// login that waits for it; many at once count as one.
func TestAttack151CodesReplayedAndMoved(t *testing.T) {
	s, _ := start(t)
	_, app := withFactor(t, s, "ada@example.com")
	_, other := withFactor(t, s, "eve@example.com")
	b := halfIn(t, s, "ada@example.com")
	for what, code := range map[string]string{
		"the code that confirmed": app.At(time.Now()), "an old one": app.At(time.Now().Add(-2 * time.Minute)), "one to come": app.At(time.Now().Add(2 * time.Minute)),
		"another user's": other.Next(), "another user's recovery code": other.Recovery[0], "none": "      ", "digits of another script": "１２３４５６",
	} {
		if a := b.EnterCode(code); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", what, a.Status)
		}
	}
	code, browsers := app.Next(), []*apptest.Browser{b}
	for i := range 5 {
		browsers = append(browsers, from(halfIn(t, s, "ada@example.com"), fmt.Sprintf("198.51.100.%d", i)))
	}
	var in atomic.Int64
	var wg sync.WaitGroup
	for _, b := range browsers {
		wg.Go(func() {
			if b.EnterCode(code).Status == http.StatusOK {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("one code let %d logins in", in.Load())
	}
	from(halfIn(t, s, "ada@example.com"), "192.0.2.1").EnterCode(app.Recovery[3]).Want(t, http.StatusOK)
	from(halfIn(t, s, "ada@example.com"), "192.0.2.1").EnterCode(app.Recovery[3]).Want(t, http.StatusBadRequest)
}

// Who has the password does not get past the code by guessing, whatever network
// each try comes from, nor by beginning anew.
func TestAttack152CodesGuessed(t *testing.T) {
	s, _ := start(t)
	owner, app := withFactor(t, s, "ada@example.com")
	tries := 0
	for i := range 45 {
		at := fmt.Sprintf("198.51.100.%d", i)
		b := from(s.Browser(), at)
		b.LogIn("ada@example.com", apptest.GoodPassword)
		if b.EnterCode(fmt.Sprintf("%06d", i)).Status == http.StatusBadRequest {
			tries++
		}
	}
	if tries != 40 {
		t.Errorf("%d guesses from everywhere", tries)
	}
	b := from(s.Browser(), "192.0.2.1")
	b.LogIn("ada@example.com", apptest.GoodPassword)
	b.EnterCode(app.Next()).Want(t, http.StatusTooManyRequests)
	// The owner's device is known: what others used up does not bind there.
	owner.LogIn("ada@example.com", apptest.GoodPassword)
	owner.EnterCode(app.Recovery[0]).Want(t, http.StatusOK)
}

// A login that waits for a code is worth nothing else: it opens no page, is no
// session, ends with a change of the password, and is of one kind.
func TestAttack153LoginThatWaitsForACode(t *testing.T) {
	s, _ := start(t, "admin")
	owner, app := withFactor(t, s, "ada@example.com")
	b := halfIn(t, s, "ada@example.com")
	token := b.Cookies["__Host-code"]
	if token == "" || b.Cookies[session] != "" {
		t.Fatalf("cookies %v", b.Cookies)
	}
	thief := s.Browser()
	thief.Cookies[session] = token
	thief.Get("/users/me").Want(t, http.StatusUnauthorized)
	req, _ := http.NewRequest("GET", s.URLs["admin"]+"/users", nil)
	req.AddCookie(&http.Cookie{Name: "__Host-staff", Value: token})
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the staff pages: %d", resp.StatusCode)
	}
	owner.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": next}).Want(t, http.StatusNoContent)
	b.EnterCode(app.Recovery[0]).Want(t, http.StatusUnauthorized)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET disabled_at = NULL`); err != nil {
		t.Fatal(err)
	}
	late := s.Browser()
	late.LogIn("ada@example.com", next).Want(t, http.StatusUnauthorized)
	if _, err := s.DB.SQL.Exec(`UPDATE pending_logins SET expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	late.EnterCode(app.Recovery[1]).Want(t, http.StatusUnauthorized)
}

// A copy of the database opens no account with a second factor: its secrets are
// sealed, each for its user, and its recovery codes are hashes.
func TestAttack154SecretsOfFactorsInACopyOfTheDatabase(t *testing.T) {
	s, _ := start(t)
	_, app := withFactor(t, s, "ada@example.com")
	_, eve := withFactor(t, s, "eve@example.com")
	var all string
	if err := s.DB.SQL.Get(&all, `SELECT coalesce(string_agg(encode(secret, 'escape') || encode(secret, 'base64'), ''), '') || (SELECT string_agg(encode(code_hash, 'escape'), '') FROM recovery_codes) FROM factors`); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(all, app.Secret) || strings.Contains(all, strings.ReplaceAll(app.Recovery[0], "-", "")) {
		t.Error("a secret as it is")
	}
	// Who can write to the database puts the own sealed secret in another's place.
	if _, err := s.DB.SQL.Exec(`UPDATE factors SET used_step = 0, secret = (SELECT f.secret FROM factors f JOIN users u ON u.id = f.user_id WHERE u.email = 'eve@example.com')`); err != nil {
		t.Fatal(err)
	}
	b := halfIn(t, s, "ada@example.com")
	if a := b.EnterCode(eve.Next()); a.Status == http.StatusOK {
		t.Error("another user's secret opens")
	}
}

// A provider does not lead past the second factor, and a reset of the password
// does not, either.
func TestAttack155WaysAroundTheSecondFactor(t *testing.T) {
	s := apptest.New(t)
	box, p := s.Mailbox(), s.Provider()
	s.Start("api", "worker")
	b := s.Browser()
	b.Enter("bea@example.com")
	link(t, b, p)
	app := b.SetUpFactor()
	if _, err := s.DB.SQL.Exec(`UPDATE users SET email_verified_at = now()`); err != nil {
		t.Fatal(err)
	}
	thief := s.Browser()
	to := thief.ComeBack(p.Approve(thief.Google("/")))
	if want := (url.Values{"code": {"1"}, "next": {"/"}}); to != "/login?"+want.Encode() || thief.Cookies[session] != "" {
		t.Fatalf("the provider leads to %s", to)
	}
	thief.Get("/users/me").Want(t, http.StatusUnauthorized)
	thief.Send("POST", "/auth/password/forgot", map[string]string{"email": "bea@example.com"})
	letter := s.Await(box, "bea@example.com", "Choose a new password", 1)
	thief.Send("POST", "/auth/password/reset", map[string]string{"token": letter.Token(t), "password": next}).Want(t, http.StatusNoContent)
	if a := thief.LogIn("bea@example.com", next).Want(t, http.StatusUnauthorized); a.Problem() != "second-factor" {
		t.Errorf("%s", a.Body)
	}
	thief.EnterCode(app.Recovery[0]).Want(t, http.StatusOK)
}

// What somebody left in an account does not outlive its owner's reset: an
// identity that was linked, and a profile of an account that was never proven.
func TestAttack156LeftBehindBeforeAReset(t *testing.T) {
	s := apptest.New(t)
	box, p := s.Mailbox(), s.Provider()
	s.Start("api", "worker")
	eve := s.Browser()
	eve.Enter("bea@example.com")
	eve.Send("PATCH", "/users/me", map[string]string{"display_name": "Planted", "bio": "planted", "avatar_url": "https://img.example.com/x"}).Want(t, http.StatusOK)
	reset := func(n int, password string) {
		t.Helper()
		s.Browser().Send("POST", "/auth/password/forgot", map[string]string{"email": "bea@example.com"}).Want(t, http.StatusAccepted)
		letter := s.Await(box, "bea@example.com", "Choose a new password", n)
		s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": letter.Token(t), "password": password}).Want(t, http.StatusNoContent)
	}
	reset(1, next)
	var left string
	if err := s.DB.SQL.Get(&left, `SELECT display_name || bio || avatar_url FROM users`); err != nil || left != "" {
		t.Errorf("left: %q, %v", left, err)
	}
	if told := s.Await(box, "bea@example.com", "was changed", 1); !strings.Contains(told.Text, "unlinked") {
		t.Errorf("not told:\n%s", told.Text)
	}
	// Proven now. Whoever had the session for a while has linked an identity.
	owner := s.Browser()
	owner.LogIn("bea@example.com", next).Want(t, http.StatusOK)
	link(t, owner, p)
	reset(2, "violet-harbour-78-comet")
	b := s.Browser()
	b.ComeBack(p.Approve(b.Google("/"))) // makes an account of its own
	var who struct{ Email string }
	if b.Get("/users/me").Into(t, http.StatusOK, &who); who.Email == "bea@example.com" {
		t.Error("the identity opens the account still")
	}
}

// Another site cannot make a browser log in here with a provider, nor use up its
// tries with images; two tabs do not end each other's attempts, and errors of the
// way there and back are pages.
func TestAttack157SignInBegunByAnotherSite(t *testing.T) {
	_, p, b := withProvider(t)
	start := func(header http.Header) apptest.Answer { return b.Do("GET", "/auth/google/start", header, "") }
	visit := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
	for what, change := range map[string][2]string{
		"another site": {"Sec-Fetch-Site", "cross-site"}, "a subdomain": {"Sec-Fetch-Site", "same-site"},
		"an image": {"Sec-Fetch-Dest", "image"}, "a frame": {"Sec-Fetch-Dest", "iframe"}, "a script": {"Sec-Fetch-Mode", "no-cors"},
	} {
		header := visit.Clone()
		header.Set(change[0], change[1])
		for range 30 {
			if a := start(header).Want(t, http.StatusFound); !strings.HasPrefix(a.Header.Get("Location"), "/login?") || a.Header.Get("Set-Cookie") != "" {
				t.Fatalf("%s: %s", what, a.Header.Get("Location"))
			}
		}
	}
	first := p.Approve(start(visit).Want(t, http.StatusFound).Header.Get("Location"))
	second := p.Approve(start(visit).Want(t, http.StatusFound).Header.Get("Location"))
	if to := b.ComeBack(first); b.Cookies[session] == "" {
		t.Errorf("the first tab: %s", to)
	}
	delete(b.Cookies, session)
	if to := b.ComeBack(second); b.Cookies[session] == "" {
		t.Errorf("the second tab: %s", to)
	}
	for _, path := range []string{"/auth/google/callback?code=" + strings.Repeat("x", 9000), "/auth/google/start?return_to=" + strings.Repeat("x", 9000)} {
		if a := b.Do("GET", path, visit, ""); a.Status != http.StatusFound || !strings.HasPrefix(a.Header.Get("Location"), "/login?error=google_") {
			t.Errorf("%.40s: %d %s", path, a.Status, a.Body)
		}
	}
}
