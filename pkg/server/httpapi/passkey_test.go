package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

// What a user does with passkeys.
const (
	logIn  = "/auth/passkey"
	enter  = "/auth/login/passkey"
	proof  = "/users/me/proof/passkey"
	mine   = "/users/me/passkeys"
	nobody = "00000000-0000-4000-8000-000000000000"
)

type passkeys struct {
	Passkeys []struct {
		ID, Name string
		UsedAt   string `json:"used_at"`
		Suspect  bool
		Synced   bool
	}
}

func listed(t *testing.T, b *apptest.Browser) passkeys {
	t.Helper()
	var out passkeys
	b.Get(mine).Into(t, http.StatusOK, &out)
	return out
}

// age makes the proofs of all sessions old.
func age(t *testing.T, s *apptest.Site) {
	t.Helper()
	if _, err := s.DB.SQL.Exec(`UPDATE sessions SET created_at = now() - interval '11 minutes', proven_at = NULL`); err != nil {
		t.Fatal(err)
	}
}

func TestPasskeyFromTheFirstToTheLast(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	other := s.Browser()
	other.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	b.Send("POST", proof+"/options", nil).Want(t, http.StatusConflict) // there is none
	asked := b.Ask(mine)
	if asked.RP.ID != apptest.Domain || asked.User.Name != "ada@example.com" {
		t.Errorf("%+v", asked)
	}
	key, added := b.AddPasskey("Laptop")
	if len(added.Codes) != 10 || added.Passkey.Name != "Laptop" || added.Passkey.Synced {
		t.Errorf("%+v", added)
	}
	other.Get("/users/me").Want(t, http.StatusUnauthorized) // the first factor ends the others
	second, more := b.AddPasskey("Phone")
	if len(more.Codes) != 0 {
		t.Error("a second passkey brings recovery codes")
	}
	if asked := b.Ask(mine); len(asked.Exclude) != 2 {
		t.Errorf("%d of 2 passkeys are excluded", len(asked.Exclude))
	}

	var me struct {
		Email      string
		Factor     bool `json:"second_factor"`
		HasPasskey bool `json:"has_passkey"`
	}
	alone := s.Browser()
	alone.UsePasskey(logIn, key).Into(t, http.StatusOK, &me)
	if me.Email != "ada@example.com" || !me.Factor || !me.HasPasskey {
		t.Errorf("%+v", me)
	}
	half := s.Browser()
	if a := half.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized); a.Problem() != "second-factor" {
		t.Fatalf("%s", a.Body)
	}
	if asked := half.Ask(enter); len(asked.AllowCredentials) != 2 || asked.UserVerification != "required" {
		t.Errorf("%+v", asked)
	}
	half.UsePasskey(enter, second).Want(t, http.StatusOK)
	half.Get("/users/me").Want(t, http.StatusOK)
	half.Send("POST", enter+"/options", nil).Want(t, http.StatusUnauthorized) // nothing waits any more
	half.Send("POST", enter, second.Sign(apptest.Asked{Challenge: "x"})).Want(t, http.StatusUnauthorized)

	have := listed(t, b).Passkeys
	if len(have) != 2 || have[0].Name != "Laptop" || have[0].UsedAt == "" || have[1].Suspect {
		t.Fatalf("%+v", have)
	}
	b.Send("PATCH", mine+"/"+have[0].ID, map[string]string{"name": "Old laptop"}).Want(t, http.StatusNoContent)
	b.Send("PATCH", mine+"/"+nobody, map[string]string{"name": "x"}).Want(t, http.StatusNotFound)
	b.Send("PATCH", mine+"/"+have[0].ID, map[string]string{"name": " "}).Want(t, http.StatusBadRequest)
	b.Send("DELETE", mine+"/"+nobody, nil).Want(t, http.StatusNotFound)
	b.Send("DELETE", mine+"/no-id", nil).Want(t, http.StatusBadRequest)
	for _, p := range listed(t, b).Passkeys {
		b.Send("DELETE", mine+"/"+p.ID, nil).Want(t, http.StatusNoContent)
	}
	s.Browser().UsePasskey(logIn, key).Want(t, http.StatusUnauthorized)
	s.Browser().LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK) // no second factor is left
	if _, codes := factorOf(t, b); codes != 0 {
		t.Errorf("%d recovery codes are left without a factor", codes)
	}
	events(t, s, map[string]int{"passkey.add": 2, "passkey.remove": 3, "passkey.rename": 2})
}

// events counts audit events by action.
func events(t *testing.T, s *apptest.Site, want map[string]int) {
	t.Helper()
	for action, n := range want {
		var got int
		if err := s.DB.SQL.Get(&got, `SELECT count(*) FROM audit_events WHERE action = $1`, action); err != nil || got != n {
			t.Errorf("%d events %s, want %d, err %v", got, action, n, err)
		}
	}
}

func TestStepUpByPasskey(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	key, _ := b.AddPasskey("Laptop")
	id := listed(t, b).Passkeys[0].ID
	age(t, s)
	for _, c := range [][2]string{{"POST", mine + "/options"}, {"DELETE", mine + "/" + id}, {"POST", "/users/me/factor"}} {
		if a := b.Send(c[0], c[1], nil).Want(t, http.StatusConflict); a.Problem() != "step-up" {
			t.Errorf("%s %s: %s", c[0], c[1], a.Body)
		}
	}
	b.Send("POST", mine, apptest.NewKey(t).Make("x", apptest.Asked{Challenge: "x", User: struct{ ID, Name string }{ID: "eA"}})).Want(t, http.StatusConflict)
	b.Send("POST", "/users/me/proof", map[string]string{"password": apptest.GoodPassword}).Want(t, http.StatusBadRequest)
	b.UsePasskey(proof, key).Want(t, http.StatusNoContent)
	app := b.SetUpFactor() // the app beside the passkey
	b.Send("DELETE", "/users/me/factor", nil).Want(t, http.StatusNoContent)
	if _, codes := factorOf(t, b); codes != 10 {
		t.Errorf("%d recovery codes are left of a user with a passkey", codes)
	}
	other := s.Browser()
	other.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	other.EnterCode(app.Recovery[0]).Want(t, http.StatusOK)
	b.Send("DELETE", mine+"/"+id, nil).Want(t, http.StatusNoContent)
}

func TestPasskeyIsAskedOfWhoHasOne(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	b.SetUpFactor()
	half := s.Browser()
	half.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	half.Send("POST", enter+"/options", nil).Want(t, http.StatusConflict)
}

func TestPasskeyAsTheLastWayIn(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	key, _ := b.AddPasskey("Laptop")
	if _, err := s.DB.SQL.Exec(`UPDATE users SET password_hash = NULL, is_staff = true`); err != nil {
		t.Fatal(err)
	}
	id := listed(t, b).Passkeys[0].ID
	if a := b.Send("DELETE", mine+"/"+id, nil).Want(t, http.StatusConflict); !strings.Contains(string(a.Body), "staff") {
		t.Errorf("%s", a.Body)
	}
	if _, err := s.DB.SQL.Exec(`UPDATE users SET is_staff = false`); err != nil {
		t.Fatal(err)
	}
	if a := b.Send("DELETE", mine+"/"+id, nil).Want(t, http.StatusConflict); !strings.Contains(string(a.Body), "last way in") {
		t.Errorf("%s", a.Body)
	}
	s.Browser().UsePasskey(logIn, key).Want(t, http.StatusOK)
	b.Send("DELETE", "/users/me", map[string]string{}).Want(t, http.StatusNoContent)
	var left int
	if err := s.DB.SQL.Get(&left, `SELECT count(*) FROM passkeys`); err != nil || left != 0 {
		t.Errorf("%d passkeys are left of a deleted account, err %v", left, err)
	}
}

func TestPasskeysHaveABound(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	b.AddPasskey("first")
	asked := b.Ask(mine)
	if _, err := s.DB.SQL.Exec(`INSERT INTO passkeys (user_id, key_id, public_key, sign_count, flags, name)
		SELECT user_id, sha256(n::text::bytea), public_key, 0, 0, n::text FROM passkeys, generate_series(2, 20) n`); err != nil {
		t.Fatal(err)
	}
	b.Send("POST", mine+"/options", nil).Want(t, http.StatusConflict)
	b.Send("POST", mine, apptest.NewKey(t).Make("one more", asked)).Want(t, http.StatusConflict)
}

func TestPasskeysHaveLimits(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	key, _ := b.AddPasskey("Laptop")
	half, visitor := s.Browser(), s.Browser()
	half.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	until := func(what string, most int, try func() apptest.Answer) {
		t.Helper()
		for range most + 1 {
			if try().Status == http.StatusTooManyRequests {
				return
			}
		}
		t.Errorf("%s: no limit after %d", what, most)
	}
	// The token of one request is good for the next: asking for it each time takes longer.
	post := func(b *apptest.Browser, path string, body string) func() apptest.Answer {
		header := http.Header{"X-Csrf-Token": {b.Token()}, "Content-Type": {"application/json"}}
		return func() apptest.Answer { return b.Do("POST", path, header, body) }
	}
	const lie = `{"id":"eA","client_data":"eA","authenticator_data":"eA","signature":"eA"}`
	until("enter", 10, post(half, enter, lie))
	until("prove", 10, post(b, proof, lie))
	other := s.Browser()
	other.UsePasskey(logIn, key).Want(t, http.StatusOK)
	until("add", 10, post(other, mine, `{"name":"x","id":"eA","client_data":"eA","attestation":"eA"}`))
	until("log in", 200, post(visitor, logIn, lie))
	until("ask to log in", 60, post(visitor, logIn+"/options", ""))
	post(half, enter+"/options", "")().Want(t, http.StatusTooManyRequests)
	post(b, proof+"/options", "")().Want(t, http.StatusTooManyRequests)
	post(b, mine+"/options", "")().Want(t, http.StatusTooManyRequests)
}

func TestPasskeysWithoutRedis(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	key, _ := b.AddPasskey("Laptop")
	half, visitor := s.Browser(), s.Browser()
	half.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized)
	asked := visitor.Ask(logIn)
	s.Redis.Stop()
	visitor.Send("POST", logIn+"/options", nil).Want(t, http.StatusServiceUnavailable)
	visitor.Send("POST", logIn, key.Sign(asked)).Want(t, http.StatusServiceUnavailable)
	half.Send("POST", enter+"/options", nil).Want(t, http.StatusServiceUnavailable)
	b.Send("POST", proof+"/options", nil).Want(t, http.StatusServiceUnavailable)
	b.Send("POST", mine+"/options", nil).Want(t, http.StatusServiceUnavailable)
	visitor.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusUnauthorized) // the password still works
}

func TestNamesOfPasskeysHaveALimit(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	b.AddPasskey("Laptop")
	id := listed(t, b).Passkeys[0].ID
	usedUp(t, s)
	b.Send("PATCH", mine+"/"+id, map[string]string{"name": "x"}).Want(t, http.StatusTooManyRequests)
	b.Send("DELETE", mine+"/"+nobody, nil).Want(t, http.StatusTooManyRequests)
	b.Send("DELETE", mine+"/"+id, nil).Want(t, http.StatusNoContent) // an owner can always take a way in away
}
