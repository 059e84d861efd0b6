package cloud

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// newHostKey makes an SSH host key. The private half travels with the order and is
// in the server's metadata from then on, for whoever can ask there: it is good for
// the first login alone.
func newHostKey() (private, public string, err error) {
	open, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	block, err := ssh.MarshalPrivateKey(secret, "stackctl")
	if err != nil {
		return "", "", err
	}
	line, err := ssh.NewPublicKey(open)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line))), nil
}

// userData has cloud-init install the host key, and make no other.
func userData(private, public string) string {
	indented := "    " + strings.ReplaceAll(strings.TrimSpace(private), "\n", "\n    ")
	return "#cloud-config\nssh_deletekeys: true\nssh_genkeytypes: []\nssh_keys:\n  ed25519_private: |\n" + indented + "\n  ed25519_public: " + public + "\n"
}

// Script makes a host key on the server that no other has, prints its public half,
// and, told to, has SSH use it alone. It may be run again.
const Script = `set -e
next=/etc/ssh/stackctl_next_key
if [ "$1" = make ]; then
	[ -f "$next.pub" ] || { rm -f "$next"; ssh-keygen -q -t ed25519 -N '' -C stackctl -f "$next"; }
	cat "$next.pub"
elif [ -f "$next" ]; then
	rm -f /etc/ssh/ssh_host_*
	cp "$next.pub" /etc/ssh/ssh_host_ed25519_key.pub
	mv "$next" /etc/ssh/ssh_host_ed25519_key
	rm -f "$next.pub"
	systemctl reload ssh 2>/dev/null || systemctl reload sshd
fi`

// KnownHosts is a known_hosts file that believes a server's keys and no others.
func KnownHosts(name string, h stack.MadeHost) string {
	var out strings.Builder
	for _, key := range h.HostKeys {
		fmt.Fprintf(&out, "%s %s\n", name, key)
	}
	return out.String()
}
