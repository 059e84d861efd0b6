package attacks

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

const (
	passkeyLogIn = "/auth/passkey"
	passkeyEnter = "/auth/login/passkey"
	passkeyProof = "/users/me/proof/passkey"
	passkeyMine  = "/users/me/passkeys"
)

// withPasskey is a user with a passkey.
func withPasskey(t *testing.T, s *apptest.Site, email string) (*apptest.Browser, *apptest.Key) {
	t.Helper()
	b := s.Browser()
	b.Enter(email)
	key, _ := b.AddPasskey("Laptop")
	return b, key
}

// An answer is good once, in the browser that was asked, for what it was asked for,
// for a while; many at once count as one.
func TestAttack162AnswersOfPasskeysReplayedAndMoved(t *testing.T) {
	s, b := start(t)
	owner, key := withPasskey(t, s, "ada@example.com")
	eve, _ := withPasskey(t, s, "eve@example.com")
	answer := key.Sign(b.Ask(passkeyLogIn))
	s.Browser().Send("POST", passkeyLogIn, answer).Want(t, http.StatusUnauthorized) // another browser: it has used it up
	b.Send("POST", passkeyLogIn, answer).Want(t, http.StatusUnauthorized)

	answer = key.Sign(b.Ask(passkeyLogIn))
	header, in := withToken(b), atomic.Int64{}
	var wg sync.WaitGroup
	for range 5 {
		again := b.Fresh()
		again.Cookies = map[string]string{"__Host-visitor": b.Cookies["__Host-visitor"]}
		wg.Go(func() {
			if again.Do("POST", passkeyLogIn, header, asJSON(t, answer)).Status == http.StatusOK {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("one answer let %d logins in", in.Load())
	}
	for what, c := range map[string]struct {
		asks, gets *apptest.Browser
		ask, get   string
		want       int
	}{
		"a proof as a login":            {owner, s.Browser(), passkeyProof, passkeyLogIn, http.StatusUnauthorized},
		"a login as a proof":            {s.Browser(), owner, passkeyLogIn, passkeyProof, http.StatusBadRequest},
		"a proof in another's session":  {owner, eve, passkeyProof, passkeyProof, http.StatusBadRequest},
		"a login as a second step":      {s.Browser(), halfIn(t, s, "ada@example.com"), passkeyLogIn, passkeyEnter, http.StatusBadRequest},
		"another login's second step":   {halfIn(t, s, "ada@example.com"), halfIn(t, s, "ada@example.com"), passkeyEnter, passkeyEnter, http.StatusBadRequest},
		"a second step as a login":      {halfIn(t, s, "ada@example.com"), s.Browser(), passkeyEnter, passkeyLogIn, http.StatusUnauthorized},
		"what is asked for a new key":   {owner, owner, passkeyMine, passkeyProof, http.StatusBadRequest},
		"another's key in the own step": {halfIn(t, s, "eve@example.com"), halfIn(t, s, "eve@example.com"), passkeyEnter, passkeyEnter, http.StatusBadRequest},
	} {
		if a := c.gets.Send("POST", c.get, key.Sign(c.asks.Ask(c.ask))); a.Status != c.want {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	late := s.Browser()
	asked := late.Ask(passkeyLogIn)
	rdb := goredis.NewClient(&goredis.Options{Addr: s.Redis.Addr, Password: testdb.RedisPassword})
	defer func() { _ = rdb.Close() }()
	keys, err := rdb.Keys(t.Context(), "once:passkey:*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d questions are kept, %v", len(keys), err)
	}
	for _, k := range keys {
		if left := rdb.TTL(t.Context(), k).Val(); left <= 0 || left.Minutes() > 5 {
			t.Errorf("a question is kept for %s", left)
		}
	}
	rdb.Del(t.Context(), keys...)
	late.Send("POST", passkeyLogIn, key.Sign(asked)).Want(t, http.StatusUnauthorized)
	b.UsePasskey(passkeyLogIn, key).Want(t, http.StatusOK)
}

// An answer that another site was given, that no person was verified for, or whose
// signature is of something else opens nothing.
func TestAttack163AnswersOfPasskeysMadeElsewhere(t *testing.T) {
	s, _ := start(t)
	owner, key := withPasskey(t, s, "ada@example.com")
	for what, lie := range map[string]func(k *apptest.Key){
		"another site":             func(k *apptest.Key) { k.Origin = "https://site.example.com.evil.example" },
		"a subdomain":              func(k *apptest.Key) { k.Origin = "https://user.site.example.com" },
		"without TLS":              func(k *apptest.Key) { k.Origin = "http://site.example.com" },
		"another port":             func(k *apptest.Key) { k.Origin = "https://site.example.com:8443" },
		"another party":            func(k *apptest.Key) { k.Party = "evil.example" },
		"nobody verified":          func(k *apptest.Key) { k.Unverified = true },
		"another user":             func(k *apptest.Key) { k.Handle = []byte("00000000-0000-4000-8000-000000000000") },
		"no user":                  func(k *apptest.Key) { k.Handle = nil },
		"another pair":             func(k *apptest.Key) { k.Pair = apptest.NewKey(t).Pair },
		"a challenge of their own": func(k *apptest.Key) { k.Challenge = base64.RawURLEncoding.EncodeToString(make([]byte, 32)) },
	} {
		liar := *key
		lie(&liar)
		b := s.Browser()
		answer := liar.Sign(b.Ask(passkeyLogIn))
		if liar.Handle == nil {
			delete(answer, "user_handle")
		}
		if a := b.Send("POST", passkeyLogIn, answer); a.Status != http.StatusUnauthorized || b.Cookies[session] != "" {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	for what, lie := range map[string]func(k *apptest.Key){
		"another site":    func(k *apptest.Key) { k.Origin = "https://evil.example" },
		"another party":   func(k *apptest.Key) { k.Party = "evil.example" },
		"nobody verified": func(k *apptest.Key) { k.Unverified = true },
	} {
		made := apptest.NewKey(t)
		lie(made)
		if a := owner.Send("POST", passkeyMine, made.Make(what, owner.Ask(passkeyMine))); a.Status != http.StatusBadRequest {
			t.Errorf("a new passkey, %s: %d %s", what, a.Status, a.Body)
		}
	}
	// The host that a request names decides nothing.
	poisoned := s.Browser()
	poisoned.Raw = true
	poisoned.Header.Set("Host", "evil.example")
	poisoned.Header.Set("X-Forwarded-Host", "evil.example")
	if asked := poisoned.Ask(passkeyLogIn); asked.RPID != apptest.Domain || asked.UserVerification != "required" {
		t.Errorf("asked for %+v", asked)
	}
}

// A copy of a passkey is found by its count, and opens nothing from then on, nor does
// the original; the owner is told and gets in another way.
func TestAttack164CopiedPasskey(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b, key := withPasskey(t, s, "ada@example.com")
	theirs := *key
	s.Browser().UsePasskey(passkeyLogIn, key).Want(t, http.StatusOK)
	s.Browser().UsePasskey(passkeyLogIn, &theirs).Want(t, http.StatusUnauthorized)
	s.Browser().UsePasskey(passkeyLogIn, &theirs).Want(t, http.StatusUnauthorized)
	s.Browser().UsePasskey(passkeyLogIn, key).Want(t, http.StatusUnauthorized)
	halfIn(t, s, "ada@example.com").UsePasskey(passkeyEnter, key).Want(t, http.StatusBadRequest)
	b.UsePasskey(passkeyProof, key).Want(t, http.StatusBadRequest)
	var have struct{ Passkeys []struct{ Suspect bool } }
	b.Get(passkeyMine).Into(t, http.StatusOK, &have)
	if len(have.Passkeys) != 1 || !have.Passkeys[0].Suspect {
		t.Errorf("%+v", have)
	}
	s.Await(box, "ada@example.com", "may have been copied", 1)
	var events int
	if err := s.DB.SQL.Get(&events, `SELECT count(*) FROM audit_events WHERE result = 'refused' AND detail->>'reason' = 'copied'`); err != nil || events != 1 {
		t.Errorf("%d events of a copy, %v", events, err)
	}
	// One that does not count is never taken for a copy.
	quiet := apptest.NewKey(t)
	quiet.Count = 0
	b.Send("POST", passkeyMine, quiet.Make("synced", b.Ask(passkeyMine))).Want(t, http.StatusOK)
	for range 2 {
		s.Browser().UsePasskey(passkeyLogIn, quiet).Want(t, http.StatusOK)
	}
}

// Nothing about a login with a passkey tells whether there is an account, or why an
// answer was refused.
func TestAttack165PasskeysTellNothingAboutAccounts(t *testing.T) {
	s, _ := start(t)
	_, key := withPasskey(t, s, "ada@example.com")
	_, shut := withPasskey(t, s, "bea@example.com")
	if _, err := s.DB.SQL.Exec(`UPDATE users SET disabled_at = now() WHERE email = 'bea@example.com'`); err != nil {
		t.Fatal(err)
	}
	unknown, forged, gone := apptest.NewKey(t), *key, *shut
	unknown.Handle, forged.Pair, gone.Pair = key.Handle, apptest.NewKey(t).Pair, apptest.NewKey(t).Pair
	for what, k := range map[string]*apptest.Key{"a key that nobody has": unknown, "a forged answer": &forged, "a shut account": shut, "a shut account, forged": &gone} {
		b := s.Browser()
		asked := b.Ask(passkeyLogIn)
		if len(asked.AllowCredentials) != 0 {
			t.Errorf("the question names keys: %+v", asked)
		}
		a := b.Send("POST", passkeyLogIn, k.Sign(asked)).Want(t, http.StatusUnauthorized)
		if a.Problem() != "invalid-credentials" || !strings.Contains(string(a.Body), "The passkey was not accepted.") {
			t.Errorf("%s: %s", what, a.Body)
		}
	}
}

// A passkey that somebody left in an account opens nothing after its owner's reset:
// it is gone where the address was never proven, else a second factor alone, which
// the reset does not lead past.
func TestAttack166PasskeysLeftBehindBeforeAReset(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	_, planted := withPasskey(t, s, "bea@example.com")
	reset := func(n int, password string) {
		t.Helper()
		s.Browser().Send("POST", "/auth/password/forgot", map[string]string{"email": "bea@example.com"}).Want(t, http.StatusAccepted)
		letter := s.Await(box, "bea@example.com", "Choose a new password", n)
		s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": letter.Token(t), "password": password}).Want(t, http.StatusNoContent)
	}
	reset(1, next)
	s.Browser().UsePasskey(passkeyLogIn, planted).Want(t, http.StatusUnauthorized)
	owner := s.Browser()
	owner.LogIn("bea@example.com", next).Want(t, http.StatusOK)

	// Proven now, and time has passed: the mailbox has room again.
	if _, err := s.DB.SQL.Exec(`DELETE FROM mailboxes`); err != nil {
		t.Fatal(err)
	}
	key, _ := owner.AddPasskey("Laptop")
	reset(2, "violet-harbour-78-comet")
	s.Browser().UsePasskey(passkeyLogIn, key).Want(t, http.StatusUnauthorized)
	half := s.Browser()
	if a := half.LogIn("bea@example.com", "violet-harbour-78-comet").Want(t, http.StatusUnauthorized); a.Problem() != "second-factor" {
		t.Fatalf("the reset leads past the passkey: %s", a.Body)
	}
	half.UsePasskey(passkeyEnter, key).Want(t, http.StatusOK)
	s.Browser().UsePasskey(passkeyLogIn, key).Want(t, http.StatusOK) // used beside the new password
}

// A passkey is one account's: its key cannot be added to a second one, and nobody
// changes another's.
func TestAttack167PasskeysOfOthers(t *testing.T) {
	s, _ := start(t)
	ada, key := withPasskey(t, s, "ada@example.com")
	eve, _ := withPasskey(t, s, "eve@example.com")
	stolen := apptest.NewKey(t)
	stolen.ID = key.ID
	eve.Send("POST", passkeyMine, stolen.Make("mine now", eve.Ask(passkeyMine))).Want(t, http.StatusConflict)
	var have struct{ Passkeys []struct{ ID, Name string } }
	ada.Get(passkeyMine).Into(t, http.StatusOK, &have)
	eve.Send("DELETE", passkeyMine+"/"+have.Passkeys[0].ID, nil).Want(t, http.StatusNotFound)
	eve.Send("PATCH", passkeyMine+"/"+have.Passkeys[0].ID, map[string]string{"name": "x"}).Want(t, http.StatusNotFound)
	ada.Get(passkeyMine).Into(t, http.StatusOK, &have)
	if len(have.Passkeys) != 1 || have.Passkeys[0].Name != "Laptop" {
		t.Errorf("%+v", have)
	}
	s.Browser().UsePasskey(passkeyLogIn, key).Want(t, http.StatusOK)
}

// The last two ways in go at once, a passkey and an identity: whoever waits for the
// other sees what is left, and refuses.
func TestAttack168LastPasskeyAndLastIdentityAtOnce(t *testing.T) {
	s, p, b := withProvider(t)
	b.ComeBack(p.Approve(b.Google("/"))) // an account without a password
	b.AddPasskey("Laptop")
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM identities`); err != nil {
		t.Fatal(err)
	}
	tx, err := s.DB.SQL.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SELECT FROM users FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	header, got := http.Header{"X-Csrf-Token": {b.Token()}}, make(chan int, 1)
	go func() { got <- b.Do("DELETE", "/users/me/identities/"+id, header, "").Status }()
	s.Wait("the unlinking to wait for the removal", func() bool {
		var waiting int
		err := s.DB.SQL.Get(&waiting, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
		return err == nil && waiting > 0
	})
	if _, err := tx.Exec(`DELETE FROM passkeys`); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if status := <-got; status != http.StatusConflict {
		t.Errorf("the last way in was unlinked: %d", status)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
