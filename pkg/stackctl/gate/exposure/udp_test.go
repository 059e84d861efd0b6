package exposure

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
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
