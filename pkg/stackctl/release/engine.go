package release

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// startable refuses what Compose reads and no Engine starts: a deploy would find it
// out halfway, when others of the release run already.
func (d Draft) startable() error {
	var faults []error
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		if !d.deployed(s) {
			continue
		}
		for _, o := range slices.Concat(oddWords(s), oddTargets(s), d.absent(s)) {
			faults = append(faults, refuse(d.sources, d.places[name], "service "+name+" "+o.problem, o.fix, append([]string{"services", name}, o.keys...)...))
		}
	}
	for _, name := range sortedKeys(d.project.Volumes) {
		if v := d.project.Volumes[name]; !bool(v.External) && v.Name != "" && !objectName.MatchString(v.Name) {
			faults = append(faults, refuse(d.sources, place{file: d.config.Compose.Files[0]}, "volume "+name+" is named "+strconv.Quote(v.Name)+", and no volume is called so",
				"write letters, digits, _, . and - alone", "volumes", name, "name"))
		}
	}
	return together("things cannot be started", slices.Concat(faults, d.portClashes(), d.addressFaults()))
}

// odd is what an Engine refuses of a service, and where that stands.
type odd struct {
	problem, fix string
	keys         []string
}

var (
	objectName    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)
	restartPolicy = regexp.MustCompile(`^(?:|no|always|unless-stopped|on-failure(?::\d+)?)$`)
	signal        = regexp.MustCompile(`^(?i:(?:SIG)?(?:` + signals + `|RTMIN(?:\+\d+)?|RTMAX(?:-\d+)?)|\d+)$`)
	driveOf       = regexp.MustCompile(`^([A-Za-z]):/`)
)

const (
	signals      = `ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ`
	capabilities = ` ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM `
)

// oddWords are values of which an Engine knows a few.
func oddWords(s types.ServiceConfig) []odd {
	var out []odd
	if !restartPolicy.MatchString(s.Restart) {
		out = append(out, odd{"has restart: " + s.Restart + ", which is none", "write no, always, unless-stopped or on-failure", []string{"restart"}})
	}
	if s.StopSignal != "" && !signal.MatchString(s.StopSignal) {
		out = append(out, odd{"has the stop_signal " + s.StopSignal + ", which is none", "write a signal of Linux, such as SIGTERM or SIGQUIT", []string{"stop_signal"}})
	}
	if s.ContainerName != "" && !objectName.MatchString(s.ContainerName) {
		out = append(out, odd{"has the container_name " + strconv.Quote(s.ContainerName) + ", and no container is called so", "write letters, digits, _, . and - alone", []string{"container_name"}})
	}
	for i, c := range slices.Concat(s.CapAdd, s.CapDrop) {
		if strings.Contains(capabilities, " "+strings.TrimPrefix(strings.ToUpper(c), "CAP_")+" ") {
			continue
		}
		key := "cap_add"
		if i >= len(s.CapAdd) {
			key = "cap_drop"
		}
		out = append(out, odd{"has the capability " + c + ", which is none", "correct it; capabilities(7) lists them", []string{key}})
	}
	if _, nameless := s.Environment[""]; nameless {
		out = append(out, odd{"has a variable without a name", "write NAME=value", []string{"environment"}})
	}
	if s.CredentialSpec != nil {
		out = append(out, odd{"has a credential_spec, which containers of Windows alone have", "remove it", []string{"credential_spec"}})
	}
	return out
}

// oddTargets are the mounts whose place in the container is none.
func oddTargets(s types.ServiceConfig) []odd {
	var out []odd
	add := func(key, target string) {
		is, fix := "is no absolute path", "begin it with /"
		switch m := driveOf.FindStringSubmatch(target); {
		case m != nil:
			is, fix = "is no path: Compose takes the name "+m[1]+" before it for a drive of Windows", "give the volume a name of two letters or more"
		case path.IsAbs(target) && path.Clean(target) != "/":
			return
		case path.IsAbs(target):
			is, fix = "is the container's root", "name a folder below it"
		}
		out = append(out, odd{"mounts something at " + target + ", which " + is, fix, []string{key}})
	}
	for _, v := range s.Volumes {
		add("volumes", v.Target)
	}
	for _, t := range s.Tmpfs {
		target, _, _ := strings.Cut(t, ":")
		add("tmpfs", target)
	}
	return out
}

// absent are the services that one waits for and that are not deployed with it.
func (d Draft) absent(s types.ServiceConfig) []odd {
	var out []odd
	for _, name := range sortedKeys(s.DependsOn) {
		other, there := d.project.Services[name]
		if !there || d.deployed(other) || !s.DependsOn[name].Required {
			continue
		}
		out = append(out, odd{"waits for " + name + ", which is in no profile that is deployed",
			"name one of its profiles (" + strings.Join(other.Profiles, ", ") + ") under compose.profiles, or write `required: false` below its name", []string{"depends_on"}})
	}
	return out
}
