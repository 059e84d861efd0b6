//go:build linux

package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestALoginThatIsOfNoUseIsToldAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		sshd string
		says []string
	}{
		"a command of its own": {"ForceCommand echo hello", []string{"login shell", `"hello"`, "ForceCommand"}},
		"a shell that refuses": {"ForceCommand echo This account is not available.; exit 1", []string{"exit code 1", "not available", "chsh"}},
		"words of its own":     {`ForceCommand echo WELCOME; eval "$SSH_ORIGINAL_COMMAND"`, []string{"WELCOME", ".bashrc"}},
		"no session":           {"MaxSessions 0", []string{"MaxSessions 10"}},
	} {
		err := startSSHD(t, c.sshd).connect(t).Usable(t.Context())
		if stack.CauseOf(err) != stack.CauseUnreachable {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, said := range c.says {
			if !strings.Contains(err.Error(), said) {
				t.Errorf("%s: it does not say %q: %v", name, said, err)
			}
		}
	}
	c := startSSHD(t, "").connect(t)
	must(t, c.Usable(t.Context()))
	if _, err := c.ReadFile(t.Context(), "/nowhere"); !os.IsNotExist(err) && !strings.Contains(err.Error(), "not exist") {
		t.Errorf("files: %v", err)
	}
}

func TestKnownHostsThatCannotBeReadSaysSo(t *testing.T) {
	folder := t.TempDir()
	s := startSSHD(t, "")
	s.options.KnownHosts = folder
	refused(t, s.options, stack.CauseUsage, folder, "is a directory", "that you can read")
	s.options.KnownHosts = filepath.Join(folder, "none")
	refused(t, s.options, stack.CauseUnreachable, "host key unknown")
}
