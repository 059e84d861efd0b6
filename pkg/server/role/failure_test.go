package role_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

// job reads the state and the number of tries of the newest job of a kind.
func job(t *testing.T, s *apptest.Site, kind string) (state string, attempt int) {
	t.Helper()
	var row struct {
		State   string
		Attempt int
	}
	if err := s.DB.SQL.Get(&row, `SELECT state, attempt FROM river_job WHERE kind = $1 ORDER BY id DESC LIMIT 1`, kind); err != nil {
		return "", 0
	}
	return row.State, row.Attempt
}

func TestWorkerKilledMidJobLosesNothing(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	release := box.Hold()
	defer release()
	s.Start("api")
	first := s.Process("worker")
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	s.Wait("the mail to be on its way", func() bool { state, _ := job(t, s, "mail"); return state == "running" })
	first.Kill()
	release()
	if state, _ := job(t, s, "mail"); state != "running" {
		t.Fatalf("after the kill the job is %s", state)
	}
	// What a job that is stuck waits for, without the waiting.
	if _, err := s.DB.SQL.Exec(`UPDATE river_job SET attempted_at = now() - interval '3 minutes' WHERE state = 'running';
		UPDATE river_leader SET expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	s.Process("worker")
	deadline := time.Now().Add(90 * time.Second)
	for time.Now().Before(deadline) && len(box.To("ada@example.com")) == 0 {
		// A job that was rescued waits before its next try.
		if _, err := s.DB.SQL.Exec(`UPDATE river_job SET scheduled_at = now() WHERE state = 'retryable'`); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.Await(box, "ada@example.com", "Confirm", 1)
	s.Wait("the job to be done", func() bool { state, _ := job(t, s, "mail"); return state == "completed" })
	if _, attempt := job(t, s, "mail"); attempt != 2 || len(box.To("ada@example.com")) != 1 {
		t.Errorf("%d tries, %d mails", attempt, len(box.To("ada@example.com")))
	}
}

func TestMailWaitsForItsServer(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	box.Stop()
	s.Start("api", "worker")
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	s.Wait("the first try to fail", func() bool { state, _ := job(t, s, "mail"); return state == "retryable" })
	if err := box.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB.SQL.Exec(`UPDATE river_job SET scheduled_at = now() WHERE state = 'retryable'`); err != nil {
		t.Fatal(err)
	}
	s.Await(box, "ada@example.com", "Confirm", 1)
	s.Wait("the job to be done", func() bool { state, _ := job(t, s, "mail"); return state == "completed" })
	if n := len(box.To("ada@example.com")); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestSchedulersInTwoProcessesEnqueueOnceAndOneIsEnough(t *testing.T) {
	s := apptest.New(t)
	first := s.Process("scheduler")
	s.Process("scheduler")
	beats := func() (n int) {
		if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM river_job WHERE kind = 'ping'`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for round := 2; round <= 5; round++ {
		if round == 4 {
			first.Kill()
		}
		if _, err := s.DB.SQL.Exec(`UPDATE schedules SET next_run = now() - interval '1 second' WHERE name = 'heartbeat'`); err != nil {
			t.Fatal(err)
		}
		s.Wait(fmt.Sprintf("heartbeat %d", round), func() bool { return beats() >= round })
		if n := beats(); n != round {
			t.Errorf("round %d: %d heartbeats", round, n)
		}
	}
}

func TestWorkerAndSchedulerOutliveTheDatabase(t *testing.T) {
	cluster := testdb.Own(t)
	s := apptest.On(t, cluster)
	box := s.Mailbox()
	s.Start("api", "worker", "scheduler")
	cluster.Stop()
	s.Wait("the worker to say that it is not well", func() bool {
		resp, err := http.Get(s.Inside["worker"] + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	b := s.Browser()
	s.Wait("the API to be ready", func() bool { return b.Get("/health/ready").Status == http.StatusOK })
	b.SignUp("ada@example.com", apptest.GoodPassword)
	s.Await(box, "ada@example.com", "Confirm", 1)
	if _, err := s.DB.SQL.Exec(`UPDATE schedules SET next_run = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	s.Wait("the scheduler to go on", func() bool {
		var due int
		return s.DB.SQL.Get(&due, `SELECT count(*) FROM schedules WHERE next_run <= now()`) == nil && due == 0
	})
}

// A Redis that is slow, gone, and back again: logins go on, and guesses stay
// bounded, each time by some limit.
func TestRedisSlowGoneAndBack(t *testing.T) {
	s := apptest.New(t)
	proxy := apptest.NewProxy(t, s.Redis.Addr)
	s.Env["REDIS_ADDR"] = proxy.Addr
	s.Start("api")
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	guesses := func(from string) (n int) {
		b := s.Browser()
		b.Header.Set("X-Forwarded-For", from)
		for ; n < 30 && b.LogIn("ada@example.com", "not the right password").Status == http.StatusUnauthorized; n++ {
		}
		return n
	}
	enters := func() {
		t.Helper()
		s.Browser().LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	}
	enters()
	proxy.Delay(3 * time.Second)
	enters()
	if n := guesses("198.51.100.1"); n > 10 {
		t.Errorf("slow: %d guesses", n)
	}
	proxy.Delay(0)
	s.Redis.Stop()
	enters()
	if n := guesses("198.51.100.2"); n > 10 {
		t.Errorf("gone: %d guesses", n)
	}
	if err := s.Redis.Start(); err != nil {
		t.Fatal(err)
	}
	s.Wait("Redis to be asked again", func() bool { return s.Browser().Get("/health/ready").Status == http.StatusOK })
	enters()
	if n := guesses("198.51.100.3"); n > 20 {
		t.Errorf("back: %d guesses", n)
	}
}

// Why a role is not ready stands in the log, with the request's id: the answer
// names the dependency alone.
func TestTheLogSaysWhyTheAPIIsNotReady(t *testing.T) {
	s := apptest.New(t)
	s.Start("api")
	s.Redis.Stop()
	answer := s.Browser().Get("/health/ready").Want(t, http.StatusServiceUnavailable)
	if !strings.Contains(string(answer.Body), `"redis":{"status":"unavailable"}`) {
		t.Errorf("the answer is %s", answer.Body)
	}
	for line := range strings.Lines(s.Log.String()) {
		if strings.Contains(line, `"not ready"`) {
			for _, part := range []string{`"dependency":"redis"`, `"request":"` + answer.Header.Get("X-Request-Id") + `"`, "connection refused"} {
				if !strings.Contains(line, part) {
					t.Errorf("%s is not in %s", part, line)
				}
			}
			return
		}
	}
	t.Errorf("the log does not say why:\n%s", s.Log)
}
