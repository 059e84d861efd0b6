package provision

import (
	"fmt"
	"slices"
	"strings"
)

const (
	sshConfig = "/etc/ssh/sshd_config"
	// sshDropIn sorts before every other: sshd believes the first value that
	// it reads, and cloud images switch passwords on in 50-cloud-init.conf.
	sshDropIn = "/etc/ssh/sshd_config.d/00-stackctl.conf"
)

// sshSettings are what sshd must do, each with the values that are fine.
// Forwarding is what stackctl's tunnels are made of.
var sshSettings = []struct {
	name  string
	value string
	fine  []string // as `sshd -T` prints them
}{
	{"PubkeyAuthentication", "yes", []string{"yes"}},
	{"PasswordAuthentication", "no", []string{"no"}},
	{"KbdInteractiveAuthentication", "no", []string{"no"}},
	{"PermitEmptyPasswords", "no", []string{"no"}},
	{"PermitRootLogin", "prohibit-password", []string{"prohibit-password", "without-password", "no"}},
	{"X11Forwarding", "no", []string{"no"}},
	{"DisableForwarding", "no", []string{"no"}},
	{"AllowTcpForwarding", "local", []string{"local"}},
	{"AllowStreamLocalForwarding", "local", []string{"local"}},
	{"MaxSessions", "10", []string{"10"}},
	{"ClientAliveInterval", "30", []string{"30"}},
	{"ClientAliveCountMax", "4", []string{"4"}},
}

// sshContent is the drop-in. Where the host lists who may log in, the deploy
// user joins the list; where it does not, there must be no list.
func sshContent(f Facts, s Settings) string {
	var b strings.Builder
	b.WriteString("# Written by `stackctl provision`. Keys only; tunnels to the Docker socket and to containers.\n")
	for _, o := range sshSettings {
		fmt.Fprintf(&b, "%s %s\n", o.name, o.value)
	}
	if others(f.SSHD["allowusers"], s.User) {
		fmt.Fprintf(&b, "AllowUsers %s\n", s.User)
	}
	if others(f.SSHD["allowgroups"], "docker") {
		b.WriteString("AllowGroups docker\n")
	}
	return b.String()
}

// others reports whether a list names somebody beside one.
func others(list []string, one string) bool {
	return slices.ContainsFunc(list, func(line string) bool {
		return slices.ContainsFunc(strings.Fields(line), func(n string) bool { return n != one })
	})
}

// applySSH checks the files, then what sshd will really do, and only then lets
// the running one read them. Connections that are open stay.
const applySSH = `sshd -t
for want; do
  name=${want%% *} fine=" ${want#* } "
  now=$(sshd -T | sed -n "s/^$name //p" | head -n1)
  case $fine in *" $now "*) ;; *)
    echo "$name is $now, which another line sets before /etc/ssh/sshd_config.d/00-stackctl.conf is read; remove that line (grep -rni $name /etc/ssh)" >&2
    exit 1 ;;
  esac
done
systemctl reload ssh.service`

// planSSH makes sshd take keys only. It is guarded.
func planSSH(f Facts, s Settings) *Change {
	causes := some(f.differs(sshDropIn, sshContent(f, s)), f.pending("ssh"))
	for _, o := range sshSettings {
		key := strings.ToLower(o.name)
		if now := strings.Join(f.SSHD[key], " "); !slices.Contains(o.fine, now) {
			causes = append(causes, fmt.Sprintf("%s is %q", key, now))
		}
	}
	var actions []Action
	if now := f.Files[sshConfig]; !strings.Contains(now, "Include /etc/ssh/sshd_config.d/") {
		causes = append(causes, sshConfig+" does not include sshd_config.d")
		actions = append(actions, Action{File: &File{
			Path: sshConfig, Mode: "644", Backup: true,
			Content: "Include /etc/ssh/sshd_config.d/*.conf\n" + now,
		}})
	}
	verify := []string{}
	for _, o := range sshSettings {
		verify = append(verify, strings.ToLower(o.name)+" "+strings.Join(o.fine, " "))
	}
	actions = append(actions,
		Action{File: &File{Path: sshDropIn, Mode: "644", Content: sshContent(f, s)}},
		Action{Run: shell(applySSH, verify...)})
	c := change("let sshd take keys only, tried on a second connection ("+sshDropIn+")", causes, actions...)
	if c != nil {
		c.Guard = &Guard{Name: "ssh", Files: []string{sshConfig, sshDropIn}, Undo: []string{"systemctl", "reload", "ssh.service"}}
	}
	return c
}

// pending is the cause of a guarded change that nobody confirmed.
func (f Facts) pending(name string) string {
	if slices.Contains(f.Pending, name) {
		return "an earlier run was cut off before it confirmed this"
	}
	return ""
}
