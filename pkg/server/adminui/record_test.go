package adminui_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
)

// idOf reads a user's ID.
func idOf(t *testing.T, s *apptest.Site, email string) string {
	t.Helper()
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM users WHERE email = $1`, email); err != nil {
		t.Fatal(err)
	}
	return id
}

// event reads the newest audit event of an action.
func event(t *testing.T, s *apptest.Site, action string) (actor, subject string, detail map[string]map[string]string) {
	t.Helper()
	var row struct {
		Actor, Subject string
		Detail         []byte
	}
	if err := s.DB.SQL.Get(&row, `SELECT actor_id AS actor, subject_id AS subject, detail FROM audit_events WHERE action = $1 ORDER BY id DESC LIMIT 1`, action); err != nil {
		t.Fatalf("audit event %s: %v", action, err)
	}
	if err := json.Unmarshal(row.Detail, &detail); err != nil {
		t.Fatalf("detail of %s: %v: %s", action, err, row.Detail)
	}
	return row.Actor, row.Subject, detail
}

func TestStaffCreateEditDisableAndDeleteAUser(t *testing.T) {
	s, b := start(t)
	s.Start("api")
	boss := idOf(t, s, "boss@example.com")
	b.logIn("boss@example.com", apptest.GoodPassword)

	resp, page := b.post("/users/new", "/users", url.Values{"email": {"not an address"}, "display_name": {"Ada"}})
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(page, "must be plain ASCII") || !strings.Contains(page, `value="Ada"`) {
		t.Errorf("bad address: %d %.1500s", resp.StatusCode, page)
	}
	resp, page = b.post("/users/new", "/users", url.Values{"email": {"Ada@Example.com"}, "display_name": {"Ada"}, "password_hash": {"x"}, "disabled_at": {"2020-01-01"}})
	ada := idOf(t, s, "ada@example.com")
	if resp.Request.URL.Path != "/users/"+ada || !strings.Contains(page, "Created.") {
		t.Fatalf("create: %s %.1500s", resp.Request.URL, page)
	}
	if actor, subject, detail := event(t, s, "staff.create"); actor != boss || subject != ada || detail["email"]["changed"] != "yes" || detail["email"]["after"] != "" || detail["disabled_at"]["after"] != "" {
		t.Errorf("create: %s %s %v", actor, subject, detail)
	}
	if resp, page = b.post("/users/new", "/users", url.Values{"email": {"ada@example.com"}}); resp.StatusCode != http.StatusConflict || !strings.Contains(page, "already") {
		t.Errorf("same address: %d", resp.StatusCode)
	}

	if resp, _ = b.post("/users/"+ada+"/edit", "/users/"+ada, url.Values{"display_name": {"Ada L."}, "avatar_url": {"javascript:alert(1)"}}); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("bad avatar: %d", resp.StatusCode)
	}
	b.post("/users/"+ada+"/edit", "/users/"+ada, url.Values{"display_name": {"Ada L."}, "bio": {"one\r\ntwo"}, "email": {"eve@example.com"}})
	if _, _, detail := event(t, s, "staff.edit"); detail["display_name"]["changed"] != "yes" || len(detail["display_name"]) != 1 || detail["bio"]["changed"] != "yes" || len(detail) != 2 {
		t.Errorf("edit: %v", detail)
	}

	user := s.Browser()
	user.Enter("eve@example.com")
	eve := idOf(t, s, "eve@example.com")
	if _, page = b.post("/users/"+eve, "/users/"+eve+"/do/disable", url.Values{}); !strings.Contains(page, "Done.") || strings.Contains(page, "do/disable") || !strings.Contains(page, "do/enable") {
		t.Errorf("disable: %.2000s", page)
	}
	user.Get("/users/me").Want(t, http.StatusUnauthorized)
	user.LogIn("eve@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	if _, _, detail := event(t, s, "staff.disable"); detail["disabled_at"]["after"] == "" {
		t.Errorf("disable: %v", detail)
	}
	if resp, _ = b.post("/users/"+eve, "/users/"+eve+"/do/disable", url.Values{}); resp.StatusCode != http.StatusConflict {
		t.Errorf("disable twice: %d", resp.StatusCode)
	}
	b.post("/users/"+eve, "/users/"+eve+"/do/enable", url.Values{})
	user.LogIn("eve@example.com", apptest.GoodPassword).Want(t, http.StatusOK)

	if _, page = b.get("/users/" + eve + "/delete"); !strings.Contains(page, "cannot be undone") {
		t.Error("no word before deleting")
	}
	if resp, page = b.post("/users/"+eve+"/delete", "/users/"+eve+"/delete", url.Values{}); resp.Request.URL.Path != "/users" || !strings.Contains(page, "Deleted.") {
		t.Errorf("delete: %s", resp.Request.URL)
	}
	user.Get("/users/me").Want(t, http.StatusUnauthorized)
	if _, subject, detail := event(t, s, "staff.delete"); subject != eve || detail["email"]["changed"] != "yes" {
		t.Errorf("delete: %s %v", subject, detail)
	}
	s.Browser().SignUp("another@example.com", apptest.GoodPassword)
	var job string
	if err := s.DB.SQL.Get(&job, `SELECT max(id)::text FROM river_job`); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/users/" + eve: 404, "/users/x": 404, "/users/" + ada: 200, "/audit": 200, "/audit/1": 200, "/jobs": 200, "/jobs/" + job: 200, "/identities": 200, "/sessions": 200, "/audit/new": 404} {
		if resp, _ = b.get(path); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestStaffCannotTakeTheirOwnAccountAway(t *testing.T) {
	s, b := start(t)
	boss := idOf(t, s, "boss@example.com")
	b.logIn("boss@example.com", apptest.GoodPassword)
	for name, send := range map[string]func() (*http.Response, string){
		"disable": func() (*http.Response, string) {
			return b.post("/users/"+boss, "/users/"+boss+"/do/disable", url.Values{})
		},
		"delete": func() (*http.Response, string) {
			return b.post("/users/"+boss+"/delete", "/users/"+boss+"/delete", url.Values{})
		},
		"demote": func() (*http.Response, string) {
			return b.post("/users/"+boss+"/edit", "/users/"+boss, url.Values{"display_name": {"x"}})
		},
	} {
		if resp, page := send(); resp.StatusCode != http.StatusConflict || !strings.Contains(page, "your own account") {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if resp, _ := b.get("/users"); resp.Request.URL.Path != "/users" {
		t.Error("locked out")
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM audit_events WHERE action IN ('staff.disable', 'staff.delete', 'staff.edit') AND result = 'ok'`); err != nil || n != 0 {
		t.Errorf("%d events of changes that did not happen, err %v", n, err)
	}
}

func TestFiltersAndLinksBetweenRecords(t *testing.T) {
	s, b := start(t)
	s.Start("api")
	s.Browser().Enter("ada@example.com")
	ada := idOf(t, s, "ada@example.com")
	b.logIn("boss@example.com", apptest.GoodPassword)
	if _, page := b.get("/users?f.role=admin"); !strings.Contains(page, "boss@example.com") || strings.Contains(page, "ada@example.com") {
		t.Error("filter by staff")
	}
	if _, page := b.get("/users?f.email_verified_at=unset"); strings.Contains(page, "<td>boss@example.com") || !strings.Contains(page, "ada@example.com") {
		t.Error("filter by not verified")
	}
	if _, page := b.get("/sessions?f.user_id=" + ada); !strings.Contains(page, "1 found") || !strings.Contains(page, "/users/"+ada) {
		t.Error("sessions of one user")
	}
	if _, page := b.get("/audit?f.action=login&f.result=ok"); !strings.Contains(page, "1 found") {
		t.Error("audit events by action and result")
	}
	if _, page := b.get("/users/" + ada); !strings.Contains(page, "f.user_id="+ada) {
		t.Error("no way from a user to their sessions")
	}
	if _, page := b.get("/jobs?f.kind=mail"); !strings.Contains(page, "1 found") {
		t.Error("jobs by kind")
	}
}

func TestAttack42SQLInSortAndFilter(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	for _, evil := range []string{"email; DROP TABLE users", "(SELECT pg_sleep(9))", "password_hash", `email"`, "1", "' OR '1'='1", `\`, "%"} {
		v := url.QueryEscape(evil)
		for _, query := range []string{"sort=" + v, "f.email=" + v, "f.role=" + v, "f.disabled_at=" + v, "f." + v + "=x", "q=" + v, "desc=" + v, "page=" + v} {
			for _, model := range app.Models() {
				if resp, _ := b.get("/" + model.Name + "?" + query); resp.StatusCode != http.StatusOK {
					t.Errorf("%s?%s: %d", model.Name, query, resp.StatusCode)
				}
			}
		}
	}
	if resp, _ := b.get("/users/" + url.PathEscape("x' OR true --")); resp.StatusCode != http.StatusNotFound {
		t.Errorf("in the key: %d", resp.StatusCode)
	}
	if n := len(idOf(t, s, "boss@example.com")); n != 36 {
		t.Error("the users are gone")
	}
}

func TestAttack43FormulasInExport(t *testing.T) {
	s, b := start(t)
	for i, name := range []string{`=1+1`, `+1`, `-1`, `@SUM(A1)`, ` =1+1`, `＝1`, `|calc`, `fine - really`} {
		if _, err := s.DB.SQL.Exec(`INSERT INTO users (email, display_name) VALUES ($1, $2)`, string(rune('a'+i))+"@example.com", name); err != nil {
			t.Fatal(err)
		}
	}
	b.logIn("boss@example.com", apptest.GoodPassword)
	resp, text := b.get("/users.csv?sort=email&q=example.com")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") || !strings.Contains(resp.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 10 {
		t.Fatalf("%d rows, err %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if trimmed := strings.TrimLeft(cell, " "); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@|\t\r") || strings.HasPrefix(cell, "＝") {
				t.Errorf("cell %q is a formula", cell)
			}
		}
	}
	if !strings.Contains(text, "fine - really") || strings.Contains(text, "argon2id") {
		t.Error("what is exported is wrong")
	}
	var detail string
	if err := s.DB.SQL.Get(&detail, `SELECT detail->>'records' FROM audit_events WHERE action = 'staff.exported'`); err != nil || detail != "9" {
		t.Errorf("audited %q records, err %v", detail, err)
	}
}

func TestAttack10DemotionTakesEffectAtOnce(t *testing.T) {
	s, b := start(t)
	b.logIn("boss@example.com", apptest.GoodPassword)
	if out, code := s.Tool(apptest.GoodPassword+"\n", "create-staff", "--email", "other@example.com"); code != 0 {
		t.Fatalf("create-staff: %s", out)
	}
	other := open(t, s)
	other.logIn("other@example.com", apptest.GoodPassword)
	id := idOf(t, s, "other@example.com")
	b.post("/users/"+id+"/edit", "/users/"+id, url.Values{"display_name": {"Other"}})
	if resp, _ := other.get("/users"); resp.Request.URL.Path != "/login" {
		t.Error("still in after being demoted")
	}
	if resp, _ := other.logIn("other@example.com", apptest.GoodPassword); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("in again: %d", resp.StatusCode)
	}
}

func TestPromotionEndsTheSessionsFromBefore(t *testing.T) {
	s, b := start(t)
	s.Start("api")
	user := s.Browser()
	user.Enter("eve@example.com")
	b.logIn("boss@example.com", apptest.GoodPassword)
	id := idOf(t, s, "eve@example.com")
	b.post("/users/"+id+"/edit", "/users/"+id, url.Values{"role": {"admin"}})
	user.Get("/users/me").Want(t, http.StatusUnauthorized)
	if _, _, detail := event(t, s, "staff.edit"); detail["role"]["before"] != "" || detail["role"]["after"] != "admin" {
		t.Errorf("%v", detail)
	}
}
