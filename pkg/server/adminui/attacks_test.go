package adminui_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

// colleague makes another member of staff and logs them in.
func colleague(t *testing.T, s *apptest.Site, email string) *staff {
	t.Helper()
	if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", email); code != 0 {
		t.Fatalf("create-staff: %s", out)
	}
	b := open(t, s)
	b.logIn(email, apptest.GoodPassword)
	return b
}

func TestAttack97TwoStaffDemoteEachOther(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	other := colleague(t, s, "other@example.com")
	boss, rival := idOf(t, s, "boss@example.com"), idOf(t, s, "other@example.com")
	tokens, versions := map[*staff]string{}, map[*staff]string{}
	for who, id := range map[*staff]string{b: rival, other: boss} {
		_, page := who.get("/users/" + id + "/edit")
		tokens[who], versions[who] = csrfField.FindStringSubmatch(page)[1], versionField.FindStringSubmatch(page)[1]
	}
	// Both wait at the same gate and go at once.
	tx, err := s.DB.SQL.BeginTxx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SELECT 1 FROM users WHERE is_staff FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for who, id := range map[*staff]string{b: rival, other: boss} {
		wg.Go(func() {
			who.read(who.http.PostForm(who.base+"/users/"+id, url.Values{"csrf": {tokens[who]}, "version": {versions[who]}, "display_name": {"gone"}}))
		})
	}
	s.Wait("both to wait", func() bool {
		var n int
		return s.DB.SQL.Get(&n, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) == nil && n == 2
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	var left, events int
	if err := s.DB.SQL.Get(&left, `SELECT count(*) FROM users WHERE is_staff AND disabled_at IS NULL`); err != nil || left != 1 {
		t.Errorf("%d members of staff are left, err %v", left, err)
	}
	if err := s.DB.SQL.Get(&events, `SELECT count(*) FROM audit_events WHERE action = 'staff.edit' AND result = 'ok'`); err != nil || events != 1 {
		t.Errorf("%d changes were audited, err %v", events, err)
	}
}

func TestAttack98MarkupFromUsersOnStaffPages(t *testing.T) {
	s, b := start(t)
	s.Start("api")
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.CSRF}}'`
	user := s.Browser()
	user.Header.Set("User-Agent", evil)
	user.Enter("eve@example.com")
	user.Send("PATCH", "/users/me", map[string]string{"display_name": evil, "bio": "</textarea>" + evil, "avatar_url": "https://img.example.com/%22%3E%3Cscript%3E"}).Want(t, http.StatusOK)
	b.logIn("boss@example.com", apptest.GoodPassword)
	id := idOf(t, s, "eve@example.com")
	paths := []string{"/users", "/users/" + id, "/users/" + id + "/edit", "/users/" + id + "/delete", "/sessions", "/audit", "/jobs", "/users?q=" + url.QueryEscape(evil), "/users?f.role=" + url.QueryEscape(evil), "/audit?f.action=" + url.QueryEscape(evil), "/users?done=" + url.QueryEscape(evil), "/users?sort=" + url.QueryEscape(evil), "/" + url.PathEscape(evil)}
	var events []string
	if err := s.DB.SQL.Select(&events, `SELECT '/audit/' || id FROM audit_events`); err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, events...) {
		resp, page := b.get(path)
		if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Count(page, "</textarea>") > 1 || resp.StatusCode >= 500 {
			t.Errorf("%s: %d %.3000s", path, resp.StatusCode, page)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
}

func TestAttack99WildcardsAndPagesOfLists(t *testing.T) {
	s, b := start(t)
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email) SELECT 'user' || n || '@example.com' FROM generate_series(1, 120) n`); err != nil {
		t.Fatal(err)
	}
	b.logIn("boss@example.com", apptest.GoodPassword)
	for _, q := range []string{"%", "_", "%%%", `\`, "user_@", "%user%", `\%`} {
		if _, page := b.get("/users?q=" + url.QueryEscape(q)); !strings.Contains(page, "Nothing found") {
			t.Errorf("%q is a wildcard", q)
		}
	}
	for _, n := range []string{"-1", "0", "9223372036854775807", "9223372036854775808", "1e9", "0x10", "%00", "99999", "", "+1", "1&page=2"} {
		for _, sort := range []string{"created_at", "email", "disabled_at"} {
			place := app.Place{Value: n, Key: "00000000-0000-4000-8000-000000000000"}.Text()
			for _, query := range []string{"after=" + n, "before=" + n, "after=" + place, "before=" + place, "after=" + app.Place{Key: n}.Text()} {
				if resp, page := b.get("/users?sort=" + sort + "&" + query); resp.StatusCode != http.StatusOK {
					t.Errorf("%s by %s: %d %.300s", query, sort, resp.StatusCode, page)
				}
			}
		}
	}
	for _, query := range []string{"q=%00", "q=%ff%fe", "f.email=%00", "q=" + strings.Repeat("a+", 2000), strings.Repeat("f.role=admin&", 500)} {
		for _, at := range []string{"/users?", "/users.csv?", "/audit?", "/audit.csv?"} {
			if resp, page := b.get(at + query); resp.StatusCode != http.StatusOK {
				t.Errorf("%s%.40s: %d %.300s", at, query, resp.StatusCode, page)
			}
		}
	}
}

func TestAttack100KeysOfOtherRecords(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	id := idOf(t, s, "boss@example.com")
	_, page := b.get("/users/" + id)
	token := csrfField.FindStringSubmatch(page)[1]
	for _, key := range []string{strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, id + "%00", id + "'", "..%2fusers", "1", "-1", "00000000-0000-4000-8000-000000000000", strings.Repeat("9", 40), id + "/x"} {
		for _, path := range []string{"/users/" + key, "/users/" + key + "/edit", "/users/" + key + "/delete", "/audit/" + key + "x", "/sessions/" + key} {
			if resp, _ := b.get(path); resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d", path, resp.StatusCode)
			}
		}
	}
	for _, path := range []string{"/users/" + id + "/do/become", "/users/" + id + "/do/", "/sessions/" + id + "/do/disable", "/sessions/" + id + "/delete", "/audit/1", "/audit/1/delete", "/audit", "/audit/1/do/delete", "/jobs", "/jobs/1", "/jobs/999999/do/retry", "/identities"} {
		resp, _ := b.read(b.http.PostForm(b.base+path, url.Values{"csrf": {token}, "action": {"x"}}))
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, resp.StatusCode)
		}
	}
}

func TestAttack101MassAssignmentOnStaffForms(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email) VALUES ('ada@example.com')`); err != nil {
		t.Fatal(err)
	}
	id := idOf(t, s, "ada@example.com")
	const columns = `SELECT id || email || coalesce(password_hash, '-') || created_at || coalesce(disabled_at::text, '-') || coalesce(email_verified_at::text, '-') FROM users WHERE id = $1`
	var before, after string
	if err := s.DB.SQL.Get(&before, columns, id); err != nil {
		t.Fatal(err)
	}
	b.post("/users/"+id+"/edit", "/users/"+id+"?email=x@example.com", url.Values{"display_name": {"Ada"}, "id": {"00000000-0000-4000-8000-000000000000"}, "email": {"eve@example.com"}, "password_hash": {"x"},
		"created_at": {"2020-01-01"}, "disabled_at": {"2020-01-01"}, "email_verified_at": {"2020-01-01"}, "display_name[]": {"x"}, "role[]": {"admin"}})
	if err := s.DB.SQL.Get(&after, columns, id); err != nil || before != after {
		t.Errorf("%s became %s, err %v", before, after, err)
	}
	var name string
	if err := s.DB.SQL.Get(&name, `SELECT display_name || is_staff FROM users WHERE id = $1`, id); err != nil || name != "Adafalse" {
		t.Errorf("%q, err %v", name, err)
	}
}

func TestAttack102FormulasThatHide(t *testing.T) {
	s, b := start(t)
	for i, name := range []string{"\t=1+1", "\r=1+1", "\u200b=1+1", "\ufeff=1+1", "\u3000=1+1", "\u2003@SUM(A1)", "x;=1+1", "x\";=1+1", "x\t=1+1", "x,=1+1", "＝1+1", " \u00a0+1", "\u00ad-1"} {
		if _, err := s.DB.SQL.Exec(`INSERT INTO users (email, display_name) VALUES ($1, $2)`, fmt.Sprintf("a%02d@example.com", i), name); err != nil {
			t.Fatal(err)
		}
	}
	b.logIn("boss@example.com", apptest.GoodPassword)
	_, text := b.get("/users.csv?sort=email&q=example.com")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 15 {
		t.Fatalf("%d rows, err %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			seen := strings.TrimLeft(cell, " \u00a0\u200b\ufeff\u3000\u2003\u00ad")
			if seen != "" && strings.ContainsRune("=+-@\t\r＝", []rune(seen)[0]) {
				t.Errorf("cell %q is a formula", cell)
			}
		}
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\"\r\n\"") {
		for cell := range strings.SplitSeq(strings.Trim(line, `"`), `","`) {
			if strings.Contains(strings.ReplaceAll(cell, `""`, ``), `"`) {
				t.Errorf("a cell is not quoted: %q", line)
			}
		}
	}
}

func TestAttack103FormsThatAreTooLargeOrNone(t *testing.T) {
	_, b := start(t)
	large := url.Values{"csrf": {"x"}, "email": {strings.Repeat("a", 70<<10)}}
	if resp, page := b.read(b.http.PostForm(b.base+"/login", large)); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(page, "64 KiB") {
		t.Errorf("large login: %d", resp.StatusCode)
	}
	b.logIn("boss@example.com", apptest.GoodPassword)
	if resp, _ := b.read(b.http.PostForm(b.base+"/users", large)); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("large form: %d", resp.StatusCode)
	}
	_, page := b.get("/users/new")
	token := csrfField.FindStringSubmatch(page)[1]
	for kind, body := range map[string]string{
		"application/x-www-form-urlencoded":  "csrf=" + token + "&email=%zz",
		"multipart/form-data; boundary=x":    "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + token + "\r\n--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\neve@example.com\r\n--x--\r\n",
		"application/json":                   `{"csrf":"` + token + `","email":"eve@example.com"}`,
		"text/plain":                         "csrf=" + token + "&email=eve@example.com",
		"application/x-www-form-urlencoded;": "csrf=wrong&email=eve@example.com&csrf=" + token,
	} {
		resp, _ := b.read(b.http.Post(b.base+"/users", kind, strings.NewReader(body)))
		if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", kind, resp.StatusCode)
		}
	}
	if resp, _ := b.read(b.http.Post(b.base+"/users?csrf="+token+"&email=eve@example.com", "application/x-www-form-urlencoded", nil)); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a form in the address: %d", resp.StatusCode)
	}
}

func TestAttack104StaffLogInLeadsNowhereElse(t *testing.T) {
	s, b := start(t)
	planted := &http.Cookie{Name: "staff", Value: strings.Repeat("A", 43)}
	at, err := url.Parse(s.URLs["admin"])
	if err != nil {
		t.Fatal(err)
	}
	b.http.Jar.SetCookies(at, []*http.Cookie{planted})
	resp, _ := b.post("/login?next=//evil.example", "/login?next=https://evil.example&return_to=//evil.example", url.Values{"email": {"boss@example.com"}, "password": {apptest.GoodPassword}, "next": {"//evil.example"}})
	if resp.Request.URL.Host != at.Host || resp.Request.URL.Path != "/users" {
		t.Errorf("led to %s", resp.Request.URL)
	}
	var used string
	for _, c := range b.http.Jar.Cookies(at) {
		if c.Name == "__Host-staff" {
			used = c.Value
		}
	}
	if used == planted.Value || used == "" {
		t.Error("the planted session was adopted")
	}
	b.post("/users", "/logout", url.Values{})
	thief := open(t, s)
	thief.http.Jar.SetCookies(at, []*http.Cookie{{Name: "staff", Value: used}})
	if resp, _ := thief.get("/users"); resp.Request.URL.Path != "/login" {
		t.Error("a session is good after logout")
	}
}

// What the application may do in its database does not include changing what
// was audited.
func TestAttack105AuditEventsAreChanged(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	for _, change := range []string{
		`UPDATE audit_events SET actor_id = NULL`, `DELETE FROM audit_events`, `TRUNCATE audit_events`, `TRUNCATE audit_events CASCADE`, `DELETE FROM audit_events WHERE at > now() - interval '364 days'`,
		`INSERT INTO audit_events (id, action, result) VALUES (1, 'x', 'ok') ON CONFLICT (id) DO UPDATE SET action = 'x'`, `INSERT INTO audit_events (id, action, result) VALUES (1, 'x', 'ok')`,
		`MERGE INTO audit_events a USING (SELECT 1 AS id) x ON a.id = x.id WHEN MATCHED THEN DELETE`,
	} {
		if _, err := s.DB.SQL.Exec(change); err == nil {
			t.Errorf("%s went through", change)
		}
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM audit_events WHERE action = 'staff.login'`); err != nil || n != 1 {
		t.Errorf("%d events, err %v", n, err)
	}
}

// What no page shows cannot be found out by sorting and filtering either.
func TestAttack129HiddenColumns(t *testing.T) {
	s, b := start(t)
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email, password_hash, created_at) SELECT 'user' || n || '@example.com', 'canary' || n || '-hidden', now() - n * interval '1 day' FROM generate_series(1, 5) n`); err != nil {
		t.Fatal(err)
	}
	b.logIn("boss@example.com", apptest.GoodPassword)
	emails := regexp.MustCompile(`user\d@example\.com`)
	list := func(query string) string {
		_, page := b.get("/users?" + query)
		if strings.Contains(page, "-hidden") {
			t.Errorf("%s shows a hash", query)
		}
		return fmt.Sprint(emails.FindAllString(page, -1))
	}
	plain := list("")
	for _, query := range []string{"sort=password_hash", "sort=password_hash&desc=1", "sort=id%3b", `sort=id"`, "sort=(SELECT%201)", "sort=email,password_hash", "f.password_hash=canary1", "f.email=user1@example.com", "f.role=admin%27", "f.created_at=set"} {
		if got := list(query); got != plain {
			t.Errorf("%s: %s, without it %s", query, got, plain)
		}
	}
	if got := list("q=canary1"); got != "[]" {
		t.Errorf("a search finds hashes: %s", got)
	}
	for _, path := range []string{"/users.csv", "/sessions.csv", "/sessions"} {
		if _, page := b.get(path); strings.Contains(page, "canary") || strings.Contains(page, "_hash") {
			t.Errorf("%s shows a hash", path)
		}
	}
}

// A key that the database would read, but that is none.
func TestAttack130KeysThatReadInTwoWays(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	id := idOf(t, s, "boss@example.com")
	plain := strings.ReplaceAll(id, "-", "")
	for _, key := range []string{plain, plain + "----", "----" + plain, plain[:4] + "-" + plain[4:8] + "-" + plain[8:12] + "-" + plain[12:16] + "-" + plain[16:], strings.Repeat("-", 36), strings.Repeat("0", 36), id[:35] + "g"} {
		for _, path := range []string{"/users/" + key, "/users/" + key + "/edit", "/sessions/" + key, "/identities/" + key} {
			if resp, _ := b.get(path); resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, resp.StatusCode)
			}
		}
		if resp, _ := b.get("/sessions?f.user_id=" + key); resp.StatusCode != http.StatusOK {
			t.Errorf("filter %s: %d", key, resp.StatusCode)
		}
	}
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email, display_name) VALUES ('a@example.com', E'\uFE66' || '1+1'), ('b@example.com', E'\u207A' || '1'), ('c@example.com', E'\uFE6B' || 'SUM(1)')`); err != nil {
		t.Fatal(err)
	}
	_, text := b.get("/users.csv")
	for _, formula := range []string{"\uFE66", "\u207A", "\uFE6B"} {
		if strings.Contains(text, `"`+formula) {
			t.Errorf("a cell begins with %q", formula)
		}
	}
}

// What staff must not do is refused, and leaves a trace.
func TestAttack131StaffTryWhatTheyMustNot(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	id := idOf(t, s, "boss@example.com")
	for path, form := range map[string]url.Values{
		"/users/" + id:                 {"display_name": {"x"}},
		"/users/" + id + "/delete":     {},
		"/users/" + id + "/do/disable": {},
		"/users":                       {"email": {"BOSS@example.com"}},
	} {
		if resp, _ := b.post("/users/new", path, form); resp.StatusCode != http.StatusConflict {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	var actions []string
	if err := s.DB.SQL.Select(&actions, `SELECT action FROM audit_events WHERE result = 'refused' AND actor_id = $1 ORDER BY action`, id); err != nil || fmt.Sprint(actions) != "[staff.create staff.delete staff.disable staff.edit]" {
		t.Errorf("%v, err %v", actions, err)
	}
	b.get("/users")
}

// The staff pages give no second budget of guesses, and a password that was
// changed on the site ends the session on the staff pages.
func TestAttack132StaffPagesAsASideDoor(t *testing.T) {
	s, b := start(t)
	s.Start("api")
	user := s.Browser()
	for range 10 {
		user.LogIn("boss@example.com", "not the right password").Want(t, http.StatusUnauthorized)
	}
	if resp, _ := b.logIn("boss@example.com", "not the right password"); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a guess on the staff pages after ten on the site: %d", resp.StatusCode)
	}
	b.http.Transport = forwarded{"203.0.113.9"}
	user.Header.Set("X-Forwarded-For", "203.0.113.9")
	b.logIn("boss@example.com", apptest.GoodPassword)
	user.LogIn("boss@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	user.Send("PUT", "/users/me/password", map[string]string{"current_password": apptest.GoodPassword, "new_password": "violet-harbour-77-comet"}).Want(t, http.StatusNoContent)
	if resp, _ := b.get("/users"); resp.Request.URL.Path != "/login" {
		t.Errorf("the session on the staff pages lives on: %s", resp.Request.URL)
	}
}

// forwarded makes requests come from an address, as the edge tells it.
type forwarded struct{ address string }

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Forwarded-For", f.address)
	return http.DefaultTransport.RoundTrip(r)
}

// A form whose head came in time and whose fields came after the session had
// ended changes nothing.
func TestAttack138SessionEndsBeforeTheFormHasCome(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	_, page := b.get("/users/new")
	form := url.Values{"csrf": {csrfField.FindStringSubmatch(page)[1]}, "email": {"eve@example.com"}, "role": {"admin"}}.Encode()
	here, err := url.Parse(b.base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", here.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	session := b.http.Jar.Cookies(here)[0]
	if _, err := fmt.Fprintf(conn, "POST /users HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nCookie: %s=%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		here.Host, session.Name, session.Value, len(form), form[:1]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // the head has been read
	b.post("/users", "/logout", url.Values{})
	if _, err := io.WriteString(conn, form[1:]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if at := resp.Header.Get("Location"); at != "/login" {
		t.Errorf("%d, leads to %q", resp.StatusCode, at)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM users WHERE email = 'eve@example.com'`); err != nil || n != 0 {
		t.Errorf("%d users were made, err %v", n, err)
	}
}

// A form that was opened before somebody else took rights away must not bring
// them back: it is a conflict that shows both values, also for forms at once and
// without a version.
func TestAttack150StaffFormWritesOverAChange(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	colleague(t, s, "other@example.com")
	id := idOf(t, s, "other@example.com")
	form := func(page string, more url.Values) url.Values {
		more.Set("csrf", csrfField.FindStringSubmatch(page)[1])
		if m := versionField.FindStringSubmatch(page); m != nil {
			more.Set("version", m[1])
		}
		return more
	}
	staffOf := func() (is bool, name string) {
		if err := s.DB.SQL.QueryRow(`SELECT is_staff, display_name FROM users WHERE id = $1`, id).Scan(&is, &name); err != nil {
			t.Fatal(err)
		}
		return is, name
	}
	_, old := b.get("/users/" + id + "/edit") // shows a member of staff
	if resp, _ := b.post("/users/"+id+"/edit", "/users/"+id, url.Values{"display_name": {"Taken away"}}); resp.StatusCode != http.StatusOK {
		t.Fatalf("the first form: %d", resp.StatusCode)
	}
	send := func(v url.Values) (*http.Response, string) { return b.read(b.http.PostForm(b.base+"/users/"+id, v)) }
	resp, page := send(form(old, url.Values{"display_name": {"From before"}, "role": {"admin"}}))
	if is, name := staffOf(); resp.StatusCode != http.StatusConflict || is || name != "Taken away" {
		t.Errorf("the older form: %d, staff %t, name %q", resp.StatusCode, is, name)
	}
	for _, both := range []string{`value="From before"`, "is now &#34;Taken away&#34;", "is now &#34;&#34;"} {
		if !strings.Contains(page, both) {
			t.Errorf("the page lacks %q:\n%s", both, page)
		}
	}
	without := form(old, url.Values{"role": {"admin"}})
	without.Del("version")
	if resp, _ := send(without); resp.StatusCode != http.StatusConflict {
		t.Errorf("without a version: %d", resp.StatusCode)
	}
	// Of forms at once, all opened on the same state, one is saved.
	_, same := b.get("/users/" + id + "/edit")
	var saved atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if resp, _ := send(form(same, url.Values{"display_name": {fmt.Sprintf("Name %d", i)}})); resp.StatusCode == http.StatusOK {
				saved.Add(1)
			}
		})
	}
	wg.Wait()
	if saved.Load() != 1 {
		t.Errorf("%d of 8 forms at once were saved", saved.Load())
	}
	// Who has seen what it is now may write over it.
	if resp, page = send(form(same, url.Values{"display_name": {"Mine"}})); resp.StatusCode != http.StatusConflict {
		t.Fatalf("%d", resp.StatusCode)
	}
	if resp, _ = send(form(page, url.Values{"display_name": {"Mine"}})); resp.StatusCode != http.StatusOK {
		t.Errorf("the form that shows both: %d", resp.StatusCode)
	}
}

var secretText = regexp.MustCompile(`the secret: <code>([A-Z2-7]+)</code>`)

// Where staff must have a second factor, a password alone gets to its set-up and
// nowhere else; a change asks for a code that is not old, and carries its form
// along.
func TestAttack158StaffWithAPasswordAlone(t *testing.T) {
	s := apptest.New(t)
	delete(s.Env, "STAFF_FACTOR") // as it is by itself
	s.Start("admin", "static")
	colleagueOf := func(email string) string {
		if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", email); code != 0 {
			t.Fatalf("create-staff: %s", out)
		}
		return idOf(t, s, email)
	}
	boss, other := colleagueOf("boss@example.com"), colleagueOf("other@example.com")
	b := open(t, s)
	b.logIn("boss@example.com", apptest.GoodPassword)
	for _, path := range []string{"/", "/users", "/users/" + boss, "/users.csv", "/audit", "/nowhere"} {
		if resp, _ := b.get(path); resp.Request.URL.Path != "/factor" {
			t.Errorf("%s leads to %s", path, resp.Request.URL)
		}
	}
	b.post("/factor", "/users/"+other+"/do/disable", url.Values{})
	var disabled int
	if err := s.DB.SQL.Get(&disabled, `SELECT count(*) FROM users WHERE disabled_at IS NOT NULL`); err != nil || disabled != 0 {
		t.Fatalf("%d users are disabled, %v", disabled, err)
	}
	_, page := b.post("/factor", "/factor", url.Values{})
	m := secretText.FindStringSubmatch(page)
	if m == nil || !strings.Contains(page, `<svg class="qr"`) {
		t.Fatalf("no secret: %s", page)
	}
	app := apptest.NewAuthenticator(t, m[1])
	token := csrfField.FindStringSubmatch(page)[1]
	resp, page := b.read(b.http.PostForm(b.base+"/factor/confirm", url.Values{"csrf": {token}, "code": {app.Next()}}))
	if resp.StatusCode != http.StatusOK || strings.Count(page, "<li><code>") != 10 {
		t.Fatalf("%d %s", resp.StatusCode, page)
	}
	if resp, _ = b.get("/users"); resp.Request.URL.Path != "/users" {
		t.Errorf("with a factor: %s", resp.Request.URL)
	}
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '11 minutes', proven_at = NULL`); err != nil {
		t.Fatal(err)
	}
	resp, page = b.post("/users/"+other+"/edit", "/users/"+other, url.Values{"display_name": {"Changed"}, "role": {"admin"}})
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(page, `name="display_name" value="Changed"`) {
		t.Fatalf("an old code: %d %s", resp.StatusCode, page)
	}
	form := url.Values{"display_name": {"Changed"}, "role": {"admin"}, "csrf": {csrfField.FindStringSubmatch(page)[1]}, "version": {versionField.FindStringSubmatch(page)[1]}}
	form.Set("code", "000000")
	if resp, _ = b.read(b.http.PostForm(b.base+"/users/"+other, form)); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a wrong code: %d", resp.StatusCode)
	}
	form.Set("code", app.Next())
	if resp, page = b.read(b.http.PostForm(b.base+"/users/"+other, form)); resp.StatusCode != http.StatusOK || !strings.Contains(page, "Changed") {
		t.Errorf("with a code: %d %s", resp.StatusCode, page)
	}
	second := open(t, s)
	if _, page = second.logIn("boss@example.com", apptest.GoodPassword); !strings.Contains(page, `action="/login/code"`) {
		t.Fatalf("no code is asked for: %s", page)
	}
	if resp, _ = second.get("/users"); resp.Request.URL.Path != "/login" {
		t.Errorf("half a login opens %s", resp.Request.URL)
	}
}

func TestAttack160ExportByHEAD(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, b.base+"/users.csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("HEAD of an export: %d %v", resp.StatusCode, resp.Header)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM audit_events WHERE action LIKE 'staff.export%'`); err != nil || n != 0 {
		t.Errorf("HEAD left %d events of exports: %v", n, err)
	}
}
