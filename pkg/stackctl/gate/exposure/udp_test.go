package exposure

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// The kernel's own tables, with what they count.
const (
	snmpTable = "Ip: Forwarding DefaultTTL\nIp: 1 64\nUdp: InDatagrams NoPorts InErrors\nUdp: 1205 3 0\nUdpLite: InDatagrams NoPorts\nUdpLite: 7 0\n"
	udpRow    = " 1: 00000000:2BCB 00000000:0000 07 00000000:%08X 00:00000000 00000000     0        0 12 2 0000000000000000 %d\n"
)

func TestDatagramsAreCounted(t *testing.T) {
	if n := datagramCounter("snmp", snmpTable, 11211); n != 1205 {
		t.Errorf("handed to programs: %d", n)
	}
	if n := datagramCounter("snmp6", "Udp6InDatagrams                 \t44\nUdp6NoPorts 1\n", 11211); n != 44 {
		t.Errorf("over IPv6: %d", n)
	}
	table := "  sl  local_address rem_address   st\n" + fmt.Sprintf(udpRow, 40*768, 2)
	if n := datagramCounter("udp", table, 11211); n != 42 {
		t.Errorf("waiting and dropped: %d", n)
	}
	if n := datagramCounter("udp", table, 53); n != 0 {
		t.Errorf("of another port: %d", n)
	}
	if n := datagramCounter("udp", strings.Repeat("x ", 40), 53); n != 0 {
		t.Errorf("of rubbish: %d", n)
	}
}

func TestDeclaredDatagramsAreNotAsked(t *testing.T) {
	s, _ := reachableSite(t)
	any4 := netip.IPv4Unspecified()
	rec := &record{
		Sockets: []socket{{"udp", any4, 27015}, {"udp", any4, 53}, {"tcp", any4, 27015}},
		written: map[string]bool{"27015/udp": true, "53/tcp": true},
	}
	if got := rec.datagramSockets(s); len(got) != 1 || got[0].Port != 53 {
		t.Errorf("asked are %v", got)
	}
}

// busy is a host that counts what arrives at it, and others' datagrams with each look.
type busy struct {
	gate.Server
	arrived atomic.Int64
	others  []int64 // what came between one look and the next
}

func (b *busy) Run(_ context.Context, argv ...string) (stack.Output, error) {
	if argv[1] != "/proc/net/snmp" {
		return stack.Output{Exit: 1}, nil
	}
	now := b.arrived.Add(b.others[0])
	b.others = append(b.others[1:], b.others[0])
	return stack.Output{Stdout: fmt.Appendf(nil, "Udp: InDatagrams\nUdp: %d\n", now)}, nil
}

// door is the way to a busy host: what is written arrives where it is open.
type door struct {
	net.Conn
	to   *busy
	open bool
}

func (d door) DialContext(context.Context, string, string) (net.Conn, error) { return d, nil }
func (d door) Close() error                                                  { return nil }

func (d door) Write(p []byte) (int, error) {
	if d.open {
		d.to.arrived.Add(1)
	}
	return len(p), nil
}

// The nodes of a cluster send each other hundreds of datagrams a second.
func TestDatagramsOfOthersAreNotTakenForOurs(t *testing.T) {
	for name, others := range map[string][]int64{"quiet": {0}, "steady": {0, 60}, "it gets busier": {0, 50, 0, 120}, "it gets quieter": {0, 200, 0, 0}} {
		for _, open := range []bool{true, false} {
			host := &busy{others: append([]int64{}, others...)}
			rec := &record{}
			arrive, err := rec.datagramsArrive(t.Context(), gate.Subject{Server: host, Outside: door{to: host, open: open}}, netip.MustParseAddr("192.0.2.1"), 4789)
			if err != nil || arrive != open {
				t.Errorf("%s, open %t: they arrive %t, %v", name, open, arrive, err)
			}
		}
	}
}
