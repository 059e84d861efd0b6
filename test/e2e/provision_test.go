//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stackctl/pkg/stackctl/sandbox"
)

// The tests of package provision break, cut off and reboot a server. They get
// a bare one of their own.
func TestProvisioningHoldsAgainstWhatHappensToServers(t *testing.T) {
	besides(t)
	bare, err := sandbox.Up(t.Context(), sandbox.Options{Dir: filepath.Join(repo, "build", "e2e", "bare"), Name: sandboxes() + "-bare",
		Images: archives, Private: true, Progress: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := sandbox.Down(ctx, bare.Dir, false); err != nil {
			t.Error(err)
		}
	})
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-timeout=40m", "./pkg/stackctl/provision")
	cmd.Dir = repo
	cmd.Env = append(os.Environ(), "STACKCTL_DROPLET="+bare.Target())
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
