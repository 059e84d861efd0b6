package attacks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

const device = "__Host-device"

// asked is what one request of each kind is answered, without its id.
func asked(b *apptest.Browser, email string) string {
	var all strings.Builder
	for _, a := range []apptest.Answer{
		b.LogIn(email, wrong),
		b.Send("POST", "/auth/password/forgot", map[string]string{"email": email}),
		b.Send("POST", "/auth/signup", map[string]string{"email": email, "password": next}),
	} {
		fmt.Fprintln(&all, a.Status, a.Header["Set-Cookie"], requestID.ReplaceAllString(string(a.Body), ""))
	}
	return all.String()
}

// Whoever uses a limit up, from afar or from a network that the owner shares,
// gets the same answers for an address with an account as for one without.
func TestAttack147LimitsTellAccountsApart(t *testing.T) {
	s, _ := start(t)
	const shared = "203.0.113.7"
	home := from(s.Browser(), shared)
	home.Enter("ada@example.com")
	if home.Cookies[device] == "" {
		t.Fatal("the device is not remembered")
	}
	exhaust := func(email string) {
		for i := range 70 {
			at := from(s.Browser(), fmt.Sprintf("198.51.100.%d", i))
			at.LogIn(email, wrong)
			at.Send("POST", "/auth/password/forgot", map[string]string{"email": email})
		}
	}
	exhaust("ada@example.com")
	exhaust("nobody@example.com")
	for _, network := range []string{shared, "192.0.2.1"} {
		stranger := func() *apptest.Browser { return from(s.Browser(), network) }
		if known, unknown := asked(stranger(), "ada@example.com"), asked(stranger(), "nobody@example.com"); known != unknown {
			t.Errorf("from %s\nknown:\n%s\nunknown:\n%s", network, known, unknown)
		}
	}
	home.LogIn("ada@example.com", apptest.GoodPassword).Want(t, http.StatusOK)
}

// A device's mark is bound to the address, the device and the day, and signed.
func TestAttack148DeviceMadeUp(t *testing.T) {
	s, b := start(t)
	owner, eve := s.Browser(), s.Browser()
	owner.Enter("ada@example.com")
	eve.Enter("ada+eve@example.com")
	guess(t, 70, func(i int) apptest.Answer {
		return from(b, fmt.Sprintf("198.51.100.%d", i)).LogIn("ada@example.com", wrong)
	})
	id, marks, _ := strings.Cut(owner.Cookies[device], ".")
	evesID, evesMarks, _ := strings.Cut(eve.Cookies[device], ".")
	_, sum, _ := strings.Cut(marks, "-")
	for what, cookie := range map[string]string{
		"another spelling's device": eve.Cookies[device],
		"another device's ID":       evesID + "." + marks,
		"another user's mark":       id + "." + evesMarks,
		"a mark of another day":     id + ".zzzz-" + sum,
		"no mark":                   id,
		"an empty mark":             id + ".-",
		"too many marks":            id + strings.Repeat("."+marks, 9),
		"no device":                 "x." + marks,
	} {
		forger := from(s.Browser(), "192.0.2.9")
		forger.Cookies[device] = cookie
		if a := forger.LogIn("ada@example.com", wrong); a.Status != http.StatusTooManyRequests {
			t.Errorf("%s: status %d", what, a.Status)
		}
	}
	// The device's own budget is bounded as well, and opens nothing.
	thief := from(s.Browser(), "192.0.2.10")
	thief.Cookies[device] = owner.Cookies[device]
	thief.Get("/users/me").Want(t, http.StatusUnauthorized)
	if n := guess(t, 30, func(i int) apptest.Answer {
		return from(thief, fmt.Sprintf("192.0.2.%d", 10+i)).LogIn("ada@example.com", wrong)
	}); n != 10 {
		t.Errorf("%d guesses on a device", n)
	}
}
