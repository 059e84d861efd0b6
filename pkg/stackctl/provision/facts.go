package provision

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Facts are what was observed on a host. What observe.sh prints is all that a
// plan may depend on.
type Facts struct {
	// System is /etc/os-release: ID, VERSION_ID, PRETTY_NAME.
	System map[string]string
	Arch   string // as uname -m
	// Admin is who is logged in; Operator the address it comes from, as the
	// host sees it; Port the host's own port of that connection.
	Admin, Operator, Port string
	Container             bool // the host is a container
	AppArmor              bool // the kernel has it switched on
	// IndexAge is the age of apt's package index in seconds; -1 is none.
	IndexAge int64
	// Interrupted is what dpkg says of packages that are half installed.
	Interrupted string
	Packages    []string // installed, of those that matter
	// DockerCE reports whether a repository offers docker-ce.
	DockerCE bool
	// Engine is the version of the Docker Engine; empty is none.
	Engine string
	// EngineOffered is the version of Debian's or Ubuntu's own Engine that apt
	// would install; empty: apt does not know yet.
	EngineOffered string `json:",omitzero"`
	Swarm         bool
	Standing      Standing `json:",omitzero"`
	// Strays are containers that run and that the engine does not know: an ID and
	// what its first process is called.
	Strays []string
	// Units maps a systemd unit to "active enabled" and the like.
	Units map[string]string
	// Files maps a path to its content, for those that are there.
	Files map[string]string
	User  UserFacts
	// SSHD is what sshd really does: `sshd -T`, keys in lower case.
	SSHD map[string][]string
	UFW  UFWFacts
	// Chain4 and Chain6 are the rules of DOCKER-USER as they are loaded.
	Chain4, Chain6 []string
	IPv6           bool     // ip6tables works
	Uplinks        []string // interfaces of the default routes
	Swap           bool
	MemoryKB       int64
	RootFS         string
	RootFreeKB     int64
	// Folders maps a path to "owner mode".
	Folders map[string]string
	// Pending are guarded changes that nobody confirmed.
	Pending []string
	// Clock is what systemd says of time synchronisation.
	Clock map[string]string
}

// UserFacts describe the deploy user.
type UserFacts struct {
	Exists bool
	Groups []string
	// Password reports whether the account has one that opens it.
	Password bool
	Home     string
	Keys     string // content of authorized_keys
	// KeyModes are "owner mode" of ~/.ssh and of authorized_keys.
	KeyModes [2]string
}

// UFWFacts describe the firewall.
type UFWFacts struct {
	Active   bool
	Incoming string   // the default for incoming connections
	Added    []string // rules, as `ufw show added` prints them
}

// parse reads what observe.sh printed: base64 and a name a line, the last one
// saying that it is whole.
func parse(printed string) (Facts, error) {
	f := Facts{IndexAge: -1, Units: map[string]string{}, Files: map[string]string{}, Folders: map[string]string{}}
	whole := false
	for n, line := range strings.Split(strings.TrimSpace(printed), "\n") {
		encoded, name, _ := strings.Cut(line, " ")
		content, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return f, fmt.Errorf("line %d of the observation is not readable: %w", n+1, err)
		}
		kind, key, _ := strings.Cut(name, "=")
		whole = whole || kind == "whole"
		f.note(kind, key, string(content))
	}
	if !whole || f.System["ID"] == "" || f.SSHD["port"] == nil {
		return f, fmt.Errorf("the observation is not complete: it was cut off, or `sshd -T` does not work")
	}
	return f, nil
}

// noteSwarm takes what a host is in a Swarm.
func (f *Facts) noteSwarm(kind, text, line string) {
	switch kind {
	case "swarm":
		f.Swarm = line == "yes"
	case "swarm-node":
		f.Standing.read(text)
	case "swarm-mark":
		f.Standing.Mark = line
	}
}

// note takes one fact.
func (f *Facts) note(kind, key, text string) {
	line := strings.TrimSpace(text)
	switch kind {
	case "system":
		f.System = assignments(text)
	case "arch":
		f.Arch = line
	case "container":
		f.Container = line != "none" && line != ""
	case "apparmor":
		f.AppArmor = line == "Y"
	case "index":
		f.IndexAge = number(line, -1)
	case "interrupted":
		f.Interrupted = line
	case "packages":
		f.Packages = strings.Fields(text)
	case "docker-ce":
		f.DockerCE = line != "" && line != "(none)"
	case "engine":
		f.Engine = line
	case "engine-offered":
		f.EngineOffered = strings.TrimPrefix(line, "(none)")
	case "swarm", "swarm-node", "swarm-mark":
		f.noteSwarm(kind, text, line)
	case "strays":
		f.Strays = slices.DeleteFunc(strings.Split(line, "\n"), func(s string) bool { return s == "" })
	case "units":
		for block := range strings.SplitSeq(text, "\n\n") {
			unit := assignments(block)
			f.Units[unit["Id"]] = strings.TrimSpace(unit["ActiveState"] + " " + unit["UnitFileState"])
		}
	case "file":
		f.Files[key] = text
	case "folder":
		f.Folders[key] = line
	case "pending":
		f.Pending = strings.Fields(text)
	case "clock":
		f.Clock = assignments(text)
	case "swap":
		f.Swap = strings.Count(line, "\n") > 0
	case "memory":
		f.MemoryKB = number(line, 0)
	case "rootfs":
		fs, free, _ := strings.Cut(line, " ")
		f.RootFS, f.RootFreeKB = fs, number(strings.TrimSpace(free), 0)
	default:
		f.noteAccess(kind, text)
	}
}

// noteAccess takes one fact about who gets in.
func (f *Facts) noteAccess(kind, text string) {
	line := strings.TrimSpace(text)
	switch kind {
	case "user":
		f.User.Exists = line != ""
		if fields := strings.Split(line, ":"); len(fields) > 5 {
			f.User.Home = fields[5]
		}
	case "groups":
		f.User.Groups = strings.Fields(text)
	case "password":
		f.User.Password = line == "P" || line == "NP"
	case "keys":
		f.User.Keys = text
	case "keymodes":
		dir, file, _ := strings.Cut(line, "\n")
		f.User.KeyModes = [2]string{dir, file}
	case "sshd":
		f.SSHD = map[string][]string{}
		for l := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(l), " ")
			f.SSHD[key] = append(f.SSHD[key], value)
		}
	case "ufw":
		f.UFW.Active = strings.Contains(text, "Status: active")
		for l := range strings.Lines(text) {
			if rest, found := strings.CutPrefix(l, "Default: "); found {
				f.UFW.Incoming, _, _ = strings.Cut(rest, " ")
			}
		}
	case "ufw-added":
		for l := range strings.Lines(text) {
			if rule, found := strings.CutPrefix(strings.TrimSpace(l), "ufw "); found {
				f.UFW.Added = append(f.UFW.Added, rule)
			}
		}
	case "chain4":
		f.Chain4 = strings.Split(line, "\n")
	case "chain6":
		f.Chain6 = strings.Split(line, "\n")
	case "ipv6":
		f.IPv6 = line != ""
	case "uplinks":
		f.Uplinks = strings.Fields(text)
	}
}

// assignments reads lines of NAME=value, quoted or not.
func assignments(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found {
			all[name] = strings.Trim(value, `"'`)
		}
	}
	return all
}

func number(text string, otherwise int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// installed reports whether a package is there.
func (f Facts) installed(name string) bool { return slices.Contains(f.Packages, name) }

// running reports whether a unit runs and starts at boot.
func (f Facts) running(unit string) bool {
	return strings.HasPrefix(f.Units[unit], "active ") &&
		(strings.HasSuffix(f.Units[unit], " enabled") || strings.HasSuffix(f.Units[unit], " static"))
}

// supported are the systems that this package was made for.
var supported = map[string][]string{"debian": {"12", "13"}, "ubuntu": {"22.04", "24.04"}}

// refuse says why a system is left alone, or nil.
func refuse(system map[string]string, arch, on string) error {
	name := system["PRETTY_NAME"]
	if name == "" {
		name = "a system without /etc/os-release"
	}
	what := "provision " + on
	if !slices.Contains(supported[system["ID"]], system["VERSION_ID"]) {
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("%s is not supported; nothing was changed", name),
			"use Debian 12 or 13, or Ubuntu 22.04 or 24.04, or prepare the host by hand (docs/deploy.md)")
	}
	if arch != "x86_64" && arch != "aarch64" {
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("processor %q is not supported; nothing was changed", arch),
			"use an amd64 or arm64 host")
	}
	return nil
}

// conflict says what on the host contradicts what would be made, or nil.
func (f Facts) conflict(on string) error {
	what := "provision " + on
	if strings.HasPrefix(f.Units["firewalld.service"], "active") {
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("firewalld runs; nothing was changed"),
			"stackctl sets up ufw, and two firewalls fight: remove one with `apt-get remove firewalld`")
	}
	for _, name := range f.Uplinks {
		if strings.HasPrefix(name, "br-") || name == "docker0" {
			return stack.Fault(stack.CauseUsage, what, fmt.Errorf("the uplink is called %s, like Docker's own bridges; nothing was changed", name),
				"the rules that hold published ports tell them apart by name: rename the uplink")
		}
	}
	if text, there := f.Files[daemonJSON]; there && strings.TrimSpace(text) != "" {
		var settings map[string]any
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			return stack.Fault(stack.CauseUsage, what, fmt.Errorf("%s is not valid JSON: %w; nothing was changed", daemonJSON, err), "repair it")
		}
	}
	return nil
}
