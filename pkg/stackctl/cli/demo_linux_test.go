package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the demo made goes with it; a key that was there before, and the backups
// that need it, are the operator's.
func TestDemoDownRemovesTheKeyThatTheDemoMade(t *testing.T) {
	script, err := os.ReadFile("../../../scripts/demo-down.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range []bool{true, false} {
		root := t.TempDir()
		names := []string{"scripts/demo-down.sh", ".stackctl/backup.key", ".stackctl/backups/sandbox/one.age", "build/stackctl.log"}
		if made {
			names = append(names, "build/demo-made-backup-key")
		}
		for _, name := range names {
			file := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, script, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		said, err := exec.Command("bash", filepath.Join(root, "scripts/demo-down.sh")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		_, err = os.Stat(filepath.Join(root, ".stackctl"))
		if gone := os.IsNotExist(err); gone != made || strings.Contains(string(said), "backup.key") == made {
			t.Errorf("made by the demo: %v, gone: %v\n%s", made, gone, said)
		}
	}
}
