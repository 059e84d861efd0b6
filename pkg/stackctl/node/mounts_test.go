//go:build linux

package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAReleaseWhoseMountedFilesAreGoneIsNotRolledBackTo(t *testing.T) {
	root := t.TempDir()
	r := stack.Release{ID: "5f2c", Base: []byte(strings.ReplaceAll(`
services:
  edge:
    volumes:
      - {type: bind, source: ROOT/files/12/traefik.yml, target: /etc/traefik/traefik.yml}
      - {type: bind, source: ROOT/edge/dynamic, target: /etc/traefik/dynamic}
      - {type: bind, source: /etc/nowhere, target: /etc/nowhere}
      - {type: volume, source: acme, target: /acme}
secrets: {htpasswd: {file: ROOT/secrets/34/htpasswd}}
`, "ROOT", root)), App: []byte("secrets: {key: {file: " + root + "/releases/5f2c/secrets/key}}\n")}
	target := stack.Target{Path: root, Host: "shop.example"}
	for _, name := range []string{"files/12/traefik.yml", "secrets/34/htpasswd", "releases/5f2c/secrets/key"} {
		err := CheckMounts(t.Context(), local{}, target, r)
		if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "dynamic") || strings.Contains(err.Error(), "nowhere") {
			t.Errorf("without %s: %v", name, err)
		}
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := CheckMounts(t.Context(), local{}, target, r); err != nil {
		t.Error(err)
	}
}
