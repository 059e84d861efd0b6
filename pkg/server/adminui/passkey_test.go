package adminui_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

var (
	optionsOf  = regexp.MustCompile(`data-passkey="(get|create)" data-options="([^"]+)"`)
	removeForm = regexp.MustCompile(`action="(/factor/passkeys/[0-9a-f-]+/remove)"`)
)

// question reads what the script of a page would ask.
func question(t *testing.T, page, kind string) (asked apptest.Asked) {
	t.Helper()
	m := optionsOf.FindStringSubmatch(page)
	if m == nil || m[1] != kind {
		t.Fatalf("the page asks for no passkey (%s): %.3000s", kind, page)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[2])), &asked); err != nil {
		t.Fatal(err)
	}
	return asked
}

func answerOf(t *testing.T, answer map[string]any) string {
	t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// submit sends the form of a page with an answer of a passkey.
func (b *staff) submit(page, path string, answer map[string]any, more url.Values) (*http.Response, string) {
	b.t.Helper()
	form := url.Values{"csrf": {csrfField.FindStringSubmatch(page)[1]}, "passkey": {answerOf(b.t, answer)}}
	for name, values := range more {
		form[name] = values
	}
	return b.read(b.http.PostForm(b.base+path, form))
}

// staffKey is an authenticator in a browser on the staff pages.
func staffKey(t *testing.T) *apptest.Key {
	t.Helper()
	k := apptest.NewKey(t)
	k.Origin = "https://admin." + apptest.Domain
	return k
}

// addPasskey adds a passkey, named after its use here.
func (b *staff) addPasskey(k *apptest.Key, name string) (*http.Response, string) {
	b.t.Helper()
	_, page := b.post("/factor", "/factor/passkeys", url.Values{"name": {name}})
	return b.submit(page, "/factor/passkeys/add", k.Make(name, question(b.t, page, "create")), url.Values{"name": {name}})
}

// scripted reports whether a page may run the one script, and whether it names it.
func scripted(resp *http.Response, page string) bool {
	allowed := strings.Contains(resp.Header.Get("Content-Security-Policy"), "script-src 'self'")
	return allowed && strings.Count(page, "<script") == 1 && strings.Contains(page, `<script src="/static/passkey.js" defer></script>`)
}

func old(t *testing.T, s *apptest.Site) {
	t.Helper()
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '11 minutes', proven_at = NULL`); err != nil {
		t.Fatal(err)
	}
}

func TestStaffUsePasskeys(t *testing.T) {
	s := apptest.New(t)
	delete(s.Env, "STAFF_FACTOR")
	s.Start("admin", "static")
	b := colleague(t, s, "boss@example.com")
	if resp, _ := b.get("/users"); resp.Request.URL.Path != "/factor" {
		t.Fatalf("without a factor: %s", resp.Request.URL)
	}
	k := staffKey(t)
	resp, page := b.addPasskey(k, "Blue key")
	if resp.StatusCode != http.StatusOK || strings.Count(page, "<li><code>") != 10 {
		t.Fatalf("added: %d %s", resp.StatusCode, page)
	}
	if resp, _ := b.get("/users"); resp.Request.URL.Path != "/users" {
		t.Errorf("with a passkey: %s", resp.Request.URL)
	}
	// The second step of a login.
	b = open(t, s)
	resp, page = b.logIn("boss@example.com", apptest.GoodPassword)
	if !scripted(resp, page) {
		t.Errorf("the second step cannot ask: %v", resp.Header)
	}
	if resp, _ = b.submit(page, "/login/passkey", k.Sign(question(t, page, "get")), nil); resp.Request.URL.Path != "/users" {
		t.Fatalf("the second step leads to %s", resp.Request.URL)
	}
	// A change with an old proof.
	old(t, s)
	resp, page = b.post("/users/new", "/users", url.Values{"email": {"ada@example.com"}, "display_name": {"Ada"}})
	if resp.StatusCode != http.StatusForbidden || !scripted(resp, page) || !strings.Contains(page, `name="display_name" value="Ada"`) {
		t.Fatalf("with an old proof: %d %s", resp.StatusCode, page)
	}
	if resp, page = b.submit(page, "/users", k.Sign(question(t, page, "get")), url.Values{"email": {"ada@example.com"}, "display_name": {"Ada"}}); !strings.Contains(page, "Created.") {
		t.Errorf("with the passkey: %d %s", resp.StatusCode, page)
	}
	// A second one, which asks for a proof that is fresh, goes again; the last does not.
	old(t, s)
	_, page = b.post("/factor", "/factor/passkeys", url.Values{"name": {"Red key"}})
	resp, page = b.submit(page, "/factor/passkeys", k.Sign(question(t, page, "get")), url.Values{"name": {"Red key"}})
	if !scripted(resp, page) {
		t.Errorf("the making of one cannot ask: %v", resp.Header)
	}
	second := staffKey(t)
	if _, page = b.submit(page, "/factor/passkeys/add", second.Make("Red key", question(t, page, "create")), url.Values{"name": {"Red key"}}); !strings.Contains(page, "Red key") || !strings.Contains(page, "Blue key") {
		t.Fatalf("two passkeys: %s", page)
	}
	for _, left := range []int{1, 1} {
		_, page = b.get("/factor")
		resp, page = b.post("/factor", removeForm.FindStringSubmatch(page)[1], url.Values{})
		if n := len(removeForm.FindAllString(page, -1)); n != left {
			t.Errorf("%d passkeys are left, want %d", n, left)
		}
	}
	if resp.StatusCode != http.StatusConflict || !strings.Contains(page, "must have a second factor") {
		t.Errorf("the last one: %d", resp.StatusCode)
	}
	for _, path := range []string{"/factor", "/users", "/audit", "/users/new", "/nowhere"} {
		if resp, page := b.get(path); strings.Contains(resp.Header.Get("Content-Security-Policy"), "script-src") || strings.Contains(page, "<script") {
			t.Errorf("%s may run scripts", path)
		}
	}
	script, err := http.Get(s.URLs["static"] + "/static/passkey.js")
	if err != nil {
		t.Fatal(err)
	}
	_ = script.Body.Close()
	if kind := script.Header.Get("Content-Type"); script.StatusCode != http.StatusOK || !strings.Contains(kind, "javascript") {
		t.Errorf("the script: %d %s", script.StatusCode, kind)
	}
}

// An answer of a passkey opens the staff pages, and proves something there, once, in
// the session that was asked, and where it was made on the staff pages' own origin.
func TestAttack174AnswersOfPasskeysOnStaffPages(t *testing.T) {
	s, b := start(t)
	s.Start("api")
	b.logIn("boss@example.com", apptest.GoodPassword)
	k := staffKey(t)
	if resp, page := b.addPasskey(k, "Key"); resp.StatusCode != http.StatusOK || !strings.Contains(page, "<li><code>") {
		t.Fatalf("added: %d %s", resp.StatusCode, page)
	}
	enter := func(spoil func(*apptest.Key, *apptest.Asked)) (*staff, *http.Response, string, map[string]any) {
		other := open(t, s)
		_, page := other.logIn("boss@example.com", apptest.GoodPassword)
		asked := question(t, page, "get")
		origin := k.Origin
		spoil(k, &asked)
		answer := k.Sign(asked)
		k.Origin, k.Unverified = origin, false
		resp, next := other.submit(page, "/login/passkey", answer, nil)
		return other, resp, next, answer
	}
	for what, spoil := range map[string]func(*apptest.Key, *apptest.Asked){
		"the site's pages":     func(k *apptest.Key, _ *apptest.Asked) { k.Origin = "https://" + apptest.Domain },
		"the job dashboard":    func(k *apptest.Key, _ *apptest.Asked) { k.Origin = "https://jobs." + apptest.Domain },
		"another port":         func(k *apptest.Key, _ *apptest.Asked) { k.Origin += ":8443" },
		"nobody verified":      func(k *apptest.Key, _ *apptest.Asked) { k.Unverified = true },
		"a question of nobody": func(_ *apptest.Key, a *apptest.Asked) { a.Challenge = string(app.NewToken()) },
	} {
		if _, resp, page, _ := enter(spoil); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(page, "not accepted") {
			t.Errorf("%s: %d", what, resp.StatusCode)
		}
	}
	in, resp, _, used := enter(func(*apptest.Key, *apptest.Asked) {})
	if resp.Request.URL.Path != "/users" {
		t.Fatalf("the right answer leads to %s", resp.Request.URL)
	}
	replay := open(t, s)
	_, page := replay.logIn("boss@example.com", apptest.GoodPassword)
	if resp, _ := replay.submit(page, "/login/passkey", used, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("replayed: %d", resp.StatusCode)
	}
	// A proof of one session in another, and one made for a login.
	old(t, s)
	_, asks := in.post("/users/new", "/users", url.Values{"email": {"ada@example.com"}})
	second, _, _, _ := enter(func(*apptest.Key, *apptest.Asked) {})
	old(t, s)
	_, others := second.post("/users/new", "/users", url.Values{"email": {"eve@example.com"}})
	if resp, _ := second.submit(others, "/users", k.Sign(question(t, asks, "get")), url.Values{"email": {"eve@example.com"}}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the proof of another session: %d", resp.StatusCode)
	}
	waits := open(t, s)
	_, page = waits.logIn("boss@example.com", apptest.GoodPassword)
	if resp, _ := second.submit(others, "/users", k.Sign(question(t, page, "get")), url.Values{"email": {"eve@example.com"}}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the answer of a login as a proof: %d", resp.StatusCode)
	}
	// A passkey opens nothing here alone, and without the token of its form.
	if resp, _ := waits.read(waits.http.PostForm(waits.base+"/login/passkey", url.Values{"passkey": {answerOf(t, k.Sign(question(t, page, "get")))}})); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without a token: %d", resp.StatusCode)
	}
	var made int
	if err := s.DB.SQL.Get(&made, `SELECT count(*) FROM users WHERE email <> 'boss@example.com'`); err != nil || made != 0 {
		t.Errorf("%d users were made, %v", made, err)
	}
	// Who has no passkey is asked for none, and answers get nowhere.
	plain := colleague(t, s, "plain@example.com")
	if resp, _ := plain.send("/factor/passkeys/add", url.Values{"name": {"x"}, "passkey": {"{}"}}); resp.StatusCode != http.StatusConflict {
		t.Errorf("no answer: %d", resp.StatusCode)
	}
	var of string
	if err := s.DB.SQL.Get(&of, `SELECT string_agg(email, ' ') FROM passkeys JOIN users u ON u.id = user_id`); err != nil || of != "boss@example.com" {
		t.Errorf("passkeys of %s, %v", of, err)
	}
	theirs := ""
	if err := s.DB.SQL.Get(&theirs, `SELECT id::text FROM passkeys`); err != nil {
		t.Fatal(err)
	}
	if resp, _ := plain.send("/factor/passkeys/"+theirs+"/remove", url.Values{}); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another's passkey: %d", resp.StatusCode)
	}
}
