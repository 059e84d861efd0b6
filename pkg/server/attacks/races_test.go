package attacks

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/server/apptest"
)

// atOnce runs something n times at the same moment and counts the answers.
func atOnce[A comparable](n int, do func(i int) A) map[A]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers, gate := map[A]int{}, make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			a := do(i)
			mu.Lock()
			defer mu.Unlock()
			answers[a]++
		})
	}
	close(gate)
	wg.Wait()
	return answers
}

func TestAttack113OneTokenManyAtOnce(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b := s.Browser()
	b.Enter("ada@example.com")
	token := s.Await(box, "ada@example.com", "Confirm", 1).Token(t)
	header := withToken(b)
	got := atOnce(6, func(int) int {
		same := b.Fresh()
		same.Cookies[session] = b.Cookies[session]
		return same.Do("PUT", "/users/me/verification", header, `{"token":"`+token+`"}`).Status
	})
	if got[http.StatusOK] != 1 || got[http.StatusBadRequest] != 5 {
		t.Errorf("%v", got)
	}
}

// Two identities and no password: of two that are unlinked at once, one stays.
func TestAttack114LastTwoWaysInUnlinkedAtOnce(t *testing.T) {
	s, p, b := withProvider(t)
	if at := b.ComeBack(p.Approve(b.Google("/"))); at != "/" {
		t.Fatalf("signing in led to %s", at)
	}
	p.Who = map[string]any{"sub": "1002", "email": "ada@work.example.com", "email_verified": true}
	link(t, b, p)
	var ids []string
	if err := s.DB.SQL.Select(&ids, `SELECT id FROM identities`); err != nil || len(ids) != 2 {
		t.Fatalf("%d identities, err %v", len(ids), err)
	}
	token := http.Header{"X-Csrf-Token": {b.Token()}}
	got := atOnce(2, func(i int) int {
		same := b.Fresh()
		same.Cookies[session] = b.Cookies[session]
		return same.Do("DELETE", "/users/me/identities/"+ids[i], token, "").Status
	})
	if got[http.StatusNoContent] != 1 || got[http.StatusConflict] != 1 {
		t.Errorf("%v", got)
	}
}

// A callback that comes many times at once is one login.
func TestAttack115OneCallbackManyAtOnce(t *testing.T) {
	s, p, b := withProvider(t)
	back := p.Approve(b.Google("/")).Encode()
	got := atOnce(6, func(int) string {
		same := b.Fresh()
		same.Cookies["__Host-oauth"] = b.Cookies["__Host-oauth"]
		return same.Get("/auth/google/callback?" + back).Header.Get("Location")
	})
	if got["/"] != 1 || got["/login?error=google_expired"] != 5 {
		t.Errorf("%v", got)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM sessions`); err != nil || n != 1 {
		t.Errorf("%d sessions, err %v", n, err)
	}
}

// Two users link the same person at once: one has it, the other is told so.
func TestAttack116OneIdentityForTwoUsersAtOnce(t *testing.T) {
	s, p, _ := withProvider(t)
	var browsers [2]*apptest.Browser
	var backs [2]string
	for i := range browsers {
		browsers[i] = s.Browser()
		browsers[i].Enter(fmt.Sprintf("user%d@example.com", i))
		var to struct{ URL string }
		browsers[i].Send("POST", "/users/me/identities/google", nil).Into(t, http.StatusOK, &to)
		backs[i] = p.Approve(to.URL).Encode()
	}
	got := atOnce(2, func(i int) string {
		return browsers[i].Get("/auth/google/callback?" + backs[i]).Header.Get("Location")
	})
	if got["/account?linked=google"] != 1 || len(got) != 2 {
		t.Errorf("%v", got)
	}
	for at := range got {
		if strings.HasPrefix(at, "/login") {
			t.Errorf("somebody who is logged in was led to %s", at)
		}
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM identities`); err != nil || n != 1 {
		t.Errorf("%d identities, err %v", n, err)
	}
}

// Of two password changes at once one holds, and one session is left.
func TestAttack117TwoPasswordChangesAtOnce(t *testing.T) {
	s, b := start(t)
	b.Enter("ada@example.com")
	thief := b.Fresh()
	thief.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
	both := []*apptest.Browser{b, thief}
	headers := []http.Header{withToken(b), withToken(thief)}
	got := atOnce(2, func(i int) int {
		return both[i].Do("PUT", "/users/me/password", headers[i], fmt.Sprintf(`{"current_password":%q,"new_password":"%s-%d"}`, apptest.GoodPassword, next, i)).Status
	})
	if got[http.StatusNoContent] != 1 {
		t.Errorf("%v", got)
	}
	var n int
	if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM sessions`); err != nil || n != 1 {
		t.Errorf("%d sessions, err %v", n, err)
	}
}

// A reset and a change of one password that meet both get an answer: neither
// holds what the other waits for.
func TestAttack133ResetMeetsAPasswordChange(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	s.Start("api", "worker")
	b := s.Browser()
	b.Enter("ada@example.com")
	header := withToken(b)
	s.Browser().Send("POST", "/auth/password/forgot", map[string]string{"email": "ada@example.com"}).Want(t, http.StatusAccepted)
	token := s.Await(box, "ada@example.com", "Choose a new password", 1).Token(t)

	held, err := s.DB.SQL.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback() }()
	if _, err := held.Exec(`SELECT 1 FROM users FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	statuses := make(chan int, 2)
	for i, ask := range []func() apptest.Answer{
		func() apptest.Answer {
			return b.Do("PUT", "/users/me/password", header, fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, apptest.GoodPassword, next))
		},
		func() apptest.Answer {
			return s.Browser().Send("POST", "/auth/password/reset", map[string]string{"token": token, "password": "another-good-one-93"})
		},
	} {
		go func() { statuses <- ask().Status }()
		waiting(t, s, i+1)
	}
	if err := held.Commit(); err != nil {
		t.Fatal(err)
	}
	got := map[int]int{<-statuses: 1}
	got[<-statuses]++
	// Whichever comes first makes the other one's proof worthless.
	if got[http.StatusNoContent] != 1 || got[http.StatusBadRequest]+got[http.StatusUnauthorized] != 1 {
		t.Errorf("%v", got)
	}
}

// waiting waits until so many statements wait for a lock in the database.
func waiting(t *testing.T, s *apptest.Site, want int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n int
		if err := s.DB.SQL.Get(&n, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`); err != nil {
			t.Fatal(err)
		}
		if n >= want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d statements wait, want %d", n, want)
		}
	}
}

// A login through a provider and an unlinking that meet both get an answer:
// neither holds what the other waits for.
func TestAttack139LoginMeetsAnUnlinking(t *testing.T) {
	s, p, b := withProvider(t)
	b.Enter("ada@example.com")
	link(t, b, p)
	var id string
	if err := s.DB.SQL.Get(&id, `SELECT id FROM identities`); err != nil {
		t.Fatal(err)
	}
	header, other := withToken(b), s.Browser()
	back := p.Approve(other.Google("/")).Encode()

	held, err := s.DB.SQL.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback() }()
	if _, err := held.Exec(`SELECT 1 FROM users FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	unlinked, came := make(chan int, 1), make(chan string, 1)
	go func() { unlinked <- b.Do("DELETE", "/users/me/identities/"+id, header, "").Status }()
	waiting(t, s, 1)
	go func() { came <- other.Get("/auth/google/callback?" + back).Header.Get("Location") }()
	waiting(t, s, 2)
	if err := held.Commit(); err != nil {
		t.Fatal(err)
	}
	// The unlinking comes first: the identity is nobody's, and its address is known.
	if got := <-unlinked; got != http.StatusNoContent {
		t.Errorf("unlinking: %d", got)
	}
	if got := <-came; got != "/login?error=google_known" {
		t.Errorf("the login led to %s", got)
	}
}
