package attacks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
)

// patch sends a change of the profile as it stands.
func patch(b *apptest.Browser, kind, body string) apptest.Answer {
	header := withToken(b)
	header.Set("Content-Type", kind)
	return b.Do("PATCH", "/users/me", header, body)
}

func TestAttack78MemberGivenTwice(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, body := range []string{
		`{"bio":"a","bio":"b"}`, `{"bio":"a","b\u0069o":"b"}`, `{"bio":"a","BIO":"b"}`, `{"BIO":"a"}`, `{"bio":"a","bio":"a"}`,
		`{"__proto__":{"is_staff":true},"bio":"a"}`, `{"constructor":{},"bio":"a"}`, `{"":"a"}`, `{"bio":{"bio":"a","bio":"b"}}`,
	} {
		if a := patch(b, "application/json", body).Want(t, http.StatusBadRequest); a.Problem() != "invalid-request" {
			t.Errorf("%s: %s", body, a.Body)
		}
	}
	visitor := b.Fresh()
	visitor.Do("POST", "/auth/login", withToken(visitor), `{"email":"ada@example.com","password":"x","password":"`+apptest.GoodPassword+`"}`).Want(t, http.StatusBadRequest)
	if strings.Contains(string(b.Get("/users/me").Body), `"bio":"a"`) {
		t.Error("changed")
	}
}

func TestAttack79CharsetTricks(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for kind, body := range map[string]string{
		"application/json; charset=utf-7":             `{"bio":"+ADw-script+AD4-"}`,
		"application/json; charset=utf-16":            "\xff\xfe{\x00}\x00",
		"application/json; charset=iso-8859-1":        `{"bio":"x"}`,
		"application/json; charset=utf-8; charset=x":  `{"bio":"x"}`,
		"application/json, text/plain":                `{"bio":"x"}`,
		"application/merge-patch+json":                `{"bio":"x"}`,
		"text/json":                                   `{"bio":"x"}`,
		"multipart/form-data; application/json":       `{"bio":"x"}`,
		"application/x-www-form-urlencoded; a={\"b\"": `{"bio":"x"}`,
	} {
		patch(b, kind, body).Want(t, http.StatusUnsupportedMediaType)
	}
	twice := withToken(b)
	twice.Add("Content-Type", "text/plain")
	b.Do("PATCH", "/users/me", twice, `{"bio":"x"}`).Want(t, http.StatusUnsupportedMediaType)
	for _, body := range []string{"\xef\xbb\xbf{\"bio\":\"x\"}", "{\"bio\":\"\xc0\xaf\"}", "{\"bio\":\"\xed\xa0\x80\"}", `{"bio":"\ud800"}x`, "{\"bio\":\"x\"}\x00", `{'bio':'x'}`, `{"bio":"x",}`, "{\"bio\":\"a\nb\"}", `/**/{"bio":"x"}`} {
		patch(b, "application/json", body).Want(t, http.StatusBadRequest)
	}
}

func TestAttack80NumbersAndNesting(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, body := range []string{
		`{"bio":1e400}`, `{"bio":-1e400}`, `{"bio":` + strings.Repeat("9", 60000) + `}`, `1e9999999`, `{"bio":0.` + strings.Repeat("0", 60000) + `1}`,
		`{"bio":` + strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat("}", 33) + `}`, `{"bio":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `}`,
		`{` + strings.Repeat(`"`+strings.Repeat("a", 20)+`":1,`, 2000) + `"bio":"x"}`, `null`, `true`, `"bio"`, `[{"bio":"x"}]`,
	} {
		a := patch(b, "application/json", body).Want(t, http.StatusBadRequest)
		if len(a.Body) > 4<<10 {
			t.Errorf("the answer to %.40s has %d bytes", body, len(a.Body))
		}
	}
}

// raw speaks HTTP by hand.
func raw(t *testing.T, s *apptest.Site, role, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URLs[role], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(90 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func TestAttack81BodyWithoutEnd(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	conn, in := raw(t, s, "api", fmt.Sprintf("PATCH /users/me HTTP/1.1\r\nHost: x\r\nCookie: %s=%s\r\nX-CSRF-Token: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
		session, b.Cookies[session], b.Token()))
	go func() {
		for range 10000 { // ends when the server has closed the connection
			if _, err := fmt.Fprintf(conn, "1000\r\n%s\r\n", strings.Repeat(" ", 4096)); err != nil {
				return
			}
		}
	}()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Three slow clients at once: one that never ends its headers, one that never
// ends its body, one that says nothing. None keeps its connection.
func TestAttack82SlowClients(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	_, headers := raw(t, s, "api", "GET /users/me HTTP/1.1\r\nHost: x\r\nX-A: ")
	_, body := raw(t, s, "api", fmt.Sprintf("PATCH /users/me HTTP/1.1\r\nHost: x\r\nCookie: %s=%s\r\nX-CSRF-Token: %s\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"bio\":", session, b.Cookies[session], b.Token()))
	_, silent := raw(t, s, "api", "")
	for name, in := range map[string]*bufio.Reader{"headers": headers, "silence": silent} {
		if text, err := io.ReadAll(in); err != nil { // until the server closes
			t.Errorf("%s: %v after %q", name, err, text)
		}
	}
	resp, err := http.ReadResponse(body, nil)
	if err != nil {
		t.Fatalf("the slow body: %v", err)
	}
	if resp.StatusCode != http.StatusRequestTimeout || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("the slow body: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if strings.Contains(string(b.Get("/users/me").Body), `"bio":"x`) {
		t.Error("half a body was taken")
	}
}

func TestAttack83HeaderBombs(t *testing.T) {
	s, b := start(t)
	for _, header := range []string{"X-A: " + strings.Repeat("a", 64<<10), strings.Repeat("X-A: a\r\n", 10000) + "X-B: b", "Cookie: " + strings.Repeat("a=b; ", 20000) + "c=d"} {
		_, in := raw(t, s, "api", "GET /users/me HTTP/1.1\r\nHost: x\r\n"+header+"\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			continue // cut off, which is as good
		}
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge && resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.20s: %d", header, resp.StatusCode)
		}
	}
	b.Get("/health/live").Want(t, http.StatusOK)
}

func TestAttack84AddressesThatReachSomebodyElse(t *testing.T) {
	s, b := start(t)
	for _, email := range []string{
		"ada@example.com.", "ada@example..com", "ada@.example.com", "ada@example.com-", "ada@-example.com", "ada@localhost", "ada@postgres", "ada@127.0.0.1", "ada@0x7f.1", "ada@site.internal", "ada@10.in-addr.arpa",
		"eve%example.net@example.com", "example.net!eve@example.com", ".ada@example.com", "ada.@example.com", "a..da@example.com", strings.Repeat("a", 65) + "@example.com", "ada@" + strings.Repeat("a", 64) + ".com",
		"ada\u00a0@example.com", "ada@example\u3002com", "ada@ex\u00adample.com", "ad\u202ea@example.com", "ada@\uff45xample.com", "a\u2028da@example.com", "ada@[127.0.0.1]", "ada@exa_mple.com", "ada@example.123", "\"ada\"@example.com", "ada(x)@example.com", "ada@example.com>x", "ada;eve@example.com",
	} {
		signUp(b, email, next).Want(t, http.StatusBadRequest)
		b.Send("POST", "/auth/password/forgot", map[string]string{"email": email}).Want(t, http.StatusBadRequest)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM river_job)`); err != nil || n != 0 {
		t.Errorf("%d rows were written, err %v", n, err)
	}
	for i, email := range []string{"o'hara+tag@sub.example.co.uk", "a_b-c.d=e@xn--bcher-kva.example"} {
		from(b, fmt.Sprintf("198.51.100.%d", i)).SignUp(email, next)
	}
}

func TestAttack85NamesThatPassForOthers(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for i, name := range []string{
		"Ad\u200bmin", "Admin\u2060", "\ufeffAdmin", "Ad\u00admin", "\u202enimdA", "\u2066Admin\u2069", "Admin\U000e0041", "\u3164", "\u115fAdmin", "\u2800", "Admin\uffa0", "A\u034fdmin", "Admin\ue000", "Admin\U0010ffff", "Admin\u0378", "Admin\ufff9", "Admin\x7f", "A\u2029b",
	} {
		b.Send("PATCH", "/users/me", map[string]string{"display_name": name}).Want(t, http.StatusBadRequest)
		b.Fresh().Send("POST", "/auth/signup", map[string]string{"email": fmt.Sprintf("eve%d@example.com", i), "password": next, "display_name": name}).Want(t, http.StatusBadRequest)
	}
	for _, name := range []string{"Ada Lovelace", "José 山田", "نیلوفر\u200cها", "👩\u200d💻", "O’Hara – Łódź", ""} {
		b.Send("PATCH", "/users/me", map[string]string{"display_name": name}).Want(t, http.StatusOK)
	}
	b.Send("PATCH", "/users/me", map[string]string{"bio": "turned \u202e around"}).Want(t, http.StatusBadRequest)
}

func TestAttack86MoreAvatarAddresses(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, avatar := range []string{
		"https://\uff11\uff12\uff17.0.0.\uff11/a.png", "https://127\u30020\u30020\u30021/", "https://127\u30020.0.1/", "https://loc\u24d0lhost.example/", "https://0177.0.0.1/", "https://0x7f000001/", "https://127.0.0.0x1/",
		"https://img.example.com:6379/", "https://img.example.com:22/", "https://img.example.com:0/", "https://%31%32%37.0.0.1/", "https://img.example.com%2f@evil.example/", "https://[fe80::1%25eth0]/", "https://[::]/", "https://[64:ff9b::7f00:1]/",
		"https://postgres./", "https://a.b.localdomain/", "https://router.lan/", "https://x.onion/", "https://a..b.example.com/", "https://-a.example.com/", "https://b\u00fccher.example.com/", "https://img.example.com\u2028/", "HTTPS://user@img.example.com/", "https:////img.example.com/", "https://img.example.com#@evil.example:99/\\", "https:img.example.com", "https://?x", "\u0000https://img.example.com/",
	} {
		if a := b.Send("PATCH", "/users/me", map[string]string{"avatar_url": avatar}); a.Status != http.StatusBadRequest {
			t.Errorf("%q: %d", avatar, a.Status)
		}
	}
	for _, avatar := range []string{"https://xn--bcher-kva.example.com/a.png", "https://img.example.com:443/a", "https://IMG.example.com/%C3%A9?x=%20#y"} {
		b.Send("PATCH", "/users/me", map[string]string{"avatar_url": avatar}).Want(t, http.StatusOK)
	}
}

func TestAttack87ProblemsReflectNothing(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	answers := []apptest.Answer{
		b.Send("PATCH", "/users/me", map[string]any{"<script>alert(1)</script>": 1}),
		b.Send("PATCH", "/users/me", map[string]any{"bio": 7, "display_name": strings.Repeat("canary", 100)}),
		b.Fresh().Send("POST", "/auth/signup", map[string]any{"email": "canary", "password": "canary"}),
		b.Fresh().Send("POST", "/auth/login", map[string]any{"email": "canary@example.com", "password": "canary"}),
		b.Get("/auth/google/start?return_to=" + strings.Repeat("canary", 200)),
		b.Send("DELETE", "/users/me/sessions/"+url.PathEscape("<canary>"), nil),
	}
	b.Raw = true
	answers = append(answers, b.Get("/canary<script>"), b.Do("CANARY", "/users/me", nil, ""))
	if _, err := s.DB.SQL.Exec(`ALTER TABLE identities RENAME COLUMN issuer TO canary`); err != nil {
		t.Fatal(err)
	}
	answers = append(answers, b.Get("/users/me/identities").Want(t, http.StatusInternalServerError))
	for i, a := range answers {
		text := string(a.Body)
		if strings.Contains(text, "<script") || strings.Contains(text, "canary") || strings.Contains(text, "SQLSTATE") || strings.Contains(text, ".go:") {
			t.Errorf("%d: %s", i, text)
		}
		if a.Status < 400 || a.Header.Get("Content-Type") != "application/problem+json" || a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Cache-Control") != "no-store" || !json.Valid(a.Body) {
			t.Errorf("%d: %d %v %s", i, a.Status, a.Header, text)
		}
	}
}

func TestAttack88OddParameters(t *testing.T) {
	_, p, b := withProvider(t)
	for _, query := range []string{"return_to=%00", "return_to=%ff", "return_to=/&return_to=//evil.example", "return_to[]=x", "return_to[$ne]=x", "%00=x", "return_to=%", ";return_to=x", "return_to=" + strings.Repeat("%41", 500)} {
		a := b.Get("/auth/google/start?" + query)
		if a.Status != http.StatusFound && a.Status != http.StatusBadRequest {
			t.Errorf("%q: %d %s", query, a.Status, a.Body)
		}
		if to := a.Header.Get("Location"); a.Status == http.StatusFound && strings.Contains(to, "/authorize?") {
			if at := b.ComeBack(p.Approve(to)); strings.HasPrefix(at, "//") {
				t.Errorf("%q leads to %s", query, at)
			}
		}
	}
	b.Enter("bea@example.com")
	for _, id := range []string{"%00", "..", "1", "null", "{00000000-0000-4000-8000-000000000000}", "urn:uuid:00000000-0000-4000-8000-000000000000", "'%20OR%201=1--", "%ff", strings.Repeat("a", 2000)} {
		b.Raw = true
		for _, path := range []string{"/users/me/sessions/", "/users/me/identities/"} {
			a := b.Do("DELETE", path+id, withToken(b), "")
			if a.Status != http.StatusBadRequest && a.Status != http.StatusNotFound && a.Status != http.StatusMethodNotAllowed {
				t.Errorf("%s%.60s: %d %s", path, id, a.Status, a.Body)
			}
		}
	}
	b.Get("/users/me").Want(t, http.StatusOK)
}

func TestAttack89MethodsThatAreNone(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	b.Raw = true
	for _, method := range []string{"TRACE", "TRACK", "CONNECT", "OPTIONS", "PROPFIND", "patch", "GETX"} {
		header := withToken(b)
		header.Set("X-Canary", "mirror")
		a := b.Do(method, "/users/me", header, change)
		if a.Status != http.StatusMethodNotAllowed && a.Status != http.StatusNotFound && a.Status != http.StatusBadRequest || strings.Contains(string(a.Body), "mirror") {
			t.Errorf("%s: %d %s", method, a.Status, a.Body)
		}
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"} {
		header := withToken(b)
		header.Set(name, "DELETE")
		b.Do("POST", "/users/me?_method=DELETE", header, `{"_method":"DELETE"}`).Want(t, http.StatusMethodNotAllowed)
	}
	if strings.Contains(string(b.Get("/users/me").Want(t, http.StatusOK).Body), "somebody else") {
		t.Error("changed")
	}
}

func TestAttack90PathsThatReadInTwoWays(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	b.Raw = true
	stranger := b.Fresh()
	stranger.Raw = true
	for _, path := range []string{"//users/me", "/users//me", "/users/me/", "/users/me/.", "/x/../users/me", "/users/%6de", "/users%2fme", "/USERS/ME", "/users/me;a=b", "/users/me%00", "/users/me%20", "/users/me.json", "/api/users/me", "/./users/me", "/users/me/..%2fme", "/users\\me", "/%2e%2e/users/me", "/users/me%3fx"} {
		if a := stranger.Get(path); a.Status != http.StatusNotFound && a.Status != http.StatusUnauthorized && a.Status != http.StatusBadRequest && a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s without a session: %d", path, a.Status)
		}
		if a := b.Get(path); a.Status >= 500 || a.Status == http.StatusOK && !strings.Contains(string(a.Body), "ada@example.com") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

func TestAttack91HeadersThatTheEdgeAloneMayTell(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	evil := http.Header{}
	for _, name := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Server", "Forwarded", "X-Request-Id", "X-Correlation-Id", "Host", "X-Forwarded-Port", "Referer"} {
		evil.Set(name, "evil.example/canary")
	}
	for _, a := range []apptest.Answer{b.Do("GET", "/users/me", evil, ""), b.Do("GET", "/auth/csrf", evil, ""), b.Do("GET", "/version", evil, ""), b.Do("GET", "/auth/providers", evil, ""), b.Do("GET", "/health/ready", evil, "")} {
		if a.Status != http.StatusOK {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		if text := fmt.Sprint(a.Header, string(a.Body)); strings.Contains(text, "evil") || strings.Contains(text, "canary") {
			t.Errorf("%s", text)
		}
		if len(a.Header.Get("X-Request-Id")) < 20 {
			t.Errorf("request id %q", a.Header.Get("X-Request-Id"))
		}
	}
	if strings.Contains(s.Log.String(), "canary") {
		t.Error("a client's request id stands in the log")
	}
}

// More that nobody sees in a name, and marks that pile up over other lines.
// What scripts and emoji need stays.
func TestAttack140NamesWithUnseenMarks(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	for _, name := range []string{
		"Ad\u200dmin", "Admin\u200d", "\u200cAdmin", "Ad\u200c\u200cmin", "Админ\u200d", "\u200d", "山\u200d田", // joiners that join nothing
		"Admin\ufe0f", "Ad\ufe00min", "Admin\U000e0100", "Admin\u180b", "Admin\u17b4", "\ufe0fAdmin", // unseen marks
		"Z" + strings.Repeat("\u0335\u0321", 20), strings.Repeat("a"+strings.Repeat("\u0489", 12), 3), // piles
		"\u0301Admin", // a mark on what stands before the name
	} {
		if a := b.Send("PATCH", "/users/me", map[string]string{"display_name": name}); a.Status != http.StatusBadRequest {
			t.Errorf("%q: %d", name, a.Status)
		}
	}
	for _, name := range []string{
		"نیلوفر\u200cها", "👩\u200d💻", "👩🏽\u200d💻", "❤\ufe0f", "🏳\ufe0f\u200d🌈", "1\ufe0f\u20e3", "क्\u200dष", "അവന്\u200d", "葛\U000e0100城", "Nguyễn Thị", "שָׁלוֹם", "กิ่งแก้ว", "O’Hara – Łódź",
	} {
		if a := b.Send("PATCH", "/users/me", map[string]string{"display_name": name}); a.Status != http.StatusOK {
			t.Errorf("%q: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestAttack159NamesAndTextsThatPassForOthers(t *testing.T) {
	_, b := start(t)
	b.Enter("ada@example.com")
	refused := map[string][]string{
		"display_name": {
			"\u0410dmin", "Adm\u0456n", "\u0391dmin", "p\u0430ypal", "Ivan \u0430dmin Petrov", // Cyrillic and Greek among Latin
			"\U0001d400dmin", "\uff21\uff44\uff4d\uff49\uff4e", "\u24b6dmin", // dressed up
			"\u0430\u5c71", // written together nowhere
		},
		"bio": {"Ad\u200bmin", "line\nAd\u2060min", "\ufeffhello", "a\u3164b", "x\n" + strings.Repeat("a"+strings.Repeat("\u0489", 12), 3), "see \U000e0041"},
	}
	for field, texts := range refused {
		for _, text := range texts {
			if a := b.Send("PATCH", "/users/me", map[string]string{field: text}); a.Status != http.StatusBadRequest {
				t.Errorf("%s %q: %d", field, text, a.Status)
			}
		}
	}
	taken := map[string][]string{
		"display_name": {"Анна Каренина", "Σοφία", "山田 Taro", "ユーザーX", "Łukasz Żal", "M\u00aa Carmen", "Jean-François O\u2019Neil 3rd", "김민준", "Ivan Петров", "ʔatʔatsxʷ"},
		"bio":          {"One\n\ttwo\r\nthree 👩\u200d💻", "mixed: \u0410dmin and p\u0430ypal may be written of", "नीलू क्\u200dष"},
	}
	for field, texts := range taken {
		for _, text := range texts {
			if a := b.Send("PATCH", "/users/me", map[string]string{field: text}); a.Status != http.StatusOK {
				t.Errorf("%s %q: %d %s", field, text, a.Status, a.Body)
			}
		}
	}
}
