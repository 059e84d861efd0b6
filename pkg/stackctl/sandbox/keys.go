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

// trustDroplet writes known_hosts with the host key as the Engine shows it:
// nothing is believed that came over the network.
func (b *builder) trustDroplet(ctx context.Context, s State) error {
	text, err := b.get(ctx, s.Container, "/etc/ssh/ssh_host_ed25519_key.pub")
	if err != nil {
		return fault("read the droplet's host key", err, "")
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return fault("read the droplet's host key", fmt.Errorf("%q: %w", text, err), "")
	}
	hosts := []string{s.Address.String()}
	if s.Address6.IsValid() {
		hosts = append(hosts, s.Address6.String())
	}
	if err := write(s.KnownHosts(), []byte(knownhosts.Line(hosts, key)+"\n"), 0o644); err != nil {
		return fault("keep the droplet's host key", err, "")
	}
	return nil
}
