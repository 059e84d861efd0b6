package provision

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	ufwRules4   = "/etc/ufw/after.rules"
	ufwRules6   = "/etc/ufw/after6.rules"
	ufwDefaults = "/etc/default/ufw"
)

// block is what is ours in a file of ufw's.
func block(rules string) string {
	return "# BEGIN stackctl: what containers publish\n" + rules + "# END stackctl\n"
}

// chain are the rules that hold published ports. Docker sends everything that
// goes to a container through DOCKER-USER and leaves its content alone; ufw
// fills it at boot, before Docker starts, and at each reload.
// Docker's publishing passes ufw's own rules unasked.
func chain(ports []Port, m *Member) string {
	var b strings.Builder
	b.WriteString("*filter\n:DOCKER-USER - [0:0]\n")
	b.WriteString("# answers, and what containers send\n")
	b.WriteString("-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n")
	b.WriteString("-A DOCKER-USER -i docker0 -j RETURN\n-A DOCKER-USER -i br-+ -j RETURN\n")
	if m != nil {
		fmt.Fprintf(&b, "-A DOCKER-USER -i %s -j RETURN\n", swarmBridge)
	}
	b.WriteString("# the public ports, as the client asked for them\n")
	for _, p := range ports {
		fmt.Fprintf(&b, "-A DOCKER-USER -p %s -m conntrack --ctstate DNAT --ctorigdstport %d -j RETURN\n", p.protocol(), p.Number)
	}
	rest := b.String() + "drop DNAT, docker0, br-+"
	mark := fmt.Sprintf("stackctl-%x", sha256.Sum256([]byte(rest)))[:17]
	b.WriteString("# every other published port, and containers addressed directly\n")
	fmt.Fprintf(&b, "-A DOCKER-USER -m conntrack --ctstate DNAT -m comment --comment %s -j DROP\n", mark)
	b.WriteString("-A DOCKER-USER -o docker0 -j DROP\n-A DOCKER-USER -o br-+ -j DROP\n")
	if m != nil {
		fmt.Fprintf(&b, "-A DOCKER-USER -o %s -j DROP\n", swarmBridge)
	}
	b.WriteString("-A DOCKER-USER -j RETURN\nCOMMIT\n")
	return b.String()
}

// swarmBridge leads out of the Swarm's networks.
const swarmBridge = "docker_gwbridge"

// mark is the comment by which loaded rules are known to be these.
func mark(rules string) string {
	_, rest, _ := strings.Cut(rules, "--comment ")
	word, _, _ := strings.Cut(rest, " ")
	return word
}

// writeRules puts the block into files of ufw's, in place of the one that is
// there. It runs on the host, because ufw's package makes the files.
const writeRules = `rules=$1
shift
for file; do
  new=$(mktemp "$file.XXXXXX")
  if [ -f "$file" ]; then
    chmod --reference="$file" "$new"
    sed '/^# BEGIN stackctl/,/^# END stackctl/d' "$file" >"$new"
  else
    chmod 640 "$new"
  fi
  printf '%s' "$rules" >>"$new"
  mv -f "$new" "$file"
done`

// union are the ports of both, each once, in the order of their numbers.
func union(a, b []Port) []Port {
	out := slices.Concat(a, b)
	slices.SortFunc(out, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), strings.Compare(a.protocol(), b.protocol()))
	})
	return slices.Compact(out)
}

var openedPort = regexp.MustCompile(`(?m)^-A DOCKER-USER -p (tcp|udp) .*--ctorigdstport ([0-9]{1,5}) -j RETURN$`)

// opened are the ports that the rules of a file let containers publish: another
// project of the server may need them, and a project that was provisioned before.
func opened(file string) []Port {
	_, ours, _ := strings.Cut(file, "# BEGIN stackctl")
	ours, _, _ = strings.Cut(ours, "# END stackctl")
	var out []Port
	for _, m := range openedPort.FindAllStringSubmatch(ours, -1) {
		if n, err := strconv.Atoi(m[2]); err == nil && n >= 1 && n <= 65535 {
			out = append(out, Port{Number: n, UDP: m[1] == "udp"})
		}
	}
	return out
}

// openPorts are what ufw must let in: every port of sshd, and the public ones.
func openPorts(f Facts, public []Port) []Port {
	var ports []Port
	for _, p := range append(slices.Clone(f.SSHD["port"]), f.Port) {
		if n, err := strconv.Atoi(p); err == nil && !slices.Contains(ports, Port{Number: n}) {
			ports = append(ports, Port{Number: n})
		}
	}
	return union(ports, public)
}

// allowed reports whether ufw has a rule that lets a port in from everywhere.
func (f Facts) allowed(p Port) bool {
	return slices.ContainsFunc(f.UFW.Added, func(rule string) bool {
		rule, _, _ = strings.Cut(rule, " comment ")
		for _, lets := range []string{"allow ", "limit "} {
			if rule == lets+p.String() || rule == lets+strconv.Itoa(p.Number) {
				return true
			}
		}
		return false
	})
}

// listed are ports in words.
func listed(ports []Port) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = strings.TrimSuffix(p.String(), "/tcp")
	}
	return strings.Join(words, ", ")
}

// enableUFW sets the defaults, lets the ports in and only then switches ufw on.
// Rules that somebody else added stay.
const enableUFW = `if grep -q '^IPV6=' /etc/default/ufw; then sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw; else echo IPV6=yes >>/etc/default/ufw; fi
ufw default deny incoming
for port; do ufw allow "$port"; done
ufw --force enable
ufw reload
systemctl enable ufw.service`

// planFirewall lets in SSH and the public ports, and holds what containers
// publish to the public ports. It is guarded.
func planFirewall(f Facts, s Settings) *Change {
	public := s.public(f)
	rules := chain(public, s.Member)
	causes := some(f.pending("firewall"))
	if !f.UFW.Active {
		causes = append(causes, "ufw is not active")
	} else if f.UFW.Incoming != "deny" && f.UFW.Incoming != "reject" {
		causes = append(causes, "incoming connections are "+f.UFW.Incoming+" by default")
	}
	if text, there := f.Files[ufwDefaults]; there && !strings.Contains("\n"+text, "\nIPV6=yes") {
		causes = append(causes, "ufw leaves IPv6 alone")
	}
	if f.installed("ufw") && !strings.HasSuffix(f.Units["ufw.service"], " enabled") {
		causes = append(causes, "ufw does not start at boot")
	}
	var missing []Port
	var add []string
	for _, p := range openPorts(f, public) {
		if !f.allowed(p) {
			missing, add = append(missing, p), append(add, p.String())
		}
	}
	if len(missing) > 0 {
		causes = append(causes, "no rule lets in "+listed(missing))
	}
	lacks, ruled := f.planMember(s.Member)
	causes = append(causes, lacks...)
	causes = append(causes, f.unheld("IPv4", rules, f.Files[ufwRules4], f.Chain4)...)
	if f.IPv6 {
		causes = append(causes, f.unheld("IPv6", rules, f.Files[ufwRules6], f.Chain6)...)
	}
	what := fmt.Sprintf("let in %s, refuse the rest, hold what containers publish to %s", listed(openPorts(f, public)), cmp.Or(listed(public), "nothing"))
	actions := []Action{{Run: shell(writeRules, block(rules), ufwRules4, ufwRules6)}}
	if s.Member != nil && len(s.Member.Peers) > 0 {
		what += ", let in the Swarm's ports from " + strings.Join(s.Member.Peers, ", ")
	}
	if len(ruled) > 0 {
		actions = append(actions, Action{Run: shell(changeRules, ruled...)})
	}
	c := change(what, causes, append(actions, Action{Run: shell(enableUFW, add...)})...)
	if c != nil {
		undo := []string{"ufw", "disable"}
		if f.UFW.Active {
			undo = []string{"ufw", "reload"}
		}
		c.Guard = &Guard{Name: "firewall", Files: []string{ufwRules4, ufwRules6, ufwDefaults}, Undo: undo}
	}
	return c
}

// unheld reports whether the rules of one family are in ufw's file and loaded.
// Loaded ones are known by the comment that carries their hash.
func (f Facts) unheld(family, rules, file string, loaded []string) []string {
	n := 0
	for _, l := range loaded {
		if strings.Contains(l, mark(rules)) {
			n++
		}
	}
	if n == 1 && strings.Contains(file, block(rules)) {
		return nil
	}
	return []string{"published ports are not held (" + family + ")"}
}
