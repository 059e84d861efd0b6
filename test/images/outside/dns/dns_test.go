package main

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
)

// served is a resolver that asks a running server alone.
func served(t *testing.T, list string) *net.Resolver {
	t.Helper()
	z, err := newZone(list)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- z.serve(conn) }()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestEveryNameHasAllAddressesAndEachIsFirstInTurn(t *testing.T) {
	r := served(t, "192.0.2.1,192.0.2.2,192.0.2.3")
	firsts := map[string]bool{}
	for _, name := range []string{"stack.localhost.example.", "api.stack.localhost.example.", "a.b.c.example."} {
		got, err := r.LookupNetIP(t.Context(), "ip4", name)
		if err != nil || len(got) != 3 {
			t.Fatalf("%s: %v %v", name, got, err)
		}
		firsts[got[0].String()] = true
	}
	if len(firsts) != 3 {
		t.Errorf("first were only %v", firsts)
	}
}

func TestWhatIsNotAskedForIsNotAnswered(t *testing.T) {
	r := served(t, "192.0.2.1")
	if got, err := r.LookupNetIP(t.Context(), "ip6", "stack.example."); err == nil {
		t.Errorf("an IPv6 address: %v", got)
	}
	if got, err := r.LookupTXT(t.Context(), "_acme-challenge.stack.example."); err == nil && len(got) > 0 {
		t.Errorf("a text: %q", got)
	}
	z, _ := newZone("192.0.2.1")
	for _, message := range []string{"", "x", string(make([]byte, 12)), string(slices.Repeat([]byte{0xff}, 64))} {
		if answer, err := z.answer([]byte(message)); err == nil {
			t.Errorf("%q: %q", message, answer)
		}
	}
}

func TestBadAddressesAreRefused(t *testing.T) {
	for _, list := range []string{"", "stack.localhost", "192.0.2.1,", "2001:db8::1"} {
		if code := run([]string{"-addresses", list}, io.Discard); code != 2 {
			t.Errorf("%q: exit code %d", list, code)
		}
	}
}
