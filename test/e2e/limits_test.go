//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// reply is an answer without its body.
type reply struct {
	status int
	header http.Header
}

const goodPassword = "quiet harbour lamp and rope"

// limits prepares a test of limits: none is used up, and no account stays.
func limits(t *testing.T) {
	t.Helper()
	ensureServing(t)
	forgetCounters(t)
	t.Cleanup(func() {
		query(t, "DELETE FROM users WHERE email LIKE 'limit-%@example.com'")
		forgetCounters(t)
	})
}

// TestAttack23to26GuessingIsBoundedAtTheEdgesAddresses: guesses are counted by
// network and by account, whatever a client says of itself, and nobody locks
// somebody else out (ASVS 6.3.1, 6.1.1).
func TestAttack23to26GuessingIsBoundedAtTheEdgesAddresses(t *testing.T) {
	limits(t)
	at := make([]*visitor, 8)
	for i := range at {
		at[i] = visitorFrom(t, neighbour(t, host4(t, byte(101+i))))
	}
	victim := "limit-victim@example.com"
	if r := at[7].signUp(victim); r.status != http.StatusAccepted {
		t.Fatalf("sign-up answers %d", r.status)
	}
	if got := at[7].logIn(victim); got != http.StatusOK {
		t.Fatalf("login answers %d", got)
	}
	guesses := func(v *visitor) (answered int) {
		t.Helper()
		for range 10 {
			if v.guess(victim) == http.StatusUnauthorized {
				answered++
			}
		}
		return answered
	}
	passed := guesses(at[0])
	if passed != 10 {
		t.Fatalf("%d guesses of ten are answered", passed)
	}
	r, _ := at[0].send(http.MethodPost, "/auth/login", map[string]string{"email": victim, "password": goodPassword})
	if after, err := strconv.Atoi(r.header.Get("Retry-After")); r.status != http.StatusTooManyRequests || err != nil || after < 1 {
		t.Errorf("the right password after ten guesses: status %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"} {
		at[0].header = http.Header{name: {"203.0.113.7"}}
		if name == "Forwarded" {
			at[0].header.Set(name, "for=203.0.113.7")
		}
		if got := at[0].guess(victim); got != http.StatusTooManyRequests {
			t.Errorf("with %s another guess answers %d", name, got)
		}
	}
	at[0].header = http.Header{}
	if got := at[0].guess("LIMIT-victim+again@EXAMPLE.com"); got != http.StatusTooManyRequests {
		t.Errorf("another spelling of the address answers %d", got)
	}
	for _, v := range at[1:6] {
		passed += guesses(v)
	}
	if got := at[6].guess(victim); got != http.StatusTooManyRequests || passed != 60 { // the owner's login was no guess
		t.Errorf("%d guesses from six networks are answered, and then one from a seventh with %d", passed, got)
	}
	if got := at[7].logInAgain(victim); got != http.StatusOK {
		t.Errorf("the owner, on a known device, is answered %d", got)
	}
	if got := at[6].guess("limit-other@example.com"); got != http.StatusUnauthorized {
		t.Errorf("another account is answered %d", got)
	}
}

// TestAttack25AnIPv6NetworkIsOneClient: addresses of one /64 share a counter.
func TestAttack25AnIPv6NetworkIsOneClient(t *testing.T) {
	limits(t)
	if !on(t).Address6.IsValid() {
		t.Fatal("the Engine gave the droplet's network no IPv6")
	}
	for i := range byte(11) {
		v := visitorFrom(t, neighbour(t, host6(t, i+1)))
		want := http.StatusUnauthorized
		if i == 10 {
			want = http.StatusTooManyRequests
		}
		if got := v.guess("limit-six@example.com"); got != want {
			t.Errorf("guess %d, from %s, is answered %d, want %d", i+1, host6(t, i+1), got, want)
		}
	}
}

// TestSignUpAndResetAreBoundedByNetwork: one network cannot flood the site with
// accounts or mails, and another one does not notice.
func TestSignUpAndResetAreBoundedByNetwork(t *testing.T) {
	limits(t)
	flood, other := visitorFrom(t, neighbour(t, host4(t, 111))), visitorFrom(t, neighbour(t, host4(t, 112)))
	for _, c := range []struct {
		path string
		max  int
		body func(i int) map[string]string
	}{
		{"/auth/signup", 60, func(i int) map[string]string {
			return map[string]string{"email": fmt.Sprintf("limit-%d@example.com", i), "password": goodPassword}
		}},
		{"/auth/password/forgot", 30, func(i int) map[string]string {
			return map[string]string{"email": fmt.Sprintf("limit-nobody-%d@example.com", i)}
		}},
	} {
		passed := 0
		for i := range c.max + 1 {
			if r, _ := flood.send(http.MethodPost, c.path, c.body(i)); r.status == http.StatusAccepted {
				passed++
			} else if r.status != http.StatusTooManyRequests {
				t.Fatalf("%s answers %d", c.path, r.status)
			}
		}
		if passed != c.max {
			t.Errorf("%s: %d passed, want %d", c.path, passed, c.max)
		}
		if r, _ := other.send(http.MethodPost, c.path, c.body(0)); r.status != http.StatusAccepted {
			t.Errorf("%s: another network is answered %d", c.path, r.status)
		}
	}
}

// TestAttack20to22NoAnswerTellsWhetherAnAccountExists (ASVS 6.3.8): known and
// unknown addresses get the same status, headers and body through the edge.
func TestAttack20to22NoAnswerTellsWhetherAnAccountExists(t *testing.T) {
	limits(t)
	v := visitorFrom(t, neighbour(t, host4(t, 121)))
	v.signUp("limit-known@example.com")
	const known = "limit-known@example.com"
	for i, path := range []string{"/auth/signup", "/auth/login", "/auth/password/forgot"} {
		seen := map[string]string{}
		unknown := fmt.Sprintf("limit-unknown-%d@example.com", i) // the sign-up makes it known
		for _, email := range []string{known, unknown} {
			body := map[string]string{"email": email, "password": "another quiet harbour lamp"}
			if path == "/auth/password/forgot" {
				delete(body, "password")
			}
			r, text := v.send(http.MethodPost, path, body)
			var told map[string]any
			if json.Unmarshal([]byte(text), &told) == nil {
				delete(told, "request_id")
				again, _ := json.Marshal(told) // it was just decoded
				text = string(again)
			}
			seen[email] = fmt.Sprint(r.status, slices.Sorted(maps.Keys(r.header)), text)
		}
		if seen[known] != seen[unknown] {
			t.Errorf("%s tells: %v", path, seen)
		}
	}
}

// TestAttack11to18CrossSiteRequestsAreRefusedAtTheEdge (ASVS 3.5.1): no browser
// that comes from elsewhere changes anything, whatever the edge adds.
func TestAttack11to18CrossSiteRequestsAreRefusedAtTheEdge(t *testing.T) {
	limits(t)
	v, thief := visitorFrom(t, neighbour(t, host4(t, 131))), visitorFrom(t, neighbour(t, host4(t, 132)))
	v.signUp("limit-csrf@example.com")
	if got := v.logIn("limit-csrf@example.com"); got != http.StatusOK {
		t.Fatalf("login answers %d", got)
	}
	change := func(name string, header http.Header, token string) {
		t.Helper()
		v.header, v.token = header, token
		if r, text := v.send(http.MethodPatch, "/users/me", map[string]string{"display_name": name}); r.status != http.StatusForbidden {
			t.Errorf("%s is answered %d %s", name, r.status, text)
		}
		v.header = http.Header{}
	}
	stale := v.token
	change("a token from before the login", nil, stale)
	change("somebody else's token", nil, thief.token)
	change("no token", nil, "")
	v.renew()
	good := v.token
	for name, header := range map[string]http.Header{
		"another site":     {"Sec-Fetch-Site": {"cross-site"}},
		"a subdomain":      {"Sec-Fetch-Site": {"same-site"}},
		"another origin":   {"Origin": {"https://evil.example"}},
		"origin null":      {"Origin": {"null"}},
		"plain http":       {"Origin": {"http://" + domain + ":8080"}},
		"a forwarded host": {"Origin": {"https://evil.example"}, "X-Forwarded-Host": {"evil.example"}},
	} {
		change(name, header, good)
	}
	v.token = good
	if r, text := v.send(http.MethodPatch, "/users/me", map[string]string{"display_name": "mine"}); r.status != http.StatusOK || !strings.Contains(text, "mine") {
		t.Errorf("the owner is answered %d %s", r.status, text)
	}
}

// TestAttack28LimitsHoldWithoutRedis: with Redis stopped, slow, and restarted
// while guesses come in, logins work, guesses stay bounded, nothing answers 5xx.
func TestAttack28LimitsHoldWithoutRedis(t *testing.T) {
	limits(t)
	v := visitorFrom(t, neighbour(t, host4(t, 141)))
	if r := v.signUp("limit-redis@example.com"); r.status != http.StatusAccepted {
		t.Fatalf("sign-up answers %d", r.status)
	}
	bounded := func(state, email string, most int) {
		t.Helper()
		passed := 0
		for range most + 5 {
			begin := time.Now()
			got := v.guess(email)
			if got == http.StatusUnauthorized {
				passed++
			} else if got != http.StatusTooManyRequests {
				t.Errorf("redis %s: a guess is answered %d", state, got)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("redis %s: an answer took %s", state, took)
			}
		}
		if passed == 0 || passed > most {
			t.Errorf("redis %s: %d guesses passed, want 1 to %d", state, passed, most)
		}
	}
	back := stopped(t, "redis")
	bounded("stopped", "limit-stopped@example.com", 5)
	if got := v.logIn("limit-redis@example.com"); got != http.StatusOK {
		t.Errorf("redis stopped: the right password is answered %d", got)
	}
	if r, _ := v.send(http.MethodGet, "/auth/google/start?return_to=/", nil); r.status != http.StatusFound || r.header.Get("Location") != "/login?error=google_unavailable" {
		t.Errorf("redis stopped: Google is answered %d, %s", r.status, r.header.Get("Location"))
	}
	v.leave()
	back()
	c := client(t)
	until(t, 30*time.Second, "redis is back", func() bool { return serves(t, c) })

	id := containers(t, "redis")
	onDroplet(t, "docker exec "+id+` sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli client pause 8000 ALL'`)
	bounded("slow", "limit-slow@example.com", 10)
	until(t, 30*time.Second, "redis is quick again", func() bool { return serves(t, c) })

	var restart sync.WaitGroup
	restart.Go(func() { onDroplet(t, "docker restart -t 1 "+id) })
	bounded("restarted", "limit-restart@example.com", 25) // ten before, five meanwhile, ten after: Redis forgets
	restart.Wait()
	until(t, 30*time.Second, "the site is ready again", func() bool { return serves(t, c) })
	if got := v.logIn("limit-redis@example.com"); got != http.StatusOK {
		t.Errorf("after all that the right password is answered %d", got)
	}
}
