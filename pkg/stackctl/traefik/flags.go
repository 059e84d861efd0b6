package traefik

import (
	"slices"
	"strings"
)

// ParseFlags reads Traefik's flags out of a command line. A shell's
// `-c "traefik --flag"` is taken apart as well. What is no flag is passed
// over: a setting counts wherever it stands.
func ParseFlags(argv []string) *Node {
	root := &Node{}
	words := shellWords(argv)
	for i := 0; i < len(words); i++ {
		name := strings.TrimLeft(words[i], "-")
		if name == words[i] || name == "" {
			continue
		}
		name, value, given := strings.Cut(name, "=")
		switch {
		case given:
		case edgeSwitch(name) || i+1 >= len(words) || strings.HasPrefix(words[i+1], "-"):
			value = "true"
		default:
			i++
			value = words[i]
		}
		root.put(keys(name), value)
	}
	return root
}

// keys splits a.b[0].c into its keys.
func keys(name string) []string {
	name = strings.ReplaceAll(name, "[", ".[")
	return slices.DeleteFunc(strings.Split(name, "."), func(k string) bool { return k == "" })
}

// switches are the last keys of flags that take no separate value.
var switches = []string{
	"acme", "api", "insecure", "dashboard", "debug", "ping", "accesslog", "docker", "swarm", "watch",
	"exposedbydefault", "http3", "tls", "tlschallenge", "httpchallenge", "dnschallenge", "disablecommonname",
	"casystemcertpool", "allowacmebypass", "asdefault", "permanent", "tailscale", "insecureskipverify",
	"checknewversion", "sendanonymoususage", "prometheus", "proxyprotocol",
}

func edgeSwitch(name string) bool {
	keys := keys(strings.ToLower(name))
	return len(keys) > 0 && slices.Contains(switches, keys[len(keys)-1])
}

// shellWords takes arguments that hold a whole command apart.
func shellWords(argv []string) []string {
	var out []string
	for _, a := range argv {
		if !strings.ContainsAny(a, " \t\n") || strings.HasPrefix(a, "-") && strings.Contains(strings.SplitN(a, " ", 2)[0], "=") {
			out = append(out, a)
			continue
		}
		for _, w := range strings.FieldsFunc(a, func(r rune) bool { return strings.ContainsRune(" \t\n;&|", r) }) {
			out = append(out, strings.ReplaceAll(strings.ReplaceAll(w, `"`, ""), `'`, ""))
		}
	}
	return out
}

// ParseEnv reads TRAEFIK_ variables; each underscore separates two keys.
func ParseEnv(env map[string]string) *Node {
	root := &Node{}
	names := make([]string, 0, len(env))
	for k := range env {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if len(k) < 9 || !strings.EqualFold(k[:8], "TRAEFIK_") {
			continue
		}
		keys := slices.DeleteFunc(strings.Split(strings.ToLower(k[8:]), "_"), func(k string) bool { return k == "" })
		if len(keys) > 0 {
			root.put(keys, env[k])
		}
	}
	return root
}
