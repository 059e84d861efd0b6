package exposure

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

const (
	// datagrams are sent to a UDP socket of the host to see whether they get
	// there: nothing answers a connect over UDP.
	datagrams = 40
	// arrived of them must be counted by the host, twice, to call a port reached.
	arrived = 36
	// settle is how long datagrams may take.
	settle = 300 * time.Millisecond
)

// dhcp are the ports on which a host gets its own addresses.
var dhcp = []int{68, 546}

// datagramsReach finds UDP sockets of the host that datagrams from outside
// reach. Whether they do is counted by the host's kernel: a firewall that
// drops them and a service that does not answer look the same from outside.
func (rec *record) datagramsReach(ctx context.Context, s gate.Subject) ([]stack.Finding, error) {
	var out []stack.Finding
	for _, k := range rec.datagramSockets(s) {
		for _, r := range rec.Scans {
			address, err := netip.ParseAddr(r.Address)
			if err != nil || r.Skipped != "" || !k.Address.Unmap().IsUnspecified() && k.Address.Unmap() != address || k.Address.Is4() && !address.Is4() {
				continue
			}
			reached := true
			for range 2 {
				arrive, err := rec.datagramsArrive(ctx, s, address, k.Port)
				if err != nil {
					return out, err
				}
				reached = reached && arrive
			}
			subject := fmt.Sprintf("port %d/udp", k.Port)
			if !reached {
				rec.Notes = append(rec.Notes, fmt.Sprintf("UDP port %d of %s is listened on, but datagrams from here do not get there", k.Port, address))
				continue
			}
			if !slices.ContainsFunc(out, func(f stack.Finding) bool { return f.Subject == subject }) {
				out = append(out, stack.Finding{Subject: subject, Rule: reachableRule.ID, Problem: "the port can be reached from outside over UDP", Expected: "only TCP " + probe.PortList(rec.Allowed),
					Observed: fmt.Sprintf("datagrams to %s were counted by the host, twice", net.JoinHostPort(r.Address, strconv.Itoa(k.Port))),
					Fix:      "stop what listens there, bind it to loopback, or allow the port under gates.exposure.allow"})
			}
		}
	}
	return out, nil
}

// datagramSockets are those of the host that nobody allowed.
func (rec *record) datagramSockets(s gate.Subject) []socket {
	http3 := declaresHTTP3(traefik.Read(s.Release, s.Config.Traefik))
	return slices.DeleteFunc(slices.Clone(rec.Sockets), func(k socket) bool {
		// The default ports are TCP's; one that was added may be meant for UDP.
		added := slices.Contains(rec.Allowed, k.Port) && !slices.Contains([]int{22, 80, 443}, k.Port)
		return k.Protocol != "udp" || k.local() || k.Address.IsLinkLocalUnicast() || k.Address.IsMulticast() || added || rec.written[strconv.Itoa(k.Port)+"/udp"] || http3 && k.Port == 443 || slices.Contains(dhcp, k.Port)
	})
}

// datagramsArrive sends datagrams and reports whether the host counted nine of ten:
// read by a program, or waiting for it. A host that gets others meanwhile, as a node of
// a cluster does, is sent four more for each of those: of so many nine of ten are more
// than what it counts without them, three times as much.
func (rec *record) datagramsArrive(ctx context.Context, s gate.Subject, address netip.Addr, port int) (bool, error) {
	conn, err := s.Outside.DialContext(ctx, "udp", net.JoinHostPort(address.String(), strconv.Itoa(port)))
	if err != nil {
		rec.Notes = append(rec.Notes, fmt.Sprintf("no datagram can be sent to %s from here: %s", address, probe.Reason(err)))
		return false, nil
	}
	defer conn.Close()
	quiet, err := countedWhile(ctx, s.Server, port, func() {})
	if err != nil {
		return false, err
	}
	counted, err := countedWhile(ctx, s.Server, port, func() {
		for range datagrams + 4*quiet {
			if _, err := conn.Write([]byte("\n")); err != nil {
				break // refused: counted as not arrived
			}
		}
	})
	return counted >= arrived+3*quiet, err
}

// countedWhile is how many more datagrams the host counts while a part runs, and
// settles.
func countedWhile(ctx context.Context, host gate.Server, port int, part func()) (int, error) {
	before, err := countDatagrams(ctx, host, port)
	if err != nil {
		return 0, err
	}
	part()
	probe.Wait(ctx, settle)
	after, err := countDatagrams(ctx, host, port)
	return max(0, after-before), err
}

// countDatagrams sums what the host's kernel says it handed to programs, or
// keeps or dropped for the sockets of a port (/proc/net/snmp, /proc/net/udp).
func countDatagrams(ctx context.Context, host gate.Server, port int) (int, error) {
	sum := 0
	for _, file := range []string{"snmp", "snmp6", "udp", "udp6"} {
		o, err := host.Run(ctx, "cat", "/proc/net/"+file)
		if err != nil {
			return 0, fmt.Errorf("read /proc/net/%s on the host: %w", file, err)
		}
		if o.Exit != 0 {
			continue // a kernel without IPv6
		}
		sum += datagramCounter(file, string(o.Stdout), port)
	}
	return sum, nil
}

func datagramCounter(file, text string, port int) int {
	sum := 0
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case file == "snmp" && len(f) > 1 && f[0] == "Udp:" && names == nil:
			names = f
		case file == "snmp" && len(f) > 1 && f[0] == "Udp:":
			if i := slices.Index(names, "InDatagrams"); i > 0 && i < len(f) {
				sum += atoi(f[i])
			}
		case file == "snmp6" && len(f) == 2 && f[0] == "Udp6InDatagrams":
			sum += atoi(f[1])
		case strings.HasPrefix(file, "udp") && len(f) >= 13 && strings.HasSuffix(strings.ToUpper(f[1]), fmt.Sprintf(":%04X", port)):
			// The queue is in bytes with the kernel's own overhead; each waiting
			// datagram of one byte takes 768 of them.
			_, queue, _ := strings.Cut(f[4], ":")
			n, _ := strconv.ParseInt(queue, 16, 64) // unreadable: nothing waits
			sum += int(n)/768 + atoi(f[12])
		}
	}
	return sum
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // unreadable counts nothing
	return n
}
