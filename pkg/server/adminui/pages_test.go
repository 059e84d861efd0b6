package adminui_test

import (
	"flag"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testdb.Run(m))
}

// staff is a browser without JavaScript on the staff pages.
type staff struct {
	t    *testing.T
	base string
	http *http.Client
}

func open(t *testing.T, s *apptest.Site) *staff {
	jar, _ := cookiejar.New(nil)
	return &staff{t: t, base: s.URLs["admin"], http: &http.Client{Jar: apptest.PlainJar{CookieJar: jar}}}
}

func (b *staff) read(resp *http.Response, err error) (*http.Response, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(text)
}

func (b *staff) get(path string) (*http.Response, string) {
	b.t.Helper()
	return b.read(b.http.Get(b.base + path))
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

var versionField = regexp.MustCompile(`name="version" value="([^"]+)"`)

// post sends a form of the page at from, with the token that stands in it.
func (b *staff) post(from, path string, form url.Values) (*http.Response, string) {
	b.t.Helper()
	_, page := b.get(from)
	m := csrfField.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("no token on %s: %s", from, page)
	}
	form.Set("csrf", m[1])
	if version := versionField.FindStringSubmatch(page); version != nil && !form.Has("version") {
		form.Set("version", version[1])
	}
	return b.read(b.http.PostForm(b.base+path, form))
}

func (b *staff) logIn(email, password string) (*http.Response, string) {
	b.t.Helper()
	return b.post("/login", "/login", url.Values{"email": {email}, "password": {password}})
}

func start(t *testing.T) (*apptest.Site, *staff) {
	t.Helper()
	s := apptest.New(t)
	s.Start("admin", "static")
	if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", "boss@example.com"); code != 0 {
		t.Fatalf("create-staff: %d: %s%s", code, out, s.Log)
	}
	return s, open(t, s)
}

func TestStaffLogInAndListUsers(t *testing.T) {
	s, b := start(t)
	resp, page := b.get("/users")
	if resp.Request.URL.Path != "/login" || !strings.Contains(page, "Log in") {
		t.Fatalf("a stranger got %s", resp.Request.URL)
	}
	for i := range 60 {
		if _, err := s.DB.SQL.Exec(`INSERT INTO users (email, display_name) VALUES ($1, $2)`, fmt.Sprintf("user%02d@example.com", i), fmt.Sprintf("<b>Name %02d", i)); err != nil {
			t.Fatal(err)
		}
	}
	resp, page = b.logIn("boss@example.com", apptest.GoodPassword)
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/users" || !strings.Contains(page, "<caption>61 found</caption>") {
		t.Fatalf("%d %s: %.2000s", resp.StatusCode, resp.Request.URL, page)
	}
	if strings.Contains(page, "<b>Name") || !strings.Contains(page, "&lt;b&gt;Name") {
		t.Error("names are not escaped")
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Error("the page needs script or inline style")
	}
	if _, page = b.get("/users?q=user07"); !strings.Contains(page, "user07@example.com") || strings.Contains(page, "user08@") {
		t.Errorf("search: %s", page)
	}
	_, page = b.get("/users?sort=email")
	if _, page = b.get(linkOf(t, page, "next")); !strings.Contains(page, "user59@") || strings.Contains(page, "user03@") || strings.Contains(page, `rel="next"`) {
		t.Errorf("second page by e-mail: %s", page)
	}
	if _, page = b.get(linkOf(t, page, "prev")); !strings.Contains(page, "user03@") || strings.Contains(page, "user59@") || strings.Contains(page, `rel="prev"`) {
		t.Errorf("back to the first page by e-mail: %s", page)
	}
	if _, page = b.get("/users?sort=email&desc=1"); strings.Index(page, "user59@") > strings.Index(page, "user30@") {
		t.Error("not sorted downwards")
	}
	if resp, _ = b.get("/users?after=99999999999999999999&sort=password_hash&q=%25%00%ff"); resp.StatusCode != http.StatusOK {
		t.Errorf("odd query: %d", resp.StatusCode)
	}
	if _, page = b.get("/users?q=nobody-at-all"); !strings.Contains(page, "Nothing found") {
		t.Error("no word for an empty list")
	}
	if resp, _ = b.get("/nothing"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown page: %d", resp.StatusCode)
	}
	if resp, _ = b.post("/users", "/logout", url.Values{}); resp.Request.URL.Path != "/login" {
		t.Errorf("after logout: %s", resp.Request.URL)
	}
	if resp, _ = b.get("/users"); resp.Request.URL.Path != "/login" {
		t.Error("still in after logout")
	}
}

// linkOf finds where a page leads to.
func linkOf(t *testing.T, page, rel string) string {
	t.Helper()
	m := regexp.MustCompile(`<a href="([^"]+)" rel="` + rel + `">`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has no link %q", rel)
	}
	return html.UnescapeString(m[1])
}

func TestOnlyStaffGetIn(t *testing.T) {
	s, b := start(t)
	s.Start("api")
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	for _, c := range [][2]string{{"ada@example.com", apptest.GoodPassword}, {"boss@example.com", "wrong password here"}, {"nobody@example.com", "wrong password here"}, {"", ""}} {
		resp, page := b.logIn(c[0], c[1])
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(page, "is wrong") {
			t.Errorf("%s: %d", c[0], resp.StatusCode)
		}
	}
	b.logIn("boss@example.com", apptest.GoodPassword)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET is_staff = false WHERE email = 'boss@example.com'`); err != nil {
		t.Fatal(err)
	}
	if resp, _ := b.get("/users"); resp.Request.URL.Path != "/login" {
		t.Error("somebody who is no longer staff is still in")
	}
}

func TestFormsNeedTheirTokenAndOrigin(t *testing.T) {
	_, b := start(t)
	resp, _ := b.read(b.http.PostForm(b.base+"/login", url.Values{"email": {"boss@example.com"}, "password": {apptest.GoodPassword}}))
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("login without token: %d", resp.StatusCode)
	}
	b.logIn("boss@example.com", apptest.GoodPassword)
	if resp, _ = b.read(b.http.PostForm(b.base+"/logout", url.Values{"csrf": {"x"}})); resp.StatusCode != http.StatusForbidden {
		t.Errorf("logout with a wrong token: %d", resp.StatusCode)
	}
	req, _ := http.NewRequest("POST", b.base+"/logout", nil)
	req.Header.Set("Sec-Fetch-Site", "same-site")
	if resp, _ = b.read(b.http.Do(req)); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from a sibling site: %d", resp.StatusCode)
	}
}

func TestStaticServesTheStyleSheet(t *testing.T) {
	s, _ := start(t)
	for path, want := range map[string]int{"/static/admin.css": 200, "/static/": 404, "/healthz": 200, "/static/../healthz": 200} {
		resp, err := http.Get(s.URLs["static"] + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		if path == "/static/admin.css" && !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/css") {
			t.Errorf("type %s", resp.Header.Get("Content-Type"))
		}
	}
}

// A passkey that was made on the site is good on the staff pages, and so are the
// recovery codes that came with it.
func TestStaffWithAPasskeyOfTheSite(t *testing.T) {
	s := apptest.New(t)
	delete(s.Env, "STAFF_FACTOR") // as it is by itself
	s.Start("admin", "static", "api")
	if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", "boss@example.com"); code != 0 {
		t.Fatalf("create-staff: %s", out)
	}
	site := s.Browser()
	site.LogIn("boss@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	key, added := site.AddPasskey("Laptop")
	site.Send("DELETE", "/users/me/passkeys/"+added.Passkey.ID, nil).Want(t, http.StatusConflict)
	b := open(t, s)
	_, page := b.logIn("boss@example.com", apptest.GoodPassword)
	if !strings.Contains(page, `action="/login/code"`) {
		t.Fatalf("no code is asked for: %s", page)
	}
	token := csrfField.FindStringSubmatch(page)[1]
	if resp, page := b.read(b.http.PostForm(b.base+"/login/code", url.Values{"csrf": {token}, "code": {added.Codes[0]}})); resp.Request.URL.Path != "/users" {
		t.Errorf("a recovery code leads to %s: %s", resp.Request.URL, page)
	}
	key.Origin = "https://admin." + apptest.Domain // the same device, on the staff pages
	b = open(t, s)
	_, page = b.logIn("boss@example.com", apptest.GoodPassword)
	if resp, page := b.submit(page, "/login/passkey", key.Sign(question(t, page, "get")), nil); resp.Request.URL.Path != "/users" {
		t.Errorf("the passkey leads to %s: %s", resp.Request.URL, page)
	}
}
