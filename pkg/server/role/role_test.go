package role_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/role"
)

func TestMain(m *testing.M) {
	os.Exit(apptest.Main(m))
}

func nothing(string) (string, bool) { return "", false }

func tool(args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = role.Run(context.Background(), args, nothing, strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

func TestUnknownCommandAndHelp(t *testing.T) {
	if _, errs, code := tool("nonsense"); code != 2 || !strings.Contains(errs, `"nonsense"`) || !strings.Contains(errs, "schema-check") {
		t.Errorf("code %d: %s", code, errs)
	}
	if out, _, code := tool("--help"); code != 0 || !strings.Contains(out, "jobs-ui") {
		t.Errorf("code %d: %s", code, out)
	}
	if _, _, code := tool(); code != 2 {
		t.Errorf("no command: code %d", code)
	}
	if _, _, code := tool("version", "--bad"); code != 2 {
		t.Errorf("unknown flag: code %d", code)
	}
}

func TestOpenAPIPrintsTheContract(t *testing.T) {
	out, _, code := tool("openapi")
	var doc struct {
		OpenAPI string
		Paths   map[string]any
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 0 || doc.OpenAPI != "3.0.3" || len(doc.Paths) < 8 {
		t.Errorf("code %d err %v: %.200s", code, err, out)
	}
}

func TestMissingSecretsAreAllNamed(t *testing.T) {
	_, errs, code := tool("api")
	if code != 2 {
		t.Errorf("code %d", code)
	}
	for _, want := range []string{"DATABASE_PASSWORD_FILE", "REDIS_PASSWORD_FILE", "APP_SECRET_FILE"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%s is not named in %s", want, errs)
		}
	}
}

func TestPingGoesThroughQueueAndWorker(t *testing.T) {
	s := apptest.New(t)
	s.Start("worker", "scheduler", "jobs-ui")
	s.Env["JOBS_URL"] = s.URLs["jobs-ui"]
	for _, queue := range []string{"default", "release"} {
		out, code := s.Tool("", "ping", "--nonce", "n-"+queue, "--queue", queue, "--json")
		var pong struct {
			Nonce, Release, Worker, Queue string
			JobID                         int64     `json:"job_id"`
			Enqueued                      time.Time `json:"enqueued_at"`
			Finished                      time.Time `json:"finished_at"`
			Scheduler                     struct {
				Last time.Time `json:"last_run"`
				Next time.Time `json:"next_run"`
			}
			Dashboard int `json:"dashboard_jobs"`
		}
		if err := json.Unmarshal([]byte(out), &pong); err != nil || code != 0 {
			t.Fatalf("code %d err %v: %s\n%s", code, err, out, s.Log)
		}
		if pong.Nonce != "n-"+queue || pong.Release != "testrelease1" || pong.Worker == "" || pong.JobID == 0 || pong.Finished.Before(pong.Enqueued) {
			t.Errorf("%+v", pong)
		}
		if pong.Dashboard < 1 || pong.Scheduler.Last.IsZero() || pong.Scheduler.Next.Before(pong.Scheduler.Last) {
			t.Errorf("%s", out)
		}
	}
	for _, name := range []string{"worker", "scheduler"} {
		s.Env["METRICS_LISTEN"] = strings.TrimPrefix(s.Inside[name], "http://")
		if _, code := s.Tool("", "healthcheck", name); code != 0 {
			t.Errorf("health check of %s: %d", name, code)
		}
	}
}

func TestPingWithoutWorkerFails(t *testing.T) {
	s := apptest.New(t)
	if out, code := s.Tool("", "ping", "--timeout", "3s", "--json"); code != 1 || out != "" {
		t.Errorf("code %d: %s", code, out)
	}
	if !strings.Contains(s.Log.String(), "no worker has finished it") {
		t.Errorf("%s", s.Log)
	}
}

func TestTwoSchedulersEnqueueOnce(t *testing.T) {
	s := apptest.New(t)
	s.Start("scheduler")
	first := s.Inside["scheduler"]
	s.Start("scheduler")
	if first == s.Inside["scheduler"] {
		t.Fatal("one scheduler")
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM river_job WHERE kind = 'ping'`); err != nil {
		t.Fatal(err)
	}
	if n != 1 {
		t.Errorf("%d heartbeats, want one", n)
	}
	if _, err := s.DB.SQL.Exec(`UPDATE schedules SET next_run = now() - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	s.Wait("the next heartbeat", func() bool {
		return s.DB.SQL.Get(&n, `SELECT count(*) FROM river_job WHERE kind = 'ping'`) == nil && n > 1
	})
	var due int
	if err := s.DB.SQL.Get(&due, `SELECT count(*) FROM schedules WHERE next_run <= now()`); err != nil || due != 0 || n != 2 {
		t.Errorf("%d heartbeats, %d still due, err %v", n, due, err)
	}
}

func TestSchemaCheckPrintsAndFails(t *testing.T) {
	s := apptest.New(t)
	var r struct {
		Status        string
		Stamped, Head int64
		Pending       []string
		Objects       int
		Differences   []struct{ Object, Problem, Expected, Observed string }
	}
	out, code := s.Tool("", "schema-check", "--json")
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Status != "ok" || r.Objects < 50 || r.Stamped != r.Head || r.Pending == nil || r.Differences == nil {
		t.Fatalf("code %d err %v: %s", code, err, out)
	}
	if _, err := s.DB.SQL.Exec(`ALTER TABLE users DROP COLUMN bio`); err != nil {
		t.Fatal(err)
	}
	out, code = s.Tool("", "schema-check", "--json")
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 1 || r.Status != "drift" || len(r.Differences) == 0 || r.Stamped != r.Head {
		t.Errorf("code %d err %v: %s", code, err, out)
	}
	if _, code := s.Tool("", "migrate"); code != 1 {
		t.Errorf("migrate on a drifted schema: code %d", code)
	}
}

func TestStopFinishesRequestsInFlight(t *testing.T) {
	s := apptest.New(t)
	stop := s.Start("api")
	b := s.Browser()
	b.Enter("ada@example.com")
	token := b.Token()
	// A request whose body comes late is in flight while the signal arrives.
	body, send := io.Pipe()
	req, err := http.NewRequest("PATCH", s.URLs["api"]+"/users/me", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Csrf-Token", token)
	req.AddCookie(&http.Cookie{Name: "__Host-session", Value: b.Cookies["__Host-session"]})
	status := make(chan int, 1)
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		_ = resp.Body.Close()
		status <- resp.StatusCode
	}()
	if _, err := send.Write([]byte(`{"bio":`)); err != nil {
		t.Fatal(err)
	}
	s.Wait("the request to be in flight", func() bool { return strings.Contains(s.Metrics("api"), "http_requests_in_flight 1") })
	exit := make(chan int, 1)
	go func() { exit <- stop() }()
	s.Wait("the listener to close", func() bool {
		resp, err := http.Get(s.URLs["api"] + "/health/live")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err != nil
	})
	if _, err := send.Write([]byte(`"late"}`)); err != nil {
		t.Fatal(err)
	}
	_ = send.Close()
	if got := <-status; got != http.StatusOK {
		t.Errorf("the request in flight got %d", got)
	}
	if code := <-exit; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestCheckJudgesAndProductionRefuses(t *testing.T) {
	s := apptest.New(t)
	var r struct {
		Status   string
		Rules    int
		Findings []struct{ Setting, Problem, Fix string }
	}
	out, code := s.Tool("", "check", "--json")
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 1 || r.Status != "unfit" || r.Rules < 8 || len(r.Findings) == 0 {
		t.Errorf("code %d err %v: %s", code, err, out)
	}
	s.Production()
	if out, code := s.Tool("", "check", "--json"); code != 0 || !strings.Contains(out, `"ok"`) {
		t.Errorf("code %d: %s", code, out)
	}
	for name, bad := range map[string]string{"LOG_LEVEL": "debug", "RELEASE": "dev", "WEBSITE_DOMAIN": "localhost", "TRUSTED_PROXIES": "0.0.0.0/0"} {
		t.Run(name, func(t *testing.T) {
			good := s.Env[name]
			defer func() { s.Env[name] = good }()
			s.Env[name] = bad
			if _, code := s.Tool("", "api"); code != 2 {
				t.Errorf("the API started with %s=%s, code %d", name, bad, code)
			}
			if out, code := s.Tool("", "check"); code != 1 || !strings.Contains(out, name) {
				t.Errorf("check: code %d: %s", code, out)
			}
		})
	}
}

func TestWeakSecretsAreRefused(t *testing.T) {
	for name, secret := range map[string]string{"short": "abc", "repeated": strings.Repeat("ab", 40), "placeholder": "changeme-changeme-changeme-0123456789"} {
		t.Run(name, func(t *testing.T) {
			s := apptest.New(t)
			s.Production()
			if err := os.WriteFile(s.Env["APP_SECRET_FILE"], []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
			out, code := s.Tool("", "check")
			if code != 1 || !strings.Contains(out, "APP_SECRET_FILE") || strings.Contains(out, secret) {
				t.Errorf("code %d: %s", code, out)
			}
		})
	}
}

func TestMetricsAreInside(t *testing.T) {
	s := apptest.New(t)
	s.Start("api")
	s.Browser().Get("/version")
	if !strings.Contains(s.Metrics("api"), `http_request_duration_seconds_count{method="GET",route="/version",status="200"} 1`) {
		t.Errorf("no count of /version in the metrics")
	}
	b := s.Browser()
	b.Raw = true
	b.Get("/metrics").Want(t, http.StatusNotFound)
}

// TestMigrateJudgesTheDatabaseRolesBeforeItBegins gives it a role that is none, and
// one too few.
func TestMigrateJudgesTheDatabaseRolesBeforeItBegins(t *testing.T) {
	s := apptest.New(t)
	file := s.Env["DATABASE_PASSWORD_FILE"]
	for roles, problem := range map[string]string{
		"app_boss=" + file: `there is no database role \"app_boss\"`, "app_api=" + file: "has no password file", "app_api=/nowhere": "cannot read the secret",
	} {
		s.Env["DATABASE_ROLES"] = roles
		if out, code := s.Tool("", "migrate"); code != 2 || !strings.Contains(strings.ReplaceAll(s.Log.String(), `"`, `\"`), problem) {
			t.Errorf("%s: code %d: %s", roles, code, out)
		}
	}
	delete(s.Env, "DATABASE_ROLES")
	if out, code := s.Tool("", "migrate"); code != 0 || !strings.Contains(out, "schema ok") {
		t.Errorf("without: code %d: %s%s", code, out, s.Log)
	}
}
