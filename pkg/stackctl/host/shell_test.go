//go:build linux

package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// loginShells are shells that people have, as Debian names their packages.
var loginShells = []string{"sh", "bash", "tcsh", "fish", "zsh"}

// withShell gives the deploying user of a test another login shell: sshd takes
// it from the password file, so a user of its own is made.
func withShell(t *testing.T, s *sshd, shell string) {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install %s", shell, shell)
	}
	name := "stackctl-" + shell
	_ = exec.Command("userdel", "--force", name).Run()
	home := t.TempDir()
	must(t, os.Chmod(home, 0o755))
	for dir := filepath.Dir(home); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	if out, err := exec.Command("useradd", "--no-create-home", "--home-dir", home, "--shell", path, "--password", "*", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("userdel", "--force", name).Run() })
	must(t, exec.Command("chown", "-R", name, home).Run())
	must(t, os.Chmod(s.dir, 0o755))
	for dir := filepath.Dir(s.dir); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, os.Chmod(filepath.Join(s.dir, "authorized"), 0o644))
	s.options.User = name
}

func TestCommandsRunUnderShWhateverTheLoginShell(t *testing.T) {
	for _, shell := range loginShells {
		t.Run(shell, func(t *testing.T) {
			s := startSSHD(t, "")
			withShell(t, s, shell)
			c := s.connect(t)
			must(t, c.Usable(t.Context()))
			words := []string{"it's", `a\b`, "one\ntwo", "!!", "!x", "$HOME `id` $(id)", "ü €", "%s %d", `\n\0101`, "", "*", "~", strings.Repeat("long ", 3000) + "end", "tab\there"}
			out, err := c.Run(t.Context(), append([]string{"printf", "%s|"}, words...)...)
			if must(t, err); string(out.Stdout) != strings.Join(words, "|")+"|" {
				t.Errorf("arguments came as %.300q, errors %q", out.Stdout, out.Stderr)
			}
			out, err = c.Run(t.Context(), "sh", "-c", "echo bad >&2\nexit 7", "sh")
			if must(t, err); out.Exit != 7 || string(out.Stderr) != "bad\n" {
				t.Errorf("exit %d, errors %q", out.Exit, out.Stderr)
			}
			dir := t.TempDir()
			must(t, os.Chmod(dir, 0o777))
			_, err = c.inspect(t.Context(), dir, []string{"a"})
			must(t, err)
			out, err = c.Run(t.Context(), "ls", "-A")
			if must(t, err); strings.TrimSpace(string(out.Stdout)) != "" && !strings.HasPrefix(string(out.Stdout), ".") {
				t.Errorf("left in the home folder: %s", out.Stdout)
			}
			if _, err := os.Stat("2"); err == nil {
				t.Error("a file 2 was left behind")
			}
			cancelled(t, c)
		})
	}
}

// cancelled asserts that a command ends on the server when its context does.
func cancelled(t *testing.T, c *Conn) {
	t.Helper()
	mark := fmt.Sprint("6", time.Now().UnixNano()%1e8)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := c.Run(ctx, "sleep", mark); ended <- err }()
	runs := func() bool { return exec.Command("pgrep", "-f", "sleep "+mark).Run() == nil }
	within(t, 30*time.Second, "the command to run", runs)
	cancel()
	<-ended
	within(t, 30*time.Second, "the command to end", func() bool { return !runs() })
}
