package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/cli"
)

// Without a verb stackctl shows where one stands; without a project, its help.
func TestWithoutAVerbStackctlShowsWhereOneStands(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody listens there in a moment
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	home := t.TempDir()
	t.Setenv("HOME", home)
	key := filepath.Join(home, "id.pub")
	if err := os.WriteFile(key, []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6uGDVkmMT6i7G5g9hWcV7mXGz7sZuvS4VnNpXo1k2y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		settings string
		exit     int
		says     []string
	}{
		"no project":    {"", 0, []string{"Deploy and judge:", "Usage:"}},
		"no target":     {"project: shop\n", 0, []string{"project  shop", "no target", "stackctl sandbox up"}},
		"no answer":     {fmt.Sprintf("project: shop\ntargets:\n  prod: {host: 127.0.0.1, port: %d, domain: shop.example, user: jane.doe, key: %s}\n", closed, key), 0, []string{"target   prod (jane.doe@127.0.0.1, https://shop.example)", "problem", "next"}},
		"broken":        {"project: shop\ncolour: red\n", 2, []string{"stackctl.yaml:2", "colour"}},
		"several":       {"project: shop\ntargets:\n  a: {host: h, domain: a.example}\n  b: {host: i, domain: b.example}\n", 0, []string{"several targets", "--target: a, b"}},
		"unknown words": {"project: shop\n", 2, []string{"unknown command"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.settings != "" {
				if err := os.WriteFile(filepath.Join(dir, "stackctl.yaml"), []byte(c.settings), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			var args []string
			if name == "unknown words" {
				args = []string{"frobnicate"}
			}
			var out bytes.Buffer
			if exit := cli.Main(args, strings.NewReader(""), &out, &out); exit != c.exit {
				t.Errorf("exit code %d, want %d", exit, c.exit)
			}
			for _, want := range c.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing:\n%s", want, out.String())
				}
			}
		})
	}
}
