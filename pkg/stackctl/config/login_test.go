package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/config"
)

const sshConfig = `Host shop
  HostName 203.0.113.9
  Port 2222
  User jane.doe
  IdentityFile /keys/shop
  ProxyJump bastion
Host bastion
  HostName b.example
  User hop
Host admin
  User root
`

// home makes a home folder with an ssh_config of its own.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	if err := os.MkdirAll(filepath.Join(dir, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ".ssh", "config")
	if err := os.WriteFile(file, []byte(sshConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheFileCountsBeforeSSHConfigBeforeDefaults(t *testing.T) {
	home(t)
	for name, c := range map[string]struct{ target, want string }{
		"all of ssh_config":  {"host: shop", "jane.doe jane.doe 203.0.113.9 2222 example.org"},
		"the file first":     {"host: shop, user: ops, admin: boss, port: 22", "ops boss 203.0.113.9 22 example.org"},
		"defaults":           {"host: other.example", "deploy root other.example 22 other.example"},
		"root provisions":    {"host: admin", "deploy root admin 22 admin"},
		"no ssh_config":      {"host: shop, ssh_config: none", "deploy root shop 22 shop"},
		"an edge of its own": {"host: shop, edge: {address: 198.51.100.1}", "jane.doe jane.doe 203.0.113.9 2222 198.51.100.1"},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "project: shop\ntargets:\n  prod: {domain: example.org, "+c.target+"}\n")
			all, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := config.Target(all, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(p.User, " ", p.Admin, " ", p.Host, " ", p.Port, " ", p.Edge.Address); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestSettingsTellWhereEachCameFrom(t *testing.T) {
	ssh := home(t)
	t.Setenv("STACKCTL_TIMEOUTS_START", "7m")
	file := write(t, "project: shop\ntargets:\n  prod:\n    host: shop\n    domain: example.org\n    env: {DB_PASSWORD: hunter2hunter2}\n")
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := config.Target(c, "")
	if err != nil {
		t.Fatal(err)
	}
	list, err := config.Settings(c, p)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range list {
		got[s.Key] = s.Value + " from " + s.From
	}
	for key, want := range map[string]string{
		"project":                      "shop from stackctl.yaml:1",
		"targets.prod.host":            "203.0.113.9 from " + ssh + ":2, for shop of stackctl.yaml:4",
		"targets.prod.port":            "2222 from " + ssh + ":3",
		"targets.prod.user":            "jane.doe from " + ssh + ":4",
		"targets.prod.admin":           "jane.doe from " + ssh + ":4",
		"targets.prod.socket":          "/var/run/docker.sock from default",
		"targets.prod.env.DB_PASSWORD": "(not shown) from stackctl.yaml:6",
		"timeouts.start":               "7m0s from environment STACKCTL_TIMEOUTS_START",
		"ssh.identity_files":           "/keys/shop from " + ssh + ":5",
		"ssh.jumps":                    "hop@b.example from " + ssh + ":6",
	} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}
	if strings.Contains(fmt.Sprint(list), "hunter2") {
		t.Error("a secret is told")
	}
}

func TestABrokenSSHConfigNamesFileAndLine(t *testing.T) {
	ssh := home(t)
	if err := os.WriteFile(ssh, []byte("Host shop\n  Port many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(write(t, "project: shop\ntargets:\n  prod: {domain: example.org, host: shop}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Target(c, ""); err == nil || !strings.Contains(err.Error(), ssh+":2") {
		t.Errorf("%v", err)
	}
}

func TestHostsThatAShellWouldRunAreRefused(t *testing.T) {
	for _, host := range []string{"-oProxyCommand=x", "a;b", "$(x)", "a b", "`x`"} {
		file := write(t, "project: shop\ntargets:\n  prod: {domain: example.org, host: '"+host+"'}\n")
		if _, err := config.Load(file); err == nil {
			t.Errorf("host %q was taken", host)
		}
	}
}
