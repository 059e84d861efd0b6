package exposure

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
)

// socket is one listening socket of the host.
type socket struct {
	Protocol string     `json:"protocol"` // tcp or udp
	Address  netip.Addr `json:"address"`
	Port     int        `json:"port"`
}

// local reports whether only the host itself reaches it.
func (s socket) local() bool { return s.Address.Unmap().IsLoopback() }

// listening reads the host's listening sockets from the kernel's own tables,
// so that no program on the host is needed for it.
func listening(ctx context.Context, host gate.Server) ([]socket, error) {
	var out []socket
	read := 0
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		o, err := host.Run(ctx, "cat", "/proc/net/"+table)
		if err != nil {
			return nil, fmt.Errorf("read /proc/net/%s on the host: %w", table, err)
		}
		if o.Exit != 0 {
			if strings.HasSuffix(table, "6") {
				continue // a kernel without IPv6
			}
			return nil, fmt.Errorf("read /proc/net/%s on the host: %s", table, probe.Shown(string(bytes.TrimSpace(o.Stderr))))
		}
		read++
		list, err := parseSockets(strings.TrimSuffix(table, "6"), o.Stdout)
		if err != nil {
			return nil, fmt.Errorf("/proc/net/%s on the host: %w", table, err)
		}
		out = append(out, list...)
	}
	return out, nil
}

// States of a socket in /proc/net (include/net/tcp_states.h): a listening TCP
// socket, and a UDP socket that is not connected.
const (
	tcpListen   = "0A"
	udpUnjoined = "07"
)

// parseSockets reads a table of /proc/net: local address as little-endian hex
// words, port as hex, state.
func parseSockets(protocol string, table []byte) ([]socket, error) {
	var out []socket
	lines := bufio.NewScanner(bytes.NewReader(table))
	if !lines.Scan() || !strings.Contains(lines.Text(), "local_address") {
		return nil, fmt.Errorf("not a table of sockets")
	}
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 {
			continue
		}
		if f[3] != tcpListen && protocol == "tcp" || f[3] != udpUnjoined && protocol == "udp" {
			continue
		}
		word, port, ok := strings.Cut(f[1], ":")
		addr, err := kernelAddress(word)
		n, err2 := strconv.ParseUint(port, 16, 16)
		if !ok || err != nil || err2 != nil {
			return nil, fmt.Errorf("unreadable address %q", probe.Shown(f[1]))
		}
		out = append(out, socket{protocol, addr, int(n)})
	}
	return out, lines.Err()
}

// kernelAddress decodes 32-bit words in the byte order of a little-endian
// host, which all supported ones are.
func kernelAddress(word string) (netip.Addr, error) {
	raw, err := hex.DecodeString(word)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.Addr{}, fmt.Errorf("not an address")
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr, nil
}

// hostAddresses are the host's own addresses that are worth a look from
// outside: global ones, not those of its container bridges.
func hostAddresses(ctx context.Context, host gate.Server) ([]netip.Addr, error) {
	o, err := host.Run(ctx, "ip", "-o", "addr", "show", "up", "scope", "global")
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	if o.Exit != 0 {
		return nil, fmt.Errorf("list the host's addresses: %s", probe.Shown(string(bytes.TrimSpace(o.Stderr))))
	}
	return parseAddresses(o.Stdout), nil
}

// parseAddresses reads `ip -o addr`: "2: eth0    inet 203.0.113.7/24 brd …".
func parseAddresses(text []byte) []netip.Addr {
	var out []netip.Addr
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "inet" && f[2] != "inet6" {
			continue
		}
		name, _, _ := strings.Cut(f[1], "@")
		if name == "docker0" || name == "docker_gwbridge" || strings.HasPrefix(name, "br-") || strings.HasPrefix(name, "veth") || strings.HasPrefix(name, "lo") {
			continue
		}
		prefix, err := netip.ParsePrefix(f[3])
		if err != nil {
			continue
		}
		if a := prefix.Addr(); !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() {
			out = append(out, a)
		}
	}
	return out
}
