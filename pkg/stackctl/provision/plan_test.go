package provision

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func testSettings() Settings {
	return SettingsFor(stack.Target{User: "deploy", Admin: "root", Path: "/srv/stack"}, testKey)
}

// recorded are facts as they were observed on a real host.
func recorded(t *testing.T, name string) Facts {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f Facts
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// rented makes a host that is no container of recorded facts.
func rented(f Facts) Facts {
	f.Container, f.AppArmor, f.RootFS = false, true, "ext4"
	f.Packages = append(slices.Clone(f.Packages), "apparmor", "systemd-timesyncd")
	f.Units["systemd-timesyncd.service"] = "active enabled"
	f.MemoryKB, f.RootFreeKB = 1<<20, 20<<20
	return f
}

func TestBareHostGetsEverythingInOrder(t *testing.T) {
	want := []string{"packages", "docker settings", "deploy user", "ssh", "firewall", "fail2ban", "security updates", "folders"}
	var got []string
	for _, c := range Plan(recorded(t, "bare-debian12"), testSettings()) {
		got = append(got, c.Item)
		if c.What == "" || c.Cause == "" || len(c.Actions) == 0 {
			t.Errorf("%s says too little: %+v", c.Item, c)
		}
		if guarded := c.Item == "ssh" || c.Item == "firewall"; guarded != (c.Guard != nil) {
			t.Errorf("%s: guard is %v", c.Item, c.Guard)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("plan is %q, want %q", got, want)
	}
}

func TestReadyHostGetsNothing(t *testing.T) {
	if changes := Plan(recorded(t, "ready-debian12"), testSettings()); len(changes) != 0 {
		t.Errorf("plan:\n%s", Text(changes))
	}
}

func TestPlanIsPure(t *testing.T) {
	f := recorded(t, "bare-debian12")
	before, _ := json.Marshal(f)
	first := Text(Plan(f, testSettings()))
	after, _ := json.Marshal(f)
	if string(before) != string(after) || first != Text(Plan(f, testSettings())) {
		t.Error("planning changed the facts, or a second plan differs")
	}
}

// TestOneDifferenceGivesOneChange takes a ready host, changes one thing and
// expects the one change that puts it right.
func TestOneDifferenceGivesOneChange(t *testing.T) {
	for name, c := range map[string]struct {
		differ      func(*Facts)
		item, cause string
	}{
		"package gone":         {func(f *Facts) { f.Packages = without(f.Packages, "ufw") }, "packages", "firewall lacks ufw"},
		"dpkg interrupted":     {func(f *Facts) { f.Interrupted = "The following packages are only half configured" }, "packages", "half configured"},
		"engine stopped":       {func(f *Facts) { f.Units["docker.service"] = "inactive disabled" }, "docker", "inactive, disabled"},
		"engine not at boot":   {func(f *Facts) { f.Units["docker.service"] = "active disabled" }, "docker", "active, disabled"},
		"no daemon.json":       {func(f *Facts) { delete(f.Files, daemonJSON) }, "docker settings", "live-restore is off"},
		"a lost container":     {func(f *Facts) { f.Strays = []string{strings.Repeat("1f", 32) + " traefik"} }, "containers", "lost sight"},
		"no group":             {func(f *Facts) { f.User.Groups = []string{"deploy"} }, "deploy user", "group docker"},
		"a password":           {func(f *Facts) { f.User.Password = true }, "deploy user", "has a password"},
		"no key":               {func(f *Facts) { f.User.Keys = "# " + testKey }, "deploy user", "lacks the deploy key"},
		"loose key file":       {func(f *Facts) { f.User.KeyModes[1] = "deploy 644" }, "deploy user", "644"},
		"passwords by cloud":   {func(f *Facts) { f.SSHD["passwordauthentication"] = []string{"yes"} }, "ssh", `passwordauthentication is "yes"`},
		"root with password":   {func(f *Facts) { f.SSHD["permitrootlogin"] = []string{"yes"} }, "ssh", "permitrootlogin"},
		"no tunnels":           {func(f *Facts) { f.SSHD["allowstreamlocalforwarding"] = []string{"no"} }, "ssh", "allowstreamlocalforwarding"},
		"drop-in gone":         {func(f *Facts) { delete(f.Files, sshDropIn) }, "ssh", "is not there"},
		"no include":           {func(f *Facts) { f.Files[sshConfig] = "Port 22\n" }, "ssh", "does not include"},
		"only some may log in": {func(f *Facts) { f.SSHD["allowusers"] = []string{"root", "ann"} }, "ssh", "differs"},
		"ssh not confirmed":    {func(f *Facts) { f.Pending = []string{"ssh"} }, "ssh", "cut off"},
		"ufw off":              {func(f *Facts) { f.UFW.Active = false }, "firewall", "not active"},
		"ufw lets in":          {func(f *Facts) { f.UFW.Incoming = "allow" }, "firewall", "allow by default"},
		"ufw not at boot":      {func(f *Facts) { f.Units["ufw.service"] = "active disabled" }, "firewall", "at boot"},
		"ufw without IPv6":     {func(f *Facts) { f.Files[ufwDefaults] = "IPV6=no\n" }, "firewall", "IPv6"},
		"rule gone":            {func(f *Facts) { f.UFW.Added = without(f.UFW.Added, "allow 443/tcp") }, "firewall", "lets in 443"},
		"chain flushed":        {func(f *Facts) { f.Chain4 = []string{"-N DOCKER-USER"} }, "firewall", "not held (IPv4)"},
		"IPv6 chain flushed":   {func(f *Facts) { f.Chain6 = nil }, "firewall", "not held (IPv6)"},
		"chain not kept":       {func(f *Facts) { f.Files[ufwRules4] = "*filter\nCOMMIT\n" }, "firewall", "not held (IPv4)"},
		"jail gone":            {func(f *Facts) { delete(f.Files, fail2banJail) }, "fail2ban", "is not there"},
		"fail2ban failed":      {func(f *Facts) { f.Units["fail2ban.service"] = "failed enabled" }, "fail2ban", "failed"},
		"another operator":     {func(f *Facts) { f.Operator = "198.51.100.4" }, "fail2ban", "differs"},
		"updates off":          {func(f *Facts) { f.Files[aptUpdates] = "" }, "security updates", "differs"},
		"timer off":            {func(f *Facts) { f.Units["apt-daily-upgrade.timer"] = "inactive disabled" }, "security updates", "apt-daily-upgrade"},
		"folder of root's":     {func(f *Facts) { f.Folders["/srv/stack/secrets"] = "root 755" }, "folders", "secrets is root 755"},
		"folder gone":          {func(f *Facts) { delete(f.Folders, "/srv/stack/tmp") }, "folders", "tmp is not there"},
		"no swap":              {func(f *Facts) { *f = rented(*f) }, "swap", "no swap"},
		"no time service": {func(f *Facts) {
			*f = rented(*f)
			f.Swap = true
			f.Packages = without(f.Packages, "systemd-timesyncd")
			f.Units["systemd-timesyncd.service"] = "inactive "
		}, "packages", "clock lacks systemd-timesyncd"},
		"time service stopped": {func(f *Facts) {
			*f = rented(*f)
			f.Swap = true
			f.Units["systemd-timesyncd.service"] = "inactive disabled"
		}, "clock", "does not run"},
		"apparmor without its loader": {func(f *Facts) { f.AppArmor = true }, "packages", "apparmor"},
	} {
		t.Run(name, func(t *testing.T) {
			f := recorded(t, "ready-debian12")
			c.differ(&f)
			changes := Plan(f, testSettings())
			if len(changes) != 1 || changes[0].Item != c.item || !strings.Contains(changes[0].Cause, c.cause) {
				t.Errorf("plan:\n%swant one change of %s with cause %q", Text(changes), c.item, c.cause)
			}
		})
	}
}

func without(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}

func TestWhatIsFineIsLeftAlone(t *testing.T) {
	for name, differ := range map[string]func(*Facts){
		"docker-ce instead of docker.io": func(f *Facts) { f.Packages = append(without(f.Packages, "docker.io"), "docker-ce") },
		"an Engine from elsewhere":       func(f *Facts) { f.Packages = without(f.Packages, "docker.io") },
		"SSH rate limited by ufw":        func(f *Facts) { f.UFW.Added = append(without(f.UFW.Added, "allow 22/tcp"), "limit 22/tcp") },
		"a rule with a comment": func(f *Facts) {
			f.UFW.Added = append(without(f.UFW.Added, "allow 80/tcp"), "allow 80/tcp comment 'site'")
		},
		"further rules of somebody":      func(f *Facts) { f.UFW.Added = append(f.UFW.Added, "allow from 198.51.100.0/24 to any port 9100") },
		"no root login at all":           func(f *Facts) { f.SSHD["permitrootlogin"] = []string{"no"} },
		"further keys":                   func(f *Facts) { f.User.Keys = "ssh-rsa AAAA old\nfrom=\"10.0.0.1\" " + testKey + " laptop\n" },
		"further groups":                 func(f *Facts) { f.User.Groups = append(f.User.Groups, "video") },
		"an old index, nothing to fetch": func(f *Facts) { f.IndexAge = 90 * 24 * 60 * 60 },
		"no IPv6 tables in the kernel":   func(f *Facts) { f.IPv6, f.Chain6 = false, nil },
		"swap of its own":                func(f *Facts) { *f = rented(*f); f.Swap = true },
		"chrony":                         func(f *Facts) { f.Units["chrony.service"] = "active enabled" },
		"operator on the host itself":    func(f *Facts) { f.Operator = "127.0.0.1" },
		"provisioned by hand at console": func(f *Facts) { f.Operator, f.Port = "", "" },
		"restricted, but with deploy": func(f *Facts) {
			f.SSHD["allowusers"] = []string{"root", "deploy"}
			f.Files[sshDropIn] += "AllowUsers deploy\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := recorded(t, "ready-debian12")
			differ(&f)
			if changes := Plan(f, testSettings()); len(changes) != 0 {
				t.Errorf("plan:\n%s", Text(changes))
			}
		})
	}
}

func TestEngineComesFromTheRepositoryThatTheHostHas(t *testing.T) {
	f := recorded(t, "bare-debian12")
	f.DockerCE = true
	apt := Plan(f, testSettings())[0].Actions[0].Apt
	if !slices.Contains(apt.Packages, "docker-ce") || slices.Contains(apt.Packages, "docker.io") {
		t.Errorf("installs %v", apt.Packages)
	}
}

func TestIndexIsFetchedOnlyWhenItIsOld(t *testing.T) {
	for age, want := range map[int64]bool{-1: true, 60: false, indexMaxAge + 1: true} {
		f := recorded(t, "bare-debian12")
		f.IndexAge = age
		if got := Plan(f, testSettings())[0].Actions[0].Apt.Refresh; got != want {
			t.Errorf("index of %d s: refresh %v", age, got)
		}
	}
}

func TestDaemonSettingsAreMerged(t *testing.T) {
	for name, c := range map[string]struct {
		now        string
		restore    live
		keep, lack []string
		changed    bool
	}{
		"nothing":            {"", liveOn, []string{`"log-driver": "json-file"`, `"max-size": "10m"`, `"live-restore": true`}, nil, true},
		"other keys":         {`{"mtu": 1400, "registry-mirrors": ["https://m?a=1&b=<2>"], "x": 12345678901234567890}`, liveOn, []string{`"mtu": 1400`, `https://m?a=1&b=<2>`, `12345678901234567890`, `"max-file": "3"`}, nil, true},
		"own limits":         {`{"log-driver":"json-file","log-opts":{"max-size":"50m","max-file":"9"},"live-restore":true}`, liveOn, []string{`"50m"`, `"9"`}, nil, false},
		"another log driver": {`{"log-driver":"journald","live-restore":true}`, liveOn, []string{"journald"}, []string{"max-size"}, false},
		"swarm":              {`{"log-driver":"journald"}`, liveAsItIs, nil, []string{"live-restore"}, false},
		"a cluster":          {`{"log-driver":"journald"}`, liveOff, nil, []string{"live-restore"}, false},
		"a cluster to be":    {`{"log-driver":"journald","live-restore":true}`, liveOff, []string{`"live-restore": false`}, nil, true},
		"live-restore off":   {`{"log-driver":"journald","live-restore":false}`, liveOn, []string{`"live-restore": true`}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, causes := mergeDaemon(c.now, c.restore)
			if (len(causes) > 0) != c.changed {
				t.Errorf("causes %q", causes)
			}
			for _, k := range c.keep {
				if !strings.Contains(got, k) {
					t.Errorf("lacks %s:\n%s", k, got)
				}
			}
			for _, l := range c.lack {
				if strings.Contains(got, l) {
					t.Errorf("has %s:\n%s", l, got)
				}
			}
			if again, causes := mergeDaemon(got, c.restore); len(causes) != 0 || again != got {
				t.Errorf("merging twice changes it: %q\n%s", causes, again)
			}
		})
	}
}

func TestOperatorAddressesAreKeptAndBounded(t *testing.T) {
	f := recorded(t, "ready-debian12")
	for i := range 40 {
		f.Operator = fmt.Sprintf("203.0.113.%d", i)
		f.Files[fail2banJail] = jail(f)
	}
	got := ignored(f)
	if len(got) != ignoredLimit+2 || !slices.Contains(got, "203.0.113.39") || !slices.Contains(got, "203.0.113.38") || slices.Contains(got, "203.0.113.0") {
		t.Errorf("ignores %v", got)
	}
	f.Operator = "1.2.3.4\nbantime = 0"
	if strings.Contains(jail(f), "bantime = 0") {
		t.Error("an address was taken that is none")
	}
}

func TestChainKnowsItsContent(t *testing.T) {
	one, two := chain([]Port{{Number: 80}, {Number: 443}}, nil), chain([]Port{{Number: 80}}, nil)
	if mark(one) == mark(two) || !strings.HasPrefix(mark(one), "stackctl-") {
		t.Errorf("marks %q %q", mark(one), mark(two))
	}
	if strings.Contains(two, "443") {
		t.Errorf("443 is open:\n%s", two)
	}
}

// What a project declares is let through, and what another one of the server has
// declared stays.
func TestDeclaredPortsAreLetThrough(t *testing.T) {
	target := stack.Target{User: "deploy", Admin: "root", Path: "/srv/stack"}
	forge := SettingsFor(target, testKey, Port{27015, true}, Port{2222, false}, Port{443, false})
	f := recorded(t, "ready-debian12")
	changes := Plan(f, forge)
	if len(changes) != 1 || changes[0].Item != "firewall" || !strings.Contains(changes[0].What, "to 80, 443, 2222, 27015/udp") || !strings.Contains(changes[0].Cause, "no rule lets in 2222, 27015/udp") {
		t.Fatalf("plan:\n%s", Text(changes))
	}
	rules := chain(forge.Ports, nil)
	for _, want := range []string{"-p tcp -m conntrack --ctstate DNAT --ctorigdstport 2222 -j RETURN", "-p udp -m conntrack --ctstate DNAT --ctorigdstport 27015 -j RETURN"} {
		if !strings.Contains(rules, want) {
			t.Errorf("no %s in\n%s", want, rules)
		}
	}
	// So the host is afterwards, for this project and for one that declares nothing.
	loaded := []string{"-A DOCKER-USER -m comment --comment " + mark(rules) + " -j DROP"}
	f.Files[ufwRules4], f.Files[ufwRules6], f.Chain4 = block(rules), block(rules), loaded
	if f.IPv6 {
		f.Chain6 = loaded
	}
	f.UFW.Added = append(f.UFW.Added, "allow 2222/tcp", "allow 27015/udp")
	for name, s := range map[string]Settings{"the same project": forge, "one that declares nothing": SettingsFor(target, testKey)} {
		if changes := Plan(f, s); len(changes) != 0 {
			t.Errorf("%s changes\n%s", name, Text(changes))
		}
	}
	if got := Text(Plan(f, SettingsFor(target, testKey, Port{9000, false}))); !strings.Contains(got, "to 80, 443, 2222, 9000, 27015/udp") {
		t.Errorf("another project's ports are closed:\n%s", got)
	}
}

func TestSwapIsLeftOutWithAReason(t *testing.T) {
	for want, differ := range map[string]func(*Facts){
		"is a container":  func(f *Facts) { f.Container = true },
		"has swap":        func(f *Facts) { f.Swap = true },
		"btrfs":           func(f *Facts) { f.RootFS = "btrfs" },
		"MB of disk free": func(f *Facts) { f.RootFreeKB = 1 << 20 },
	} {
		f := rented(recorded(t, "ready-debian12"))
		differ(&f)
		notes := strings.Join(Notes(f), "\n")
		if want == "MB of disk free" {
			want = "MB of disk are free"
		}
		if !strings.Contains(notes, "swap: skipped") || !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
	f := rented(recorded(t, "ready-debian12"))
	f.Swap, f.Files["/etc/fstab"] = true, swapFile+" none swap sw 0 0\n"
	if changes := Plan(f, testSettings()); len(changes) != 0 {
		t.Errorf("a swap file of ours that is in use:\n%s", Text(changes))
	}
}

func TestUnsupportedSystemsAreRefused(t *testing.T) {
	for _, c := range []struct {
		id, version, arch string
		ok                bool
	}{
		{"debian", "12", "x86_64", true}, {"debian", "13", "aarch64", true},
		{"ubuntu", "22.04", "x86_64", true}, {"ubuntu", "24.04", "x86_64", true},
		{"debian", "11", "x86_64", false}, {"ubuntu", "20.04", "x86_64", false}, {"ubuntu", "25.04", "x86_64", false},
		{"fedora", "41", "x86_64", false}, {"alpine", "3.20", "x86_64", false}, {"", "", "x86_64", false},
		{"debian", "", "x86_64", false}, {"debian", "12", "armv7l", false},
	} {
		err := refuse(map[string]string{"ID": c.id, "VERSION_ID": c.version}, c.arch, "host")
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil && (stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "nothing was changed")) {
			t.Errorf("%+v says %v", c, err)
		}
	}
}

func TestConflictsAreRefused(t *testing.T) {
	for want, differ := range map[string]func(*Facts){
		"firewalld":      func(f *Facts) { f.Units["firewalld.service"] = "active enabled" },
		"rename":         func(f *Facts) { f.Uplinks = []string{"br-lan"} },
		"not valid JSON": func(f *Facts) { f.Files[daemonJSON] = "{" },
	} {
		f := recorded(t, "ready-debian12")
		if err := f.conflict("host"); err != nil {
			t.Fatal(err)
		}
		differ(&f)
		if err := f.conflict("host"); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("want %q, says %v", want, err)
		}
	}
}

func TestSettingsThatNoHostCanHave(t *testing.T) {
	if err := testSettings().check(); err != nil {
		t.Fatal(err)
	}
	for name, differ := range map[string]func(*Settings){
		"no user":         func(s *Settings) { s.User = "" },
		"a shell in user": func(s *Settings) { s.User = "a;reboot" },
		"an option":       func(s *Settings) { s.User = "-u" },
		"root folder":     func(s *Settings) { s.Path = "/" },
		"system folder":   func(s *Settings) { s.Path = "/etc" },
		"relative":        func(s *Settings) { s.Path = "srv/stack" },
		"not clean":       func(s *Settings) { s.Path = "/srv/../etc/ssh" },
		"no key":          func(s *Settings) { s.PublicKey = "" },
		"two keys":        func(s *Settings) { s.PublicKey = testKey + "\n" + testKey },
		"no blob":         func(s *Settings) { s.PublicKey = "ssh-ed25519 !!" },
		"a wrong port":    func(s *Settings) { s.Ports = []Port{{Number: 70000}} },
	} {
		s := testSettings()
		differ(&s)
		if err := s.check(); stack.CauseOf(err) != stack.CauseUsage || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObservationThatIsCutOffIsRefused(t *testing.T) {
	line := func(name, text string) string {
		return base64.StdEncoding.EncodeToString([]byte(text)) + " " + name + "\n"
	}
	whole := line("system", "ID=debian\nVERSION_ID=\"12\"\n") + line("sshd", "port 22\nport 2222\n") +
		line("file=/etc/x", "swap=\nfolder=/ root 755\n") + line("folder=/srv/my stack", "deploy 755") +
		line("swap", "Filename Type\n/dev/vda2 partition\n") + line("units", "Id=a.timer\nActiveState=active\nUnitFileState=enabled\n\nId=b.service\nActiveState=inactive\nUnitFileState=\n") +
		line("whole", "yes")
	f, err := parse(whole)
	if err != nil || !slices.Equal(f.SSHD["port"], []string{"22", "2222"}) || !f.Swap || f.Files["/etc/x"] == "" || len(f.Folders) != 1 || f.Folders["/srv/my stack"] == "" {
		t.Errorf("%v %+v", err, f)
	}
	if !f.running("a.timer") || f.running("b.service") || f.Units["b.service"] != "inactive" {
		t.Errorf("units %q", f.Units)
	}
	for _, broken := range []string{"", line("system", "ID=debian"), whole + "not*base64 file=/etc/y", whole[:len(whole)/2], whole[:len(whole)-6]} {
		if _, err := parse(broken); err == nil {
			t.Errorf("%q was accepted", broken)
		}
	}
}

func TestScriptsAreValidShell(t *testing.T) {
	for name, script := range map[string]string{
		"observe.sh": observeScript, "login": loginScript, "restart docker": restartDocker, "add key": addKey,
		"apply ssh": applySSH, "write rules": writeRules, "enable ufw": enableUFW, "start fail2ban": startFail2ban,
		"make swap": makeSwap, "make folder": makeFolder, "write file": writeFile, "arm": armScript, "disarm": disarm,
	} {
		check := exec.Command("sh", "-n")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestHeldLockIsToldFromOtherFailures(t *testing.T) {
	for said, want := range map[string]bool{
		"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (apt-get)":                                   true,
		"E: Could not get lock /var/lib/apt/lists/lock. It is held by process 99\nE: Unable to lock directory /var/lib/apt/lists/": true,
		"dpkg: error: dpkg frontend lock was locked by another process with pid 4":                                                 true,
		"E: Unable to locate package no-such":                                                false,
		"E: Failed to fetch http://mirror/pool/main/d/docker.io  Could not resolve 'mirror'": false,
		"E: You don't have enough free space in /var/cache/apt/archives/.":                   false,
	} {
		if lockHeld(said) != want {
			t.Errorf("%q: held is %v", said, !want)
		}
		if !want && aptFix(said) == aptFix("") {
			t.Errorf("%q has no advice of its own", said)
		}
	}
}
