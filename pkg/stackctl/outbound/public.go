package outbound

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// publicOnly refuses a connection to an address that is not public.
func publicOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	at, err := netip.ParseAddr(host)
	if err != nil || !public(at) {
		return Never(errors.New("it redirects to an address that is not public"))
	}
	return nil
}

// reserved are networks that are not public and that netip does not name
// (RFC 6890; 64:ff9b::/96 and 2002::/16 embed IPv4).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func public(at netip.Addr) bool {
	at = at.Unmap().WithZone("")
	for _, p := range reserved {
		if p.Contains(at) {
			return false
		}
	}
	return at.IsGlobalUnicast() && !at.IsPrivate() && !at.IsLoopback() && !at.IsLinkLocalUnicast()
}
