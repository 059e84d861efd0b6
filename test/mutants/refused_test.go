package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/evidence"
)

// TestADeployThatCannotBeginSaysWhyAndLeavesEvidence asks the built stackctl for
// deploys that end before a server is touched.
func TestADeployThatCannotBeginSaysWhyAndLeavesEvidence(t *testing.T) {
	b := prepared(t)
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	b.binary = binary
	for name, c := range map[string]struct {
		spoil func(p *project)
		exit  int
		says  string
	}{
		"nobody listens": {func(p *project) {
			p.edit(targetFile, "host: 192.0.2.10\n", fmt.Sprintf("host: 127.0.0.1\nport: %d\nkey: %s\n", closedPort(t), b.key))
		}, 3, "connect"},
		"missing secret":     {func(p *project) { p.edit(composeFile, "../secrets/app_secret", "../secrets/none") }, 2, "init --secrets"},
		"undefined variable": {func(p *project) { p.edit(composeFile, "${LOG_LEVEL:-info}", "${LOG_LVL}") }, 2, "compose/stack.yaml:"},
		"unknown service in a declared gate": {func(p *project) {
			p.edit(configFile, "\n  own:\n", "\n  own:\n    - {id: a, title: t, command: {service: apy, command: [x], expect: {exit: 0}}}\n")
		}, 2, `there is no service "apy"`},
		"expired exception": {func(p *project) {
			p.edit(configFile, "\nevidence:", "\nexceptions:\n  - {rule: compose/read-only, subject: service pgadmin, owner: ops, reason: once, expires: 2026-01-31}\n\nevidence:")
		}, 1, "the exception has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.project()
			c.spoil(p)
			r, err := p.stackctl(runLimit, nil, "deploy")
			if err != nil {
				t.Fatal(err)
			}
			if r.exit != c.exit || !strings.Contains(r.text, c.says) {
				t.Errorf("exit code %d, want %d with %q in\n%s", r.exit, c.exit, c.says, r.text)
			}
			for _, artifact := range evidence.Names() {
				if _, err := os.Stat(filepath.Join(r.run, artifact)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// closedPort is a port of this machine that nobody listens on.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
