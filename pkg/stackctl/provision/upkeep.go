package provision

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const (
	fail2banJail = "/etc/fail2ban/jail.d/stackctl.local"
	aptUpdates   = "/etc/apt/apt.conf.d/52stackctl"
	swapFile     = "/swapfile.stackctl"
)

// ignoredLimit bounds the operator addresses that fail2ban is told to ignore.
const ignoredLimit = 16

// ignored are the addresses that fail2ban never bans: those in the file that
// is there, and the one that the operator comes from now. Behind a port proxy
// that is the address of everybody, and a ban would lock everybody out.
func ignored(f Facts) []string {
	var own []string
	for line := range strings.Lines(f.Files[fail2banJail]) {
		if list, found := strings.CutPrefix(strings.TrimSpace(line), "ignoreip = "); found {
			for _, a := range strings.Fields(list) {
				if _, err := netip.ParseAddr(a); err == nil && a != "::1" {
					own = append(own, a)
				}
			}
		}
	}
	if a, err := netip.ParseAddr(f.Operator); err == nil && !slices.Contains(own, f.Operator) && !a.IsLoopback() {
		own = append(own, f.Operator)
	}
	own = own[max(0, len(own)-ignoredLimit):]
	return append([]string{"127.0.0.1/8", "::1"}, own...)
}

// jail is fail2ban's configuration for sshd. Debian 12 has no log file for it,
// only the journal; bans go where ufw's rules are.
func jail(f Facts) string {
	port := strings.Join(f.SSHD["port"], ",")
	return fmt.Sprintf(`# Written by stackctl provision.
[sshd]
enabled = true
backend = systemd
port = %s
banaction = iptables-multiport
maxretry = 5
findtime = 10m
bantime = 1h
ignoreip = %s
`, port, strings.Join(ignored(f), " "))
}

// startFail2ban waits until the jail answers.
const startFail2ban = `systemctl enable fail2ban.service
systemctl reset-failed fail2ban.service || true
systemctl restart fail2ban.service
i=0
until fail2ban-client status sshd >/dev/null 2>&1; do
  i=$((i+1))
  if [ $i -gt 50 ]; then fail2ban-client status sshd; exit 1; fi
  sleep 0.2
done`

func planFail2ban(f Facts, _ Settings) *Change {
	causes := some(f.differs(fail2banJail, jail(f)))
	if f.installed("fail2ban") && !f.running("fail2ban.service") {
		causes = append(causes, "fail2ban.service is "+unitState(f.Units["fail2ban.service"]))
	}
	return change("ban addresses that guess at SSH, never "+strings.Join(ignored(f), ", "), causes,
		Action{File: &File{Path: fail2banJail, Mode: "644", Content: jail(f)}},
		Action{Run: shell(startFail2ban)})
}

const updatesContent = `// Written by stackctl provision.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
`

// updateUnits must start at boot for updates to come by themselves.
var updateUnits = []string{"apt-daily.timer", "apt-daily-upgrade.timer"}

func planUpdates(f Facts, _ Settings) *Change {
	causes := some(f.differs(aptUpdates, updatesContent))
	for _, u := range updateUnits {
		if !f.running(u) {
			causes = append(causes, u+" is "+unitState(f.Units[u]))
		}
	}
	return change("install security updates every day ("+aptUpdates+")", causes,
		Action{File: &File{Path: aptUpdates, Mode: "644", Content: updatesContent}},
		Action{Run: append([]string{"systemctl", "enable", "--now"}, updateUnits...)})
}

// skipSwap returns why a host gets no swap file.
func skipSwap(f Facts) string {
	switch {
	case f.Container:
		return "the host is a container and swap belongs to its own host"
	case f.Swap && !strings.Contains(f.Files["/etc/fstab"], swapFile+" "):
		return "the host has swap already"
	case f.RootFS == "btrfs" || f.RootFS == "zfs" || f.RootFS == "overlay":
		return "its root filesystem is " + f.RootFS + ", which takes no plain swap file"
	case f.RootFreeKB < 4*swapKB(f):
		return fmt.Sprintf("only %d MB of disk are free", f.RootFreeKB/1024)
	}
	return ""
}

// swapKB is as much as the memory, at least 512 MB and at most 2 GB.
func swapKB(f Facts) int64 { return min(max(f.MemoryKB, 512<<10), 2<<20) / 1024 * 1024 }

// makeSwap replaces a swap file that is not in use: it may be half written.
const makeSwap = `umask 077
swapoff "$1" 2>/dev/null || true
rm -f "$1"
fallocate -l "$2"K "$1" || dd if=/dev/zero of="$1" bs=1024 count="$2" status=none
mkswap "$1" >/dev/null
swapon "$1"
grep -q "^$1 " /etc/fstab || printf '%s none swap sw 0 0\n' "$1" >>/etc/fstab`

func planSwap(f Facts, _ Settings) *Change {
	var causes []string
	if !f.Swap {
		causes = append(causes, "the host has no swap")
	} else if !strings.Contains(f.Files["/etc/fstab"], swapFile+" ") {
		causes = append(causes, "swap would not come back after a reboot")
	}
	return change(fmt.Sprintf("make a swap file of %d MB (%s)", swapKB(f)/1024, swapFile), causes,
		Action{Run: shell(makeSwap, swapFile, fmt.Sprint(swapKB(f)))})
}

// timeServices are the programs that keep a clock right.
var timeServices = []string{"systemd-timesyncd", "chrony", "ntpsec"}

func skipClock(f Facts) string {
	if f.Container {
		return "the host is a container and its clock is its own host's"
	}
	return ""
}

// clockPackages is a time service where the host has none.
func clockPackages(f Facts) []string {
	for _, s := range timeServices {
		if f.installed(s) || f.running(s+".service") {
			return nil
		}
	}
	return timeServices[:1]
}

// planClock makes one time service run. Certificates and log times need it.
func planClock(f Facts, _ Settings) *Change {
	if len(clockPackages(f)) > 0 {
		return nil // its package starts it
	}
	use := timeServices[0]
	for _, s := range timeServices {
		if f.running(s + ".service") {
			return nil
		}
		if f.installed(s) {
			use = s
		}
	}
	return change("keep the clock right", []string{use + " does not run"},
		Action{Run: []string{"systemctl", "enable", "--now", use + ".service"}})
}

// makeFolder makes one folder, or corrects its owner and mode.
const makeFolder = `install -d -m "$3" -o "$2" -g "$(id -gn "$2")" "$1"`

func planFolders(f Facts, s Settings) *Change {
	var causes []string
	var actions []Action
	for _, d := range s.folders() {
		switch now := f.Folders[d.Path]; now {
		case s.User + " " + d.Mode:
			continue
		case "":
			causes = append(causes, d.Path+" is not there")
		default:
			causes = append(causes, d.Path+" is "+now)
		}
		actions = append(actions, Action{Run: shell(makeFolder, d.Path, s.User, d.Mode)})
	}
	return change("make the folders of "+s.Path+" for "+s.User, causes, actions...)
}
