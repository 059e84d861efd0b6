//go:build linux

package openssh

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sshSays are the settings of a host as the real ssh resolves them.
func sshSays(t *testing.T, file, user, host string) (map[string][]string, error) {
	t.Helper()
	args := []string{"-G", "-F", file}
	if user != "" {
		args = append(args, "-l", user)
	}
	cmd := exec.Command("ssh", append(args, "--", host)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, errs.String())
	}
	says := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		says[name] = append(says[name], value)
	}
	return says, nil
}

// compare asks ssh and this package about one host and returns what differs.
func compare(t *testing.T, config, user, host string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	says, refusal := sshSays(t, file, user, host)
	got, err := Resolve(Usual().Only(file), Query{Host: host, User: user})
	if refusal != nil && strings.Contains(refusal.Error(), "jumphost loop") {
		_, err = Hops(Usual().Only(file), Query{Host: host, User: user})
	}
	if (err == nil) != (refusal == nil) {
		return fmt.Sprintf("error %v, ssh says %v", err, refusal)
	}
	if err != nil {
		return ""
	}
	jump := ""
	for i, j := range got.Jumps {
		jump += strings.Repeat(",", min(i, 1))
		if j.User != "" {
			jump += j.User + "@"
		}
		jump += j.Host
		if j.Port != 0 {
			jump += fmt.Sprint(":", j.Port)
		}
	}
	port := got.Port
	if port == 0 {
		port = 22
	}
	userName := or(got.User, Usual().LocalUser)
	var differs []string
	check := func(name, value string) {
		if said := strings.Join(says[name], "|"); said != value {
			differs = append(differs, fmt.Sprintf("%s: %q, ssh says %q", name, value, said))
		}
	}
	check("hostname", got.HostName)
	check("port", fmt.Sprint(port))
	check("user", userName)
	check("hostkeyalias", got.HostKeyAlias)
	check("proxyjump", jump)
	check("identitiesonly", map[bool]string{true: "yes", false: "no"}[got.IdentitiesOnly])
	if strings.Contains(strings.ToLower(config), "identityfile") && says["identityfile"] != nil && !strings.HasPrefix(says["identityfile"][0], "~") {
		check("identityfile", strings.Join(got.IdentityFiles, "|"))
	}
	if strings.Contains(strings.ToLower(config), "userknownhostsfile") {
		if said := strings.Join(says["userknownhostsfile"], "|"); strings.HasPrefix(said, "/") {
			check("userknownhostsfile", strings.Join(got.UserKnownHosts, " "))
		}
	}
	return strings.Join(differs, "\n")
}

// cases are files as people have them, with the hosts to ask for.
var cases = map[string]struct {
	config, user string
	hosts        []string
}{
	"alias":             {config: "Host prod\n  HostName 203.0.113.7\n  User jane.doe\n  Port 2222\n  IdentityFile /k/id\n", hosts: []string{"prod", "other", "PROD"}},
	"first one counts":  {config: "User first\nHost *\n  User second\n  Port 1\nHost a\n  Port 2\n", hosts: []string{"a"}},
	"keys add up":       {config: "Host a\n IdentityFile /k/1\nHost *\n IdentityFile /k/2\n IdentityFile /k/1\n", hosts: []string{"a", "b"}},
	"equals and quotes": {config: "Host=\"a\"\n\tHostName = \"x.example\"\n Port=\t23\n", hosts: []string{"a"}},
	"comments":          {config: "# one\nHost a # two\n  Port 2022 # three\n  #Port 1\n", hosts: []string{"a", "#", "two"}},
	"negation":          {config: "Host *.example !b.example\n Port 5\nHost !c *\n User u\n", hosts: []string{"a.example", "b.example", "c"}},
	"question mark":     {config: "Host web?\n Port 7\n", hosts: []string{"web1", "web", "web12"}},
	"%h":                {config: "Host *.in\n HostName %h.example.org\n", hosts: []string{"a.in"}},
	"%% and bad token":  {config: "Host a\n HostName x%%y\nHost b\n HostName %z\n", hosts: []string{"a", "b"}},
	"match host":        {config: "Host a\n HostName real.example\nMatch host real.example\n Port 9\nMatch host a\n User wrong\nMatch originalhost a\n User right\n", hosts: []string{"a", "real.example"}},
	"match user":        {config: "Match user deploy\n Port 9\nMatch !user deploy host *\n Port 10\n", user: "deploy", hosts: []string{"a"}},
	"match user later":  {config: "Match user jane\n Port 9\nUser jane\nMatch user jane\n Port 11\n", hosts: []string{"a"}},
	"match local user":  {config: "Match localuser root,nobody\n Port 9\nMatch localuser zzz\n User z\n", hosts: []string{"a"}},
	"match all":         {config: "Host b\nMatch all\n Port 9\n", hosts: []string{"a"}},
	"match final":       {config: "Host a\n HostName b.example\nMatch final host b.example\n User fin\n IdentityFile /k/f\nMatch canonical all\n Port 3\n", hosts: []string{"a"}},
	"match exec":        {config: "Match exec \"test %h = a\"\n Port 9\nMatch exec false\n Port 10\nMatch host zzz exec \"touch /tmp/never\"\n User x\n", hosts: []string{"a", "b"}},
	"bad match":         {config: "Match colour red\n Port 9\n", hosts: []string{"a"}},
	"match no value":    {config: "Match host\n Port 9\n", hosts: []string{"a"}},
	"match all host":    {config: "Match all host a\n Port 9\n", hosts: []string{"a"}},
	"jump":              {config: "Host a\n ProxyJump jane@bastion:2200,inner\nHost b\n ProxyJump none\n ProxyCommand x\nHost *\n ProxyJump c\n", hosts: []string{"a", "b", "d"}},
	"jump URL":          {config: "ProxyJump ssh://jane@bastion:2200\n", hosts: []string{"a"}},
	"bad jump":          {config: "Host zzz\n ProxyJump @x\n", hosts: []string{"a"}},
	"command first":     {config: "ProxyCommand nc %h %p\nProxyJump x\n", hosts: []string{"a"}},
	"bad port":          {config: "Host zzz\n Port many\n", hosts: []string{"a"}},
	"no value":          {config: "Host a\n Port\n", hosts: []string{"a"}},
	"open quote":        {config: "Host a\n HostName \"x\n", hosts: []string{"a"}},
	"alias of key":      {config: "Host a\n HostKeyAlias b\n UserKnownHostsFile /k/1 /k/2\n IdentitiesOnly yes\n", hosts: []string{"a"}},
	"no newline at end": {config: "Host a\n Port 99", hosts: []string{"a"}},
	"CRLF":              {config: "Host a\r\n Port 99\r\n HostName b\r\n", hosts: []string{"a"}},
	"escapes":           {config: "Host a\n HostName x\\ y\n", hosts: []string{"a"}},
	"capitals":          {config: "HOST a\n hostNAME REAL.Example\n", hosts: []string{"a"}},
	"empty":             {config: "\n\n", hosts: []string{"a"}},
	"tag":               {config: "Host a\n HostKeyAlias \"b c\"\n", hosts: []string{"a"}},
}

func TestHostsResolveAsSSHResolvesThem(t *testing.T) {
	for name, c := range cases {
		for _, host := range c.hosts {
			t.Run(name+" "+host, func(t *testing.T) {
				if differs := compare(t, c.config, c.user, host); differs != "" {
					t.Errorf("%s\n%s", differs, c.config)
				}
			})
		}
	}
}

// Files made up of what ssh_config(5) has resolve as ssh resolves them.
func TestMadeUpFilesResolveAsSSHResolvesThem(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "a.x", "b.x", "*", "*.x", "?", "!a", "!*.x"}
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	line := func() string {
		switch random.IntN(12) {
		case 0, 1:
			return "Host " + pick(names...) + " " + pick(names...)
		case 2:
			return "Match " + pick("host ", "originalhost ", "!host ", "user ") + pick("a", "*.x", "b.x,a", "jane", "!a,*")
		case 3:
			return "Match " + pick("all", "final all", "exec true", "exec \"test %h = a\"", "canonical", "localuser root host a")
		case 4:
			return pick("HostName ", "hostname=") + pick("a.x", "b.x", "%h.x", "\"c\"")
		case 5, 6:
			return "  User " + pick("jane", "john", "\"j d\"")
		case 7:
			return "\tPort = " + pick("22", "2222", "1")
		case 8:
			return "IdentityFile " + pick("/k/1", "/k/2", "\"/k/3 4\"")
		case 9:
			return "ProxyJump " + pick("none", "b", "u@c:3,d")
		case 10:
			return "HostKeyAlias " + pick("p", "q")
		}
		return pick("# remark", "", "IdentitiesOnly yes", "IdentitiesOnly no", "ForwardAgent yes")
	}
	for range 60 {
		var lines []string
		for range random.IntN(14) {
			lines = append(lines, line())
		}
		config := strings.Join(lines, "\n") + "\n"
		host, user := pick("a", "b", "a.x", "b.x"), pick("", "jane")
		if differs := compare(t, config, user, host); differs != "" {
			t.Fatalf("ssh %s as %q: %s\n%s", host, user, differs, config)
		}
	}
}

func TestIncludedFilesAreReadWhereTheyStand(t *testing.T) {
	home := t.TempDir()
	ssh := filepath.Join(home, ".ssh")
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(ssh, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config", "Include conf.d/*.conf missing ~/.ssh/more\nHost b\n Include only-b\nHost *\n User last\n")
	write("conf.d/2.conf", "Host a\n Port 2\n")
	write("conf.d/1.conf", "Host a\n Port 1\n")
	write("more", "Host a\n HostName a.example\n")
	write("only-b", "HostKeyAlias bee\nHost a\n HostKeyAlias never\n")
	p := Places{User: filepath.Join(ssh, "config"), Home: home, LocalUser: "me"}
	a, err := Resolve(p, Query{Host: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if a.Port != 1 || a.HostName != "a.example" || a.User != "last" || a.HostKeyAlias != "" {
		t.Errorf("a is %+v", a)
	}
	if want := filepath.Join(ssh, "conf.d", "1.conf") + ":2"; a.Origin["port"] != want {
		t.Errorf("the port came from %s, want %s", a.Origin["port"], want)
	}
	if b, err := Resolve(p, Query{Host: "b"}); err != nil || b.HostKeyAlias != "bee" {
		t.Errorf("b is %+v, %v", b, err)
	}
	write("only-b", "Include only-b\n")
	if _, err := Resolve(p, Query{Host: "b"}); err == nil || !strings.Contains(err.Error(), "16 deep") {
		t.Errorf("a file that includes itself: %v", err)
	}
	write("only-b", "")
	if err := os.Chmod(filepath.Join(ssh, "more"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(p, Query{Host: "a"}); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("a file that others may write: %v", err)
	}
}

func TestTokensOfFileNames(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, "config")
	t.Setenv("KEYS", "/keys")
	t.Setenv("MY_AGENT", "/run/mine")
	config := "Host a\n HostName h.example\n Port 7\n User u\n IdentityFile ~/.ssh/%r@%h-%n-%p-%u\n IdentityFile ${KEYS}/id%%\n" +
		" CertificateFile %d/c\n UserKnownHostsFile ~/kh none /dev/null\n IdentityAgent $MY_AGENT\nHost b\n IdentityFile ${NOT_SET_AT_ALL}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Resolve(Places{User: file, Home: home, LocalUser: "me"}, Query{Host: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{home + "/.ssh/u@h.example-a-7-me", "/keys/id%"}; !slices.Equal(s.IdentityFiles, want) {
		t.Errorf("keys %q, want %q", s.IdentityFiles, want)
	}
	if s.Certificates[0] != home+"/c" || s.Agent != "/run/mine" || !slices.Equal(s.UserKnownHosts, []string{home + "/kh", "/dev/null"}) {
		t.Errorf("%+v", s)
	}
	if _, err := Resolve(Places{User: file, Home: home}, Query{Host: "b"}); err == nil || !strings.Contains(err.Error(), file+":11") || !strings.Contains(err.Error(), "NOT_SET_AT_ALL") {
		t.Errorf("a variable that is not set: %v", err)
	}
}

func TestTheWayLeadsThroughTheJumpsOfTheFirstJump(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	config := "Host a\n ProxyJump u@b:2200,c\nHost b\n ProxyJump d\n HostName b.example\nHost c\n ProxyJump never\n User cc\nHost x\n ProxyJump y\nHost y\n ProxyJump x\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Places{User: file, Home: "/home/me", LocalUser: "me"}
	hops, err := Hops(p, Query{Host: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var way []string
	for _, h := range hops {
		way = append(way, fmt.Sprintf("%s@%s:%d", h.User, h.HostName, h.Port))
	}
	if want := "me@d:0 u@b.example:2200 cc@c:0 @a:0"; strings.Join(way, " ") != want {
		t.Errorf("the way is %s, want %s", way, want)
	}
	if _, err := Hops(p, Query{Host: "x"}); err == nil || !strings.Contains(err.Error(), "never ends") {
		t.Errorf("jumps in a circle: %v", err)
	}
}

// Whatever a file holds: no panic, no hang, and an error that names the file.
func FuzzResolve(f *testing.F) {
	for _, c := range cases {
		if !strings.Contains(c.config, "exec") {
			f.Add(c.config, c.hosts[0])
		}
	}
	f.Fuzz(func(t *testing.T, config, host string) {
		if strings.Contains(strings.ToLower(config), "exec") || strings.Contains(strings.ToLower(config), "include") {
			t.Skip("runs commands and reads files, as it should")
		}
		file := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Resolve(Places{User: file, Home: "/home/me", LocalUser: "me"}, Query{Host: host})
		if err != nil && !strings.Contains(err.Error(), file) {
			t.Errorf("the error names no file: %v", err)
		}
		if err == nil && len(s.IdentityFiles)+len(s.UserKnownHosts) > 4*len(config)+16 {
			t.Errorf("%d values of %d bytes", len(s.IdentityFiles), len(config))
		}
	})
}
