package openssh

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// jumps reads the value of ProxyJump: [user@]host[:port] or ssh:// URLs,
// separated by commas.
func jumps(text string) ([]Jump, error) {
	var list []Jump
	for part := range strings.SplitSeq(text, ",") {
		j, err := oneJump(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		list = append(list, j)
	}
	return list, nil
}

func oneJump(text string) (Jump, error) {
	bad := fmt.Errorf("ProxyJump %q is no [user@]host[:port]", text)
	rest := text
	if strings.HasPrefix(rest, "ssh://") {
		u, err := url.Parse(rest)
		if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return Jump{}, bad
		}
		rest = u.Host
		if u.User != nil {
			rest = u.User.Username() + "@" + rest
		}
	}
	var j Jump
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		j.User, rest = rest[:at], rest[at+1:]
		if j.User == "" {
			return Jump{}, bad
		}
	}
	port := ""
	switch inner, after, bracketed := strings.Cut(strings.TrimPrefix(rest, "["), "]"); {
	case strings.HasPrefix(rest, "[") && bracketed:
		j.Host, port = inner, after
		if after != "" && after[0] != ':' {
			return Jump{}, bad
		}
		port = strings.TrimPrefix(port, ":")
	case strings.Count(rest, ":") == 1:
		j.Host, port, _ = strings.Cut(rest, ":")
	default:
		j.Host = rest
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return Jump{}, bad
		}
		j.Port = n
	}
	if j.Host == "" || strings.ContainsAny(j.Host, " \t/\\'\"") || strings.HasPrefix(j.Host, "-") {
		return Jump{}, bad
	}
	return j, nil
}

// maxJumps bounds the hosts on a way.
const maxJumps = 8

// Hops resolves a host and every host on the way to it, the first one to
// connect to first. As with ssh, only the first host of a ProxyJump has jumps
// of its own. A jump without a user is entered as the local one.
func Hops(p Places, q Query) ([]Settings, error) {
	last, err := Resolve(p, q)
	if err != nil {
		return nil, err
	}
	way := []Settings{last}
	for jumps := last.Jumps; len(jumps) > 0; {
		for i := len(jumps) - 1; i >= 0; i-- {
			j := jumps[i]
			hop, err := Resolve(p, Query{Host: j.Host, User: j.User, Port: j.Port, HasJump: i > 0})
			if err != nil {
				return nil, err
			}
			hop.User = or(hop.User, p.LocalUser)
			way = append([]Settings{hop}, way...)
		}
		if jumps = way[0].Jumps; len(way) > maxJumps {
			return nil, stack.Fault(stack.CauseUsage, "find the way to "+q.Host, fmt.Errorf("it leads through more than %d hosts, so it never ends", maxJumps),
				"ProxyJump of "+q.Host+" leads back to it; correct "+p.User)
		}
	}
	return way, nil
}
