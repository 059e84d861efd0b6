package adminui_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/server/adminui"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

const nobody = "00000000-0000-4000-8000-000000000000"

// member makes a member of staff of a role and logs them in.
func member(t *testing.T, s *apptest.Site, role app.StaffRole) *staff {
	t.Helper()
	email := string(role) + "@example.com"
	b := colleague(t, s, email)
	if _, err := s.DB.SQL.Exec(`UPDATE users SET is_staff = $2 = 'admin', limited_role = replace($2, 'admin', '') WHERE email = $1`, email, string(role)); err != nil {
		t.Fatal(err)
	}
	return b
}

// token finds the token of a session in any of its pages.
func (b *staff) token() string {
	b.t.Helper()
	_, page := b.get("/users")
	m := csrfField.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("no token: %s", page)
	}
	return m[1]
}

// send sends a form to an address without looking for it on a page.
func (b *staff) send(path string, form url.Values) (*http.Response, string) {
	b.t.Helper()
	form.Set("csrf", b.token())
	return b.read(b.http.PostForm(b.base+path, form))
}

func refusals(t *testing.T, s *apptest.Site) (n int) {
	t.Helper()
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM audit_events WHERE action LIKE 'staff.%' AND result = 'refused' AND detail ? 'needs' AND actor_id IS NOT NULL`); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEachPageAsksForItsRole walks every page that asks who is there, as each role, and
// compares with app.Access.
func TestEachPageAsksForItsRole(t *testing.T) {
	s, _ := start(t)
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email) VALUES ('ada@example.com')`); err != nil {
		t.Fatal(err)
	}
	ada := idOf(t, s, "ada@example.com")
	used := map[app.Operation]bool{}
	for _, role := range app.StaffRoles() {
		b := member(t, s, role)
		for _, route := range adminui.Routes(app.Models()) {
			used[route.Operation] = true
			method, path, both := strings.Cut(route.Pattern, " ")
			if !both {
				method, path = "GET", "/nowhere"
			}
			path = strings.ReplaceAll(strings.TrimSuffix(path, "{$}"), "{id}", nobody)
			if method == "GET" && strings.HasPrefix(path, "/users/") {
				path = strings.ReplaceAll(path, nobody, ada)
			}
			if route.Operation == "own.logout" {
				continue // every other page would lead to the login after it
			}
			before := refusals(t, s)
			var resp *http.Response
			var page string
			if method == "GET" {
				resp, page = b.get(path)
			} else {
				resp, page = b.send(path, url.Values{})
			}
			need, listed := app.Access()[route.Operation]
			if !listed {
				t.Fatalf("%s: %s has no role", route.Pattern, route.Operation)
			}
			refused := resp.StatusCode == http.StatusForbidden
			if refused == role.Includes(need) {
				t.Errorf("%s %s as %s, which takes %s: %d", method, path, role, need, resp.StatusCode)
			}
			if told := fmt.Sprintf("This takes the role %s, and yours is %s.", need, role); refused != strings.Contains(page, told) {
				t.Errorf("%s %s as %s: %.800s", method, path, role, page)
			}
			if audited := refusals(t, s) - before; refused != (audited == 1) {
				t.Errorf("%s %s as %s: %d refusals audited", method, path, role, audited)
			}
		}
	}
	for operation := range app.Access() {
		if !used[operation] && operation != "own.logout" {
			t.Errorf("%s has a role and no page", operation)
		}
	}
}

// TestWhatEachRoleMayDo writes the table out a second time: who changes it changes it
// twice.
func TestWhatEachRoleMayDo(t *testing.T) {
	may := map[app.StaffRole][]string{}
	for operation, role := range app.Access() {
		may[role] = append(may[role], string(operation))
	}
	for role, want := range map[app.StaffRole]string{
		app.RoleViewer:  "audit.list audit.view identities.list identities.view jobs.list jobs.view own.factor own.logout own.start sessions.list sessions.view users.list users.view",
		app.RoleSupport: "jobs.retry sessions.delete users.disable users.drop-factor users.enable users.end-sessions users.send-confirmation users.send-reset",
		app.RoleAdmin:   "audit.export identities.delete identities.export jobs.cancel jobs.export sessions.export users.create users.delete users.edit users.export",
	} {
		slices.Sort(may[role])
		if got := strings.Join(may[role], " "); got != want {
			t.Errorf("%s: %s\nwant %s", role, got, want)
		}
	}
}

// TestNoButtonForWhatARoleMayNot compares the links and buttons of pages with the role.
func TestNoButtonForWhatARoleMayNot(t *testing.T) {
	s, boss := start(t)
	boss.logIn("boss@example.com", apptest.GoodPassword)
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email) VALUES ('ada@example.com')`); err != nil {
		t.Fatal(err)
	}
	ada, chief := "/users/"+idOf(t, s, "ada@example.com"), "/users/"+idOf(t, s, "boss@example.com")
	for role, want := range map[app.StaffRole]map[string][]string{
		app.RoleViewer:  {"/users": nil, ada: nil, chief: nil},
		app.RoleSupport: {"/users": nil, ada: {"Disable", "End all sessions"}, chief: nil},
		app.RoleAdmin:   {"/users": {"New user", "Export as CSV"}, ada: {"Edit", "Disable", "End all sessions", "Delete"}, chief: {"Edit", "Disable", "End all sessions", "Delete"}},
	} {
		b := member(t, s, role)
		for path, shown := range want {
			_, page := b.get(path)
			for _, label := range []string{"New user", "Export as CSV", "Edit", "Disable", "End all sessions", "Delete"} {
				there := strings.Contains(page, ">"+label+"</a>") || strings.Contains(page, ">"+label+"</button>")
				if there != slices.Contains(shown, label) {
					t.Errorf("%s as %s: %q is shown %t", path, role, label, there)
				}
			}
		}
	}
}

func TestAttack169ViewerCallsEachChange(t *testing.T) {
	s, _ := start(t)
	s.Start("api")
	s.Browser().Enter("ada@example.com")
	b := member(t, s, app.RoleViewer)
	ada := idOf(t, s, "ada@example.com")
	var session, job string
	for query, into := range map[string]*string{
		`SELECT id::text FROM sessions WHERE kind = 'site'`: &session, `SELECT max(id)::text FROM river_job`: &job,
	} {
		if err := s.DB.SQL.Get(into, query); err != nil {
			t.Fatal(err)
		}
	}
	state := func() (text string) {
		if err := s.DB.SQL.Get(&text, `SELECT (SELECT string_agg(u::text, ' ' ORDER BY id) FROM users u) || (SELECT string_agg(id::text || kind, ' ' ORDER BY id) FROM sessions) ||
			(SELECT string_agg(id::text || state::text, ' ' ORDER BY id) FROM river_job)`); err != nil {
			t.Fatal(err)
		}
		return text
	}
	before, n := state(), 0
	for _, route := range adminui.Routes(app.Models()) {
		path, change := strings.CutPrefix(route.Pattern, "POST ")
		if !change || strings.HasPrefix(string(route.Operation), "own.") {
			continue
		}
		id := map[string]string{"sessions": session, "jobs": job}[strings.Split(path, "/")[1]]
		if id == "" {
			id = ada
		}
		n++
		form := url.Values{"email": {"eve@example.com"}, "role": {"admin"}, "display_name": {"Eve"}}
		if resp, page := b.send(strings.ReplaceAll(path, "{id}", id), form); resp.StatusCode != http.StatusForbidden || strings.Contains(page, "<form method=\"post\" action=\"/users") {
			t.Errorf("%s: %d", route.Pattern, resp.StatusCode)
		}
	}
	for _, export := range []string{"users", "identities", "sessions", "audit", "jobs"} {
		if resp, page := b.get("/" + export + ".csv"); resp.StatusCode != http.StatusForbidden || strings.Contains(page, "ada@example.com") {
			t.Errorf("export of %s: %d", export, resp.StatusCode)
		}
	}
	if after := state(); after != before {
		t.Errorf("a viewer changed something:\n%s\n%s", before, after)
	}
	if n < 10 || refusals(t, s) != n+5 {
		t.Errorf("%d changes, %d refusals audited", n, refusals(t, s))
	}
}

func TestAttack170SupportPromotesItself(t *testing.T) {
	s, boss := start(t)
	b := member(t, s, app.RoleSupport)
	me := "/users/" + idOf(t, s, "support@example.com")
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email) VALUES ('ada@example.com')`); err != nil {
		t.Fatal(err)
	}
	ada, chief := "/users/"+idOf(t, s, "ada@example.com"), "/users/"+idOf(t, s, "boss@example.com")
	boss.logIn("boss@example.com", apptest.GoodPassword)
	_, form := boss.get(me + "/edit")
	version := versionField.FindStringSubmatch(form)[1]
	if resp, _ := b.send(ada+"/do/disable?role=admin", url.Values{"role": {"admin"}, "is_staff": {"true"}, "limited_role": {"support"}}); resp.StatusCode != http.StatusOK {
		t.Errorf("what support may do: %d", resp.StatusCode)
	}
	if resp, _ := b.send(me+"/do/role", url.Values{"role": {"admin"}}); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an action that there is not: %d", resp.StatusCode)
	}
	for path, fields := range map[string]url.Values{
		me: {"role": {"admin"}, "version": {version}}, ada: {"role": {"support"}, "version": {version}}, "/users": {"email": {"mine@example.com"}, "role": {"admin"}},
		// What is an admin's is as good as the role itself.
		chief + "/do/drop-factor": {}, chief + "/do/send-reset": {}, chief + "/do/end-sessions": {}, chief + "/do/disable": {}, me + "/do/drop-factor": {},
	} {
		if resp, _ := b.send(path, fields); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	var session string
	if err := s.DB.SQL.Get(&session, `SELECT s.id FROM sessions s JOIN users u ON u.id = user_id WHERE email = 'boss@example.com'`); err != nil {
		t.Fatal(err)
	}
	if resp, _ := b.send("/sessions/"+session+"/delete", url.Values{}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("an admin's session: %d", resp.StatusCode)
	}
	var roles string
	if err := s.DB.SQL.Get(&roles, `SELECT string_agg(email || ' ' || is_staff || limited_role, ', ' ORDER BY email) FROM users`); err != nil ||
		roles != "ada@example.com false, boss@example.com true, support@example.com falsesupport" {
		t.Errorf("%s, err %v", roles, err)
	}
	if resp, _ := boss.get("/users"); resp.Request.URL.Path != "/users" {
		t.Error("the admin is out")
	}
}

// Two admins who make viewers of each other at once: one stays an admin.
func TestAttack171TwoAdminsDemoteEachOther(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	other := colleague(t, s, "other@example.com")
	forms, targets := map[*staff]url.Values{}, map[*staff]string{b: "/users/" + idOf(t, s, "other@example.com"), other: "/users/" + idOf(t, s, "boss@example.com")}
	for who, path := range targets {
		_, page := who.get(path + "/edit")
		forms[who] = url.Values{"csrf": {csrfField.FindStringSubmatch(page)[1]}, "version": {versionField.FindStringSubmatch(page)[1]}, "role": {"viewer"}}
	}
	tx, err := s.DB.SQL.BeginTxx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SELECT 1 FROM users FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var statuses []int
	var wg sync.WaitGroup
	for who, path := range targets {
		wg.Go(func() {
			resp, _ := who.read(who.http.PostForm(who.base+path, forms[who]))
			mu.Lock()
			defer mu.Unlock()
			statuses = append(statuses, resp.StatusCode)
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
	slices.Sort(statuses)
	var admins, viewers int
	if err := s.DB.SQL.QueryRow(`SELECT count(*) FILTER (WHERE is_staff), count(*) FILTER (WHERE limited_role = 'viewer') FROM users`).Scan(&admins, &viewers); err != nil ||
		admins != 1 || viewers != 1 || !slices.Equal(statuses, []int{http.StatusOK, http.StatusForbidden}) {
		t.Errorf("%d admins, %d viewers, answers %v, err %v", admins, viewers, statuses, err)
	}
	// The one who is left cannot go either.
	last := b
	if resp, _ := b.get("/users/new"); resp.StatusCode != http.StatusOK {
		last = other
	}
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM users WHERE is_staff`); err != nil {
		t.Fatal(err)
	}
	last.post("/users/"+id+"/edit", "/users/"+id, url.Values{"role": {"support"}})
	last.post("/users/"+id+"/edit", "/users/"+id, url.Values{"role": {""}})
	last.send("/users/"+id+"/delete", url.Values{})
	last.send("/users/"+id+"/do/disable", url.Values{})
	if err := s.DB.SQL.Get(&admins, `SELECT count(*) FROM users WHERE is_staff AND disabled_at IS NULL`); err != nil || admins != 1 {
		t.Errorf("%d admins, err %v", admins, err)
	}
}

// A session that was open before a demotion has the new role at its next request, and
// its proof is gone.
func TestAttack172OldSessionAfterADemotion(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	old := colleague(t, s, "other@example.com")
	id := idOf(t, s, "other@example.com")
	token := old.token()
	proven := func() (at time.Time) {
		if err := s.DB.SQL.Get(&at, `SELECT coalesce(proven_at, created_at) FROM sessions WHERE user_id = $1`, id); err != nil {
			t.Fatal(err)
		}
		return at
	}
	if time.Since(proven()) > time.Minute {
		t.Fatal("the login proved nothing")
	}
	for _, role := range []string{"support", "viewer", "support"} {
		if resp, page := b.post("/users/"+id+"/edit", "/users/"+id, url.Values{"role": {role}}); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, page)
		}
		if time.Since(proven()) < time.Hour {
			t.Errorf("the proof outlived the change to %s", role)
		}
		for path, need := range map[string]app.StaffRole{"/users/" + nobody + "/do/enable": app.RoleSupport, "/users/" + nobody + "/delete": app.RoleAdmin} {
			resp, _ := old.read(old.http.PostForm(old.base+path, url.Values{"csrf": {token}}))
			if may := app.StaffRole(role).Includes(need); may == (resp.StatusCode == http.StatusForbidden) {
				t.Errorf("%s as %s: %d", path, role, resp.StatusCode)
			}
		}
		if resp, _ := old.get("/users"); resp.Request.URL.Path != "/users" {
			t.Error("the session has ended")
		}
	}
	if _, _, detail := event(t, s, "staff.edit"); detail["role"]["before"] != "viewer" || detail["role"]["after"] != "support" {
		t.Errorf("%v", detail)
	}
	b.post("/users/"+id+"/edit", "/users/"+id, url.Values{"role": {""}})
	if resp, _ := old.get("/users"); resp.Request.URL.Path != "/login" {
		t.Error("still in after losing all roles")
	}
}

// TestInvitedStaffChooseTheirPassword: who is made a member of staff gets a mail.
func TestInvitedStaffChooseTheirPassword(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	b.post("/users/new", "/users", url.Values{"email": {"new@example.com"}, "role": {"support"}})
	var letters string
	if err := s.DB.SQL.Get(&letters, `SELECT string_agg(args->>'letter' || ' ' || (args->>'email'), ', ') FROM river_job WHERE kind = 'mail'`); err != nil || letters != "reset new@example.com" {
		t.Errorf("%q, err %v", letters, err)
	}
	var role string
	if err := s.DB.SQL.Get(&role, `SELECT is_staff || limited_role FROM users WHERE email = 'new@example.com'`); err != nil || role != "falsesupport" {
		t.Errorf("%s, err %v", role, err)
	}
	for _, bad := range []string{"root", "Admin", "admin ", "viewer,admin"} {
		if resp, _ := b.post("/users/new", "/users", url.Values{"email": {"bad@example.com"}, "role": {bad}}); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("role %q: %d", bad, resp.StatusCode)
		}
	}
}

// A change that was let in before its author lost the role, and waits, is refused.
func TestAttack172ChangeThatWaitedOverADemotion(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	if _, err := s.DB.SQL.Exec(`INSERT INTO users (email) VALUES ('ada@example.com')`); err != nil {
		t.Fatal(err)
	}
	ada := idOf(t, s, "ada@example.com")
	token := b.token()
	tx, err := s.DB.SQL.BeginTxx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`UPDATE users SET is_staff = false, limited_role = 'support' WHERE email = 'boss@example.com'`); err != nil {
		t.Fatal(err)
	}
	status := make(chan int, 1)
	go func() {
		resp, err := b.http.PostForm(b.base+"/users/"+ada+"/delete", url.Values{"csrf": {token}})
		if err != nil {
			status <- 0
			return
		}
		_ = resp.Body.Close()
		status <- resp.StatusCode
	}()
	s.Wait("the change to wait", func() bool {
		var n int
		return s.DB.SQL.Get(&n, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) == nil && n == 1
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != http.StatusForbidden {
		t.Errorf("%d", got)
	}
	if idOf(t, s, "ada@example.com") != ada {
		t.Error("the user was deleted")
	}
}
