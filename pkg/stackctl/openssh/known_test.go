package openssh

import (
	"os"
	"path/filepath"
	"testing"
)

// Whatever a known_hosts file holds: no panic, and no line that is not there.
func FuzzKnownHosts(f *testing.F) {
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6uGDVkmMT6i7G5g9hWcV7mXGz7sZuvS4VnNpXo1k2y"
	for _, line := range []string{"a " + key, "[a]:22 " + key, "|1|c2FsdA==|c3Vt " + key, "@revoked * " + key, "@cert-authority *.x,!y " + key, "a ssh-dss AAAA", ", " + key, "a 1024 35 1"} {
		f.Add([]byte(line), "a", 22)
	}
	f.Fuzz(func(t *testing.T, raw []byte, host string, port int) {
		file := filepath.Join(t.TempDir(), "known")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := ReadKnownHosts(file)
		if err != nil {
			t.Fatal(err)
		}
		lines, _ := k.Lookup(host, port)
		for _, l := range lines {
			if l.Key == nil || l.Line < 1 || l.Revoked {
				t.Errorf("%+v", l)
			}
			k.Revoked(host, port, l.Key)
		}
	})
}
