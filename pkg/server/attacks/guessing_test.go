package attacks

import (
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
)

var hashesLine = regexp.MustCompile(`(?m)^password_hashes_total (\S+)$`)

// hashes reads how many password hashes the API has computed.
func hashes(t *testing.T, s *apptest.Site) int {
	t.Helper()
	m := hashesLine.FindStringSubmatch(s.Metrics("api"))
	if m == nil {
		t.Fatal("no password_hashes_total")
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rows counts what a request leaves in the database.
func rows(t *testing.T, s *apptest.Site) (n [3]int) {
	t.Helper()
	for i, table := range []string{"audit_events", "river_job", "sessions"} {
		if err := s.DB.SQL.Get(&n[i], `SELECT count(*) FROM `+table); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// same sends a request for a known and for an unknown account and compares
// status, headers, body and work. The work is what the time is made of: the
// hashes, and the rows that are written. Time itself is compared by a gate
// that measures enough of it.
func same(t *testing.T, s *apptest.Site, known, unknown func(b *apptest.Browser) apptest.Answer) {
	t.Helper()
	var answers [2]string
	var work [2]string
	for i, send := range []func(b *apptest.Browser) apptest.Answer{known, unknown} {
		b := s.Browser()
		b.Token()
		hashed, written := hashes(t, s), rows(t, s)
		a := send(b)
		after := rows(t, s)
		for j := range after {
			after[j] -= written[j]
		}
		work[i] = fmt.Sprint(hashes(t, s)-hashed, after)
		names := []string{}
		for name := range a.Header {
			names = append(names, name)
		}
		answers[i] = fmt.Sprintln(a.Status, len(names), a.Header["Set-Cookie"], a.Header["Retry-After"], requestID.ReplaceAllString(string(a.Body), ""))
	}
	if answers[0] != answers[1] {
		t.Errorf("known:   %sunknown: %s", answers[0], answers[1])
	}
	if work[0] != work[1] {
		t.Errorf("work (hashes, audit events, jobs, sessions) known %s, unknown %s", work[0], work[1])
	}
}

var requestID = regexp.MustCompile(`"request_id":"[^"]*"`)

func TestAttack20LoginForUnknownAccounts(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	logIn := func(email string) func(*apptest.Browser) apptest.Answer {
		return func(b *apptest.Browser) apptest.Answer { return b.LogIn(email, wrong) }
	}
	same(t, s, logIn("ada@example.com"), logIn("nobody@example.com"))
	for what, update := range map[string]string{"disabled": `UPDATE users SET disabled_at = now()`, "without password": `UPDATE users SET disabled_at = NULL, password_hash = NULL`} {
		if _, err := s.DB.SQL.Exec(update); err != nil {
			t.Fatal(err)
		}
		t.Run(what, func(t *testing.T) { same(t, s, logIn("ada@example.com"), logIn("nobody@example.com")) })
	}
}

func TestAttack21SignUpForKnownAccounts(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	signUp := func(email string) func(*apptest.Browser) apptest.Answer {
		return func(b *apptest.Browser) apptest.Answer {
			return b.Send("POST", "/auth/signup", map[string]string{"email": email, "password": next})
		}
	}
	same(t, s, signUp("ada@example.com"), signUp("new@example.com"))
}

func TestAttack22ResetForKnownAccounts(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	forgot := func(email string) func(*apptest.Browser) apptest.Answer {
		return func(b *apptest.Browser) apptest.Answer {
			return b.Send("POST", "/auth/password/forgot", map[string]string{"email": email})
		}
	}
	same(t, s, forgot("ada@example.com"), forgot("nobody@example.com"))
}

// guess counts how many of n wrong logins are answered before a limit holds.
func guess(t *testing.T, n int, send func(i int) apptest.Answer) int {
	t.Helper()
	for i := range n {
		switch a := send(i); a.Status {
		case http.StatusUnauthorized:
		case http.StatusTooManyRequests:
			return i
		default:
			t.Fatalf("status %d: %s", a.Status, a.Body)
		}
	}
	return n
}

func TestAttack23SpoofedForwardedFor(t *testing.T) {
	_, b := start(t)
	// The edge adds the client's real address on the right of what it claims.
	if n := guess(t, 30, func(i int) apptest.Answer {
		return from(b, fmt.Sprintf("10.9.8.%d, 203.0.113.7", i)).LogIn("ada@example.com", wrong)
	}); n != 10 {
		t.Errorf("%d guesses with made-up addresses", n)
	}
	direct := apptest.New(t)
	direct.Env["TRUSTED_PROXIES"] = ""
	direct.Start("api")
	b = direct.Browser()
	if n := guess(t, 30, func(i int) apptest.Answer {
		b.Header.Set("X-Real-Ip", fmt.Sprintf("10.9.8.%d", i))
		b.Header.Set("Forwarded", fmt.Sprintf("for=10.9.8.%d", i))
		return from(b, fmt.Sprintf("10.9.8.%d", i)).LogIn("ada@example.com", wrong)
	}); n != 10 {
		t.Errorf("%d guesses past a proxy that nobody trusts", n)
	}
}

func TestAttack24SpellingsOfAnAddressShareABucket(t *testing.T) {
	_, b := start(t)
	spellings := []string{"ada.l@gmail.com", "ADA.L@gmail.com", "adal@gmail.com", "ada.l+x@gmail.com", "a.d.a.l@googlemail.com", "Ada.L+y@Gmail.com"}
	if n := guess(t, 30, func(i int) apptest.Answer { return b.LogIn(spellings[i%len(spellings)], wrong) }); n != 10 {
		t.Errorf("%d guesses", n)
	}
}

func TestAttack25RotationWithinANetwork(t *testing.T) {
	_, b := start(t)
	if n := guess(t, 30, func(i int) apptest.Answer {
		return from(b, fmt.Sprintf("2001:db8:1:2:%x::%x", i, i*7+1)).LogIn("ada@example.com", wrong)
	}); n != 10 {
		t.Errorf("%d guesses from one /64", n)
	}
	from(b, "2001:db8:1:3::1").LogIn("ada@example.com", wrong).Want(t, http.StatusUnauthorized)
}

func TestAttack26LockoutAsDenialOfService(t *testing.T) {
	s, b := start(t)
	home := from(s.Browser(), "203.0.113.7")
	home.Enter("ada@example.com")
	if n := guess(t, 100, func(i int) apptest.Answer {
		return from(b, fmt.Sprintf("198.51.100.%d", i)).LogIn("ada@example.com", wrong)
	}); n < 40 || n > 60 {
		t.Errorf("%d guesses from everywhere, want 60 at most", n)
	}
	// The owner's device is known by what the site signed, wherever it is.
	device := s.Browser()
	device.Cookies["__Host-device"] = home.Cookies["__Host-device"]
	from(device, "192.0.2.99").LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	home.Get("/users/me").Want(t, http.StatusOK)
}

// parallel sends n wrong logins at once and counts those that were answered.
func parallel(s *apptest.Site, n int) int {
	browsers := make([]*apptest.Browser, n)
	for i := range browsers {
		browsers[i] = s.Browser()
		browsers[i].Token()
	}
	var wg sync.WaitGroup
	var answered atomic.Int64
	for _, b := range browsers {
		wg.Go(func() {
			if b.LogIn("ada@example.com", wrong).Status == http.StatusUnauthorized {
				answered.Add(1)
			}
		})
	}
	wg.Wait()
	return int(answered.Load())
}

func TestAttack27ParallelAttempts(t *testing.T) {
	s, _ := start(t)
	if n := parallel(s, 40); n != 10 {
		t.Errorf("%d of 40 attempts at once passed a limit of 10", n)
	}
}

func TestAttack28RedisDown(t *testing.T) {
	s, b := start(t)
	b.SignUp("ada@example.com", apptest.GoodPassword)
	s.Redis.Stop()
	if n := guess(t, 40, func(int) apptest.Answer { return b.LogIn("ada@example.com", wrong) }); n != 5 {
		t.Errorf("%d guesses without Redis, want 5", n)
	}
	from(s.Browser(), "203.0.113.7").LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

func TestAttack29ManyLoginsExhaustMemory(t *testing.T) {
	s, _ := start(t)
	const n = 150
	browsers := make([]*apptest.Browser, n)
	for i := range browsers {
		browsers[i] = from(s.Browser(), fmt.Sprintf("198.51.%d.%d", i/200, i%200))
		browsers[i].Token()
	}
	done := make(chan struct{})
	var most uint64
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	var wg sync.WaitGroup
	var lost atomic.Int64
	for i, b := range browsers {
		wg.Go(func() {
			a := b.LogIn(fmt.Sprintf("user%d@example.com", i), wrong)
			if a.Status != http.StatusUnauthorized && (a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "") {
				lost.Add(1)
			}
		})
	}
	wg.Wait()
	close(done)
	watch.Wait()
	// Each hash takes 19 MiB; 150 at once would take 2.8 GiB.
	if most > 400<<20 || lost.Load() > 0 {
		t.Errorf("the heap grew to %d MiB, %d logins were lost", most>>20, lost.Load())
	}
}

func TestAttack45LogInjection(t *testing.T) {
	s, b := start(t)
	b.Header.Set("User-Agent", `evil","level":"INFO","msg":"request","user":"root`)
	b.Raw = true
	b.Get("/nothing%0a%7b%22level%22%3a%22INFO%22%7d")
	b.Get("/users/me")
	b.Do("PROPFIND", "/%0d%0ainjected", nil, "")
	for line := range strings.SplitSeq(strings.TrimSpace(s.Log.String()), "\n") {
		if !strings.HasPrefix(line, `{"time":`) || strings.Contains(line, "injected") || strings.Contains(line, `"user":"root"`) {
			t.Errorf("log line %s", line)
		}
	}
}
