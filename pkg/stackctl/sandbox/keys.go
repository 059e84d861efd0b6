package sandbox

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// ensureKey makes the sandbox's SSH key, once.
func (b *builder) ensureKey() error {
	path := filepath.Join(b.Dir, keyFile)
	if _, err := os.Stat(path + ".pub"); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fault("look for the sandbox's key", err, "")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fault("make the sandbox's key", err, "")
	}
	block, err := ssh.MarshalPrivateKey(private, b.named(""))
	if err != nil {
		return fault("make the sandbox's key", err, "")
	}
	shown, err := ssh.NewPublicKey(public)
	if err != nil {
		return fault("make the sandbox's key", err, "")
	}
	if err := write(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return fault("keep the sandbox's key", err, "")
	}
	line := append(bytes.TrimSpace(ssh.MarshalAuthorizedKey(shown)), " "+b.named("")+"\n"...)
	if err := write(path+".pub", line, 0o644); err != nil {
		return fault("keep the sandbox's key", err, "")
	}
	return nil
}

// trustDroplets writes known_hosts with the host keys as the Engine shows them:
// nothing is believed that came over the network.
func (b *builder) trustDroplets(ctx context.Context, s State) error {
	var lines strings.Builder
	for _, d := range b.droplets(s) {
		line, err := b.hostKey(ctx, d.Node)
		if err != nil {
			return fault("read the host key of "+d.Name, err, "")
		}
		lines.WriteString(line + "\n")
	}
	if err := write(s.KnownHosts(), []byte(lines.String()), 0o644); err != nil {
		return fault("keep the droplet's host key", err, "")
	}
	return nil
}

// hostKey is a droplet's line of known_hosts.
func (b *builder) hostKey(ctx context.Context, n Node) (string, error) {
	text, err := b.get(ctx, n.Container, "/etc/ssh/ssh_host_ed25519_key.pub")
	if err != nil {
		return "", err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	hosts := []string{n.Address.String()}
	if n.Address6.IsValid() {
		hosts = append(hosts, n.Address6.String())
	}
	return knownhosts.Line(hosts, key), nil
}
