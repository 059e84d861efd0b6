//go:build linux

package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// waitLimit bounds a wait for what another process does at once.
const waitLimit = 30 * time.Second

const brokenLines = `# as it piles up
example.org ssh-ed25519 not-base64!
old.example ssh-dss AAAAB3NzaC1kc3MAAACBAOeDFtXXYhW2v0Wj
192.0.2.1 1024 35 1234567890123456789
|1|bad|hash ssh-ed25519 AAAA
@unknown-marker * ssh-ed25519 AAAA
nothing
`

// Each way in which known_hosts names a host, and what ssh does with it.
func TestKnownHostsAreReadAsSSHReadsThem(t *testing.T) {
	s := startSSHD(t, "")
	raw, err := os.ReadFile(filepath.Join(s.dir, "host_ed25519.pub"))
	must(t, err)
	key := string(raw)
	other := filepath.Join(t.TempDir(), "other")
	writeKey(t, other, other+".pub")
	raw, err = os.ReadFile(other + ".pub")
	must(t, err)
	wrong := string(raw)
	at := fmt.Sprintf("[127.0.0.1]:%d ", s.port)
	for name, c := range map[string]struct {
		text string
		in   bool
	}{
		"after broken lines":   {brokenLines + at + key, true},
		"pattern":              {"[127.0.0.*]:* " + key, true},
		"negated":              {fmt.Sprintf("[127.0.0.*]:*,![127.0.0.1]:%d %s", s.port, key), false},
		"without its port":     {"127.0.0.1 " + key, true},
		"without port, wrong":  {"127.0.0.1 " + wrong, false},
		"wrong":                {at + wrong, false},
		"wrong and right":      {at + wrong + at + key, true},
		"revoked":              {at + key + "@revoked * " + key, false},
		"another revoked":      {at + key + "@revoked * " + wrong, true},
		"an authority's alone": {"@cert-authority * " + key, false},
		"nothing":              {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(s.options.KnownHosts, []byte(c.text), 0o600))
			said := realSSH(t, s, "IdentityFile "+s.options.Key)
			conn, err := Dial(t.Context(), s.options)
			if err == nil {
				conn.Close()
			}
			if (said == nil) != c.in || (err == nil) != c.in {
				t.Errorf("want in=%v; ssh: %v; here: %v", c.in, said, err)
			}
		})
	}
	must(t, os.WriteFile(s.options.KnownHosts, []byte(at+key+"@revoked * "+key), 0o600))
	refused(t, s.options, stack.CauseUnreachable, "HOST KEY REVOKED", s.options.KnownHosts+":2")
}

func TestTheGlobalFileAndTheAliasCount(t *testing.T) {
	s := startSSHD(t, "")
	raw, err := os.ReadFile(filepath.Join(s.dir, "host_ed25519.pub"))
	must(t, err)
	global := filepath.Join(t.TempDir(), "global")
	must(t, os.WriteFile(global, []byte("Shop-Server "+string(raw)), 0o600))
	o := s.options
	o.AlsoKnown, o.HostKeyAlias = []string{global}, "shop-server"
	if err := realSSH(t, s, "IdentityFile "+o.Key, "HostKeyAlias shop-server", "Match all", "UserKnownHostsFile "+global); err == nil {
		t.Log("ssh takes the first UserKnownHostsFile; the global one is tried below")
	}
	c, err := Dial(t.Context(), o)
	must(t, err)
	must(t, c.Close())
	file := filepath.Join(t.TempDir(), "config")
	must(t, os.WriteFile(file, fmt.Appendf(nil, "Host shop\n HostName 127.0.0.1\n Port %d\n IdentityFile %s\n UserKnownHostsFile none\n GlobalKnownHostsFile %s\n HostKeyAlias shop-server\n BatchMode yes\n", s.port, o.Key, global), 0o600))
	if out, err := exec.Command("ssh", "-F", file, "shop", "true").CombinedOutput(); err != nil {
		t.Errorf("ssh: %v %s", err, out)
	}
}
