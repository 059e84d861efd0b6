package provision

import (
	"crypto/sha256"
	"fmt"
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
func chain(ports []int) string {
	var b strings.Builder
	b.WriteString("*filter\n:DOCKER-USER - [0:0]\n")
	b.WriteString("# answers, and what containers send\n")
	b.WriteString("-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n")
	b.WriteString("-A DOCKER-USER -i docker0 -j RETURN\n-A DOCKER-USER -i br-+ -j RETURN\n")
	b.WriteString("# the public ports, as the client asked for them\n")
	for _, p := range ports {
		fmt.Fprintf(&b, "-A DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctorigdstport %d -j RETURN\n", p)
	}
	rest := b.String() + "drop DNAT, docker0, br-+"
	mark := fmt.Sprintf("stackctl-%x", sha256.Sum256([]byte(rest)))[:17]
	b.WriteString("# every other published port, and containers addressed directly\n")
	fmt.Fprintf(&b, "-A DOCKER-USER -m conntrack --ctstate DNAT -m comment --comment %s -j DROP\n", mark)
	b.WriteString("-A DOCKER-USER -o docker0 -j DROP\n-A DOCKER-USER -o br-+ -j DROP\n")
	b.WriteString("-A DOCKER-USER -j RETURN\nCOMMIT\n")
	return b.String()
}

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

// openPorts are what ufw must let in: every port of sshd, and the public ones.
func openPorts(f Facts, s Settings) []string {
	var ports []string
	for _, p := range append(slices.Clone(f.SSHD["port"]), f.Port) {
		if p != "" {
			ports = append(ports, p)
		}
	}
	for _, p := range s.Ports {
		ports = append(ports, strconv.Itoa(p))
	}
	var unique []string
	for _, p := range ports {
		if !slices.Contains(unique, p) {
			unique = append(unique, p)
		}
	}
	return unique
}

// allowed says that ufw has a rule that lets a TCP port in from everywhere.
func (f Facts) allowed(port string) bool {
	return slices.ContainsFunc(f.UFW.Added, func(rule string) bool {
		rule, _, _ = strings.Cut(rule, " comment ")
		switch rule {
		case "allow " + port + "/tcp", "allow " + port, "limit " + port + "/tcp", "limit " + port:
			return true
		}
		return false
	})
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
	rules := chain(s.Ports)
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
	var missing, add []string
	for _, p := range openPorts(f, s) {
		if !f.allowed(p) {
			missing = append(missing, p)
			add = append(add, p+"/tcp")
		}
	}
	if len(missing) > 0 {
		causes = append(causes, "no rule lets in "+strings.Join(missing, ", "))
	}
	causes = append(causes, f.unheld("IPv4", rules, f.Files[ufwRules4], f.Chain4)...)
	if f.IPv6 {
		causes = append(causes, f.unheld("IPv6", rules, f.Files[ufwRules6], f.Chain6)...)
	}
	var names []string
	for _, p := range s.Ports {
		names = append(names, strconv.Itoa(p))
	}
	c := change(fmt.Sprintf("let in %s, refuse the rest, hold what containers publish to %s",
		strings.Join(openPorts(f, s), ", "), strings.Join(names, ", ")), causes,
		Action{Run: shell(writeRules, block(rules), ufwRules4, ufwRules6)},
		Action{Run: shell(enableUFW, add...)})
	if c != nil {
		undo := []string{"ufw", "disable"}
		if f.UFW.Active {
			undo = []string{"ufw", "reload"}
		}
		c.Guard = &Guard{Name: "firewall", Files: []string{ufwRules4, ufwRules6, ufwDefaults}, Undo: undo}
	}
	return c
}

// unheld says whether the rules of one family are in ufw's file and loaded.
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
