//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
)

// archives is the folder of what droplets, and what is beside them, are made from.
var archives string

// chooseArchives returns that folder. With E2E_ENGINE=newest every droplet has the newest
// Docker Engine, whose images are in containerd's store (`go run ./test/images newest`).
func chooseArchives() (string, error) {
	made := filepath.Join(repo, "build", "sandbox")
	if os.Getenv("E2E_ENGINE") != "newest" {
		return made, nil
	}
	dir := filepath.Join(repo, "build", "e2e", "newest")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for name, of := range map[string]string{"droplet.tar": "newest.tar", "droplet13.tar": "newest.tar", "pebble.tar": "pebble.tar", "outside.tar": "outside.tar"} {
		if _, err := os.Stat(filepath.Join(made, of)); err != nil {
			return "", fmt.Errorf("%w; run `go run ./test/images newest` first", err)
		}
		to := filepath.Join(dir, name)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join(made, of), to); err != nil {
			return "", err
		}
	}
	return dir, nil
}
