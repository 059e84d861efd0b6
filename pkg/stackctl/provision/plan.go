package provision

import (
	"fmt"
	"slices"
	"strings"
)

// item is one thing that a ready host has. plan compares what was observed
// with what must be and returns nil where nothing differs; skip says why the
// item is left out on this host, where it is.
type item struct {
	name string
	// packages are those that the item needs and the host lacks.
	packages func(Facts) []string
	plan     func(Facts, Settings) *Change
	skip     func(Facts) string
}

// items are all things that a ready host has, in the order in which they are
// made. Packages of all items come first, in one run of apt: nearly everything
// below needs one.
var items = []item{
	// The Engine, before the user that joins its group and the firewall that
	// fills its chain.
	{name: "docker", packages: dockerPackages, plan: planDocker},
	// Its logs and restarts, before containers exist that a restart would hit.
	{name: "docker settings", plan: planDaemon},
	{name: "containers", plan: planStrays},
	// Who deploys; folders below belong to this user.
	{name: "deploy user", plan: planUser},
	// Keys only. Guarded: a second connection is tried before the first ends.
	{name: "ssh", plan: planSSH},
	// What is reachable. After ssh, so that the port is known. Guarded too.
	{name: "firewall", packages: lacking("ufw"), plan: planFirewall},
	// After the firewall, whose tables it writes to.
	{name: "fail2ban", packages: lacking("fail2ban", "python3-systemd"), plan: planFail2ban},
	{name: "security updates", packages: lacking("unattended-upgrades"), plan: planUpdates},
	{name: "swap", plan: planSwap, skip: skipSwap},
	{name: "clock", plan: planClock, skip: skipClock, packages: clockPackages},
	{name: "folders", plan: planFolders},
}

// relevant are the packages that plans look at.
var relevant = []string{
	"docker.io", "docker-ce", "moby-engine", "ca-certificates", "apparmor", "ufw", "iptables",
	"fail2ban", "python3-systemd", "unattended-upgrades", "systemd-timesyncd", "chrony", "ntpsec", "iputils-ping",
}

// indexMaxAge is how old apt's index may be when packages are installed from it.
const indexMaxAge = 24 * 60 * 60

// Plan lists what must be changed, in order. It is pure: the same facts and
// settings give the same plan, and a ready host gives none.
func Plan(f Facts, s Settings) []Change {
	var changes []Change
	if f.Interrupted != "" {
		first, _, _ := strings.Cut(f.Interrupted, "\n")
		changes = append(changes, Change{
			Item: "packages", What: "finish what an interrupted installation left",
			Cause: "dpkg says: " + first, Actions: []Action{{Apt: &Apt{Repair: true}}},
		})
	}
	if c := planPackages(f, s); c != nil {
		changes = append(changes, *c)
	}
	for _, it := range items {
		if it.skip != nil && it.skip(f) != "" {
			continue
		}
		if c := it.plan(f, s); c != nil {
			c.Item = it.name
			changes = append(changes, *c)
		}
	}
	return changes
}

// Notes say what is left out on this host, and why.
func Notes(f Facts) []string {
	var notes []string
	for _, it := range items {
		if it.skip == nil {
			continue
		}
		if why := it.skip(f); why != "" {
			notes = append(notes, it.name+": skipped, "+why)
		}
	}
	return notes
}

// planPackages installs what any item lacks, in one run of apt.
func planPackages(f Facts, s Settings) *Change {
	var names, causes []string
	for _, it := range items {
		if it.packages == nil || it.skip != nil && it.skip(f) != "" {
			continue
		}
		if lack := it.packages(f); len(lack) > 0 {
			names = append(names, lack...)
			causes = append(causes, fmt.Sprintf("%s lacks %s", it.name, strings.Join(lack, ", ")))
		}
	}
	if lack := pingPackages(f, s); len(lack) > 0 {
		names = append(names, lack...)
		causes = append(causes, "measuring the links between the nodes lacks "+strings.Join(lack, ", "))
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return &Change{
		Item: "packages", What: "install " + strings.Join(names, " "), Cause: strings.Join(causes, "; "),
		Actions: []Action{{Apt: &Apt{Refresh: f.IndexAge < 0 || f.IndexAge > indexMaxAge, Packages: names}}},
	}
}

// lacking makes the packages function of an item that needs these.
func lacking(names ...string) func(Facts) []string {
	return func(f Facts) []string {
		var lack []string
		for _, n := range names {
			if !f.installed(n) {
				lack = append(lack, n)
			}
		}
		return lack
	}
}

// change makes a Change of causes, or nil where there is none.
func change(what string, causes []string, actions ...Action) *Change {
	if len(causes) == 0 {
		return nil
	}
	return &Change{What: what, Cause: strings.Join(causes, "; "), Actions: actions}
}

// differs is the cause of a file that must be written, or "".
func (f Facts) differs(path, want string) string {
	switch there, found := f.Files[path]; {
	case !found:
		return path + " is not there"
	case there != want:
		return path + " differs"
	}
	return ""
}

// some drops empty causes.
func some(causes ...string) []string {
	return slices.DeleteFunc(causes, func(c string) bool { return c == "" })
}
