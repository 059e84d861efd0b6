//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// visitor is one browser-like client with an address of its own.
type visitor struct {
	t      *testing.T
	c      *http.Client
	token  string
	header http.Header
}

// bridge is this machine's interface on the droplet's network.
func bridge(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == on(t).Gateway {
				return i.Name
			}
		}
	}
	t.Fatalf("no interface has the address %s", on(t).Gateway)
	return ""
}

// neighbour adds a further address to this machine beside the droplet, for the
// time of a test: the edge sees it as another client.
func neighbour(t *testing.T, address netip.Addr) netip.Addr {
	t.Helper()
	device, prefix := bridge(t), netip.PrefixFrom(address, address.BitLen()).String()
	args := []string{"addr", "add", prefix, "dev", device}
	if address.Is6() {
		args = append(args, "nodad")
	}
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v\n%s", args, err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "addr", "del", prefix, "dev", device).CombinedOutput(); err != nil {
			t.Errorf("take %s away: %v\n%s", prefix, err, out)
		}
	})
	return address
}

// host4 is an address on the droplet's network.
func host4(t *testing.T, n byte) netip.Addr {
	raw := on(t).Subnet.Addr().As4()
	raw[3] = n
	return netip.AddrFrom4(raw)
}

// host6 is an address in the /64 of the droplet.
func host6(t *testing.T, n byte) netip.Addr {
	raw := on(t).Address6.As16()
	raw[8], raw[15] = n, n
	return netip.AddrFrom16(raw)
}

// visitorFrom is a client at an address of this machine.
func visitorFrom(t *testing.T, from netip.Addr) *visitor {
	t.Helper()
	to := on(t).Address
	if from.Is6() {
		to = on(t).Address6
	}
	transport := client(t).Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
		return d.DialContext(ctx, network, net.JoinHostPort(to.String(), port))
	}
	t.Cleanup(transport.CloseIdleConnections)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, header: http.Header{}, c: &http.Client{Transport: transport, Jar: jar, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	v.renew()
	return v
}

// renew fetches the CSRF token that a login makes stale.
func (v *visitor) renew() {
	v.t.Helper()
	_, body := v.send(http.MethodGet, "/auth/csrf", nil)
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Token == "" {
		v.t.Fatalf("no CSRF token: %s", body)
	}
	v.token = answer.Token
}

func (v *visitor) send(method, path string, body any) (reply, string) {
	v.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		v.t.Fatal(err)
	}
	req, err := http.NewRequest(method, "https://"+domain+"/api"+path, strings.NewReader(string(text)))
	if err != nil {
		v.t.Fatal(err)
	}
	maps.Copy(req.Header, v.header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", v.token)
	resp, err := v.c.Do(req)
	if err != nil {
		v.t.Errorf("%s %s: %v", method, path, err)
		return reply{}, ""
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		v.t.Errorf("%s %s: %v", method, path, err)
	}
	return reply{resp.StatusCode, resp.Header}, string(out)
}

// guess tries a password that is wrong.
func (v *visitor) guess(email string) int {
	v.t.Helper()
	r, _ := v.send(http.MethodPost, "/auth/login", map[string]string{"email": email, "password": "not the right one"})
	return r.status
}

func (v *visitor) signUp(email string) reply {
	v.t.Helper()
	r, _ := v.send(http.MethodPost, "/auth/signup", map[string]string{"email": email, "password": goodPassword})
	return r
}

// leave forgets every cookie.
func (v *visitor) leave() {
	v.t.Helper()
	v.c.Jar, _ = cookiejar.New(nil) // it never fails
	v.renew()
}

func (v *visitor) logIn(email string) int {
	v.t.Helper()
	v.leave()
	r, _ := v.send(http.MethodPost, "/auth/login", map[string]string{"email": email, "password": goodPassword})
	return r.status
}

// logInAgain logs in on the device of the login before.
func (v *visitor) logInAgain(email string) int {
	v.t.Helper()
	v.renew()
	r, _ := v.send(http.MethodPost, "/auth/login", map[string]string{"email": email, "password": goodPassword})
	return r.status
}
