//go:build linux

package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"stackctl/pkg/stackctl/stack"
)

// realSSH is what the real ssh does with the same files: nil where it gets in.
func realSSH(t *testing.T, s *sshd, lines ...string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ssh_config")
	text := fmt.Sprintf("Host shop\n HostName 127.0.0.1\n Port %d\n User %s\n UserKnownHostsFile %s\n GlobalKnownHostsFile /dev/null\n BatchMode yes\n%s\n",
		s.port, s.options.User, s.options.KnownHosts, strings.Join(lines, "\n"))
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := exec.Command("ssh", "-F", file, "shop", "true")
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+s.options.Agent)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// enters asserts that a login works, with ssh and here.
func enters(t *testing.T, s *sshd, o Options, lines ...string) {
	t.Helper()
	if err := realSSH(t, s, lines...); err != nil {
		t.Errorf("ssh does not get in: %v", err)
	}
	c, err := Dial(t.Context(), o)
	must(t, err)
	if out, err := c.Run(t.Context(), "echo", "in"); err != nil || string(out.Stdout) != "in\n" {
		t.Errorf("%q, %v", out.Stdout, err)
	}
	must(t, c.Close())
}

// serveAgent answers as an SSH agent that holds keys.
func serveAgent(t *testing.T, a agent.Agent) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(a, c); c.Close() }()
		}
	}()
	return socket
}

// crowded is an agent that holds some keys before the file's own.
func crowded(t *testing.T, own string, others int) agent.Agent {
	t.Helper()
	ring := agent.NewKeyring()
	for range others {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		must(t, ring.Add(agent.AddedKey{PrivateKey: key}))
	}
	if own != "" {
		content, err := os.ReadFile(own)
		must(t, err)
		key, err := ssh.ParseRawPrivateKey(content)
		must(t, err)
		must(t, ring.Add(agent.AddedKey{PrivateKey: key}))
	}
	return ring
}

func TestAnAgentWithManyKeys(t *testing.T) {
	s := startSSHD(t, "")
	s.trust(t, "ed25519")
	s.options.Agent = serveAgent(t, crowded(t, s.options.Key, 9))
	public := filepath.Join(s.dir, "id.pub")
	content, err := os.ReadFile(filepath.Join(s.dir, "authorized"))
	must(t, err)
	must(t, os.WriteFile(public, content, 0o600))

	all := s.options
	all.Key = ""
	refused(t, all, stack.CauseUnreachable, "too many keys", "10 keys", "public half")
	if err := realSSH(t, s); err == nil || !strings.Contains(err.Error(), "Too many authentication failures") {
		t.Errorf("ssh: %v", err)
	}
	chosen := all
	chosen.Key = public
	enters(t, s, chosen, "IdentityFile "+public, "IdentitiesOnly yes")
	named := all
	named.Keys = []string{public}
	enters(t, s, named, "IdentityFile "+public)

	c, err := Dial(t.Context(), named)
	must(t, err)
	defer c.Close()
	if c.PublicKey() != strings.TrimSpace(string(content)) {
		t.Errorf("logged in with %s, want %s", c.PublicKey(), content)
	}
	other := filepath.Join(t.TempDir(), "other")
	writeKey(t, other, other+".pub")
	chosen.Key = other + ".pub"
	refused(t, chosen, stack.CauseUsage, "the SSH agent does not hold its private one", "ssh-add")
}

func TestLockedKeysWhoseKeyIsInTheAgent(t *testing.T) {
	for name, format := range map[string][]string{
		"PEM":     {"-m", "PEM"},
		"PKCS8":   {"-m", "PKCS8"},
		"OpenSSH": nil,
	} {
		for _, beside := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s public=%v", name, beside), func(t *testing.T) {
				s := startSSHD(t, "")
				s.trust(t, "ed25519")
				key := filepath.Join(s.dir, "rsa")
				run(t, "ssh-keygen", append([]string{"-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", key}, format...)...)
				public, err := os.ReadFile(key + ".pub")
				must(t, err)
				must(t, os.WriteFile(filepath.Join(s.dir, "authorized"), public, 0o600))
				s.options.Key = key
				s.options.Agent = serveAgent(t, crowded(t, key, 2))
				run(t, "ssh-keygen", append([]string{"-q", "-p", "-N", "secret-phrase", "-f", key}, format...)...)
				if !beside {
					must(t, os.Remove(key+".pub"))
				}
				enters(t, s, s.options, "IdentityFile "+key)

				without := s.options
				without.Agent = "none"
				refused(t, without, stack.CauseUsage, "protected by a passphrase", "ssh-add "+key)
			})
		}
	}
}

func TestAPassphraseIsAskedForOnceAndOnlyWhenTheKeyIsTaken(t *testing.T) {
	s := startSSHD(t, "")
	s.trust(t, "ed25519")
	run(t, "ssh-keygen", "-q", "-p", "-N", "secret-phrase", "-f", s.options.Key)
	var asked []string
	answers := []string{"wrong", "secret-phrase"}
	o := s.options
	o.Agent = "none"
	o.ring = &keyring{ask: func(prompt string) ([]byte, error) {
		asked = append(asked, prompt)
		if len(answers) == 0 {
			return nil, errors.New("asked too often")
		}
		next := answers[0]
		answers = answers[1:]
		return []byte(next), nil
	}}
	c, err := Dial(t.Context(), o)
	must(t, err)
	defer c.Close()
	again, err := c.Again(t.Context())
	must(t, err)
	must(t, again.Close())
	if len(asked) != 2 || !strings.Contains(asked[0], s.options.Key) {
		t.Errorf("asked %q", asked)
	}
	other := s.options
	other.Agent, other.ring = "none", &keyring{ask: func(string) ([]byte, error) { return nil, errors.New("asked in vain") }}
	must(t, os.WriteFile(filepath.Join(s.dir, "authorized"), nil, 0o600))
	refused(t, other, stack.CauseUnreachable, "refused the key of")
}

func TestACertificateBesideTheKey(t *testing.T) {
	dir := t.TempDir()
	authority := filepath.Join(dir, "ca")
	run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", authority)
	s := startSSHD(t, "TrustedUserCAKeys "+authority+".pub")
	s.trust(t, "ed25519")
	content, err := os.ReadFile(filepath.Join(s.dir, "authorized"))
	must(t, err)
	must(t, os.WriteFile(s.options.Key+".pub", content, 0o600))
	must(t, os.WriteFile(filepath.Join(s.dir, "authorized"), nil, 0o600))
	run(t, "ssh-keygen", "-q", "-s", authority, "-I", "deployer", "-n", s.options.User, s.options.Key+".pub")
	enters(t, s, s.options, "IdentityFile "+s.options.Key)

	moved := filepath.Join(dir, "elsewhere.pub")
	must(t, os.Rename(s.options.Key+"-cert.pub", moved))
	o := s.options
	refused(t, o, stack.CauseUnreachable, "refused the key of")
	o.Certificates = []string{moved}
	enters(t, s, o, "IdentityFile "+s.options.Key, "CertificateFile "+moved)

	held := s.options // the agent holds the private half, the certificate lies there
	held.Agent = serveAgent(t, crowded(t, s.options.Key, 0))
	held.Key, held.Keys, held.Certificates = "", []string{s.options.Key + ".pub"}, []string{moved}
	s.options.Agent = held.Agent
	enters(t, s, held, "IdentityFile "+s.options.Key, "CertificateFile "+moved)
}

// touchKey is an agent that holds one key on a hardware token.
type touchKey struct {
	agent.Agent
	key    ed25519.PrivateKey
	public ssh.PublicKey
}

const application = "ssh:"

func newTouchKey(t *testing.T) *touchKey {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	public, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type, Key, Application string
	}{ssh.KeyAlgoSKED25519, string(pub), application}))
	must(t, err)
	return &touchKey{agent.NewKeyring(), key, public}
}

func (k *touchKey) List() ([]*agent.Key, error) {
	return []*agent.Key{{Format: k.public.Type(), Blob: k.public.Marshal(), Comment: "token"}}, nil
}

func (k *touchKey) Sign(_ ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	rest := []byte{1, 0, 0, 0, 7} // touched; counted seven times
	blob := append(append(append([]byte(nil), app[:]...), rest...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.key, blob), Rest: rest}, nil
}

func (k *touchKey) SignWithFlags(key ssh.PublicKey, data []byte, _ agent.SignatureFlags) (*ssh.Signature, error) {
	return k.Sign(key, data)
}

// Extension knows none.
func (k *touchKey) Extension(string, []byte) ([]byte, error) {
	return nil, agent.ErrExtensionUnsupported
}

func TestAHardwareKeyThroughTheAgent(t *testing.T) {
	s := startSSHD(t, "")
	s.trust(t, "ed25519")
	token := newTouchKey(t)
	line := ssh.MarshalAuthorizedKey(token.public)
	must(t, os.WriteFile(filepath.Join(s.dir, "authorized"), line, 0o600))
	public := filepath.Join(s.dir, "id_sk.pub")
	must(t, os.WriteFile(public, line, 0o600))
	s.options.Agent = serveAgent(t, token)
	s.options.Key = ""
	enters(t, s, s.options)
	s.options.Key = public
	enters(t, s, s.options, "IdentityFile "+public, "IdentitiesOnly yes")
}

func TestJumpsLeadThroughOneConnectionEach(t *testing.T) {
	first, second, last := startSSHD(t, ""), startSSHD(t, ""), startSSHD(t, "")
	hop := func(s *sshd) Options {
		s.trust(t, "ed25519")
		return s.options
	}
	o := hop(last)
	o.Via = []Options{hop(first), hop(second)}
	c, err := Dial(t.Context(), o)
	must(t, err)
	if out, err := c.Run(t.Context(), "sh", "-c", "echo $SSH_CONNECTION"); err != nil || !strings.HasSuffix(strings.TrimSpace(string(out.Stdout)), fmt.Sprint(last.port)) {
		t.Errorf("%q, %v", out.Stdout, err)
	}
	must(t, c.WriteFile(t.Context(), filepath.Join(t.TempDir(), "f"), []byte("x"), 0o600))
	for i, s := range []*sshd{first, second, last} {
		if n := len(s.sessions(t)); n != 1 {
			t.Errorf("host %d has %d connections", i, n)
		}
	}
	must(t, c.Close())
	within(t, waitLimit, "the jumps to end", func() bool { return len(first.sessions(t))+len(second.sessions(t)) == 0 })

	// What ssh does with the same way.
	file := filepath.Join(t.TempDir(), "config")
	text := ""
	for name, s := range map[string]*sshd{"first": first, "second": second, "last": last} {
		text += fmt.Sprintf("Host %s\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s\n UserKnownHostsFile %s\n", name, s.port, s.options.User, s.options.Key, s.options.KnownHosts)
	}
	must(t, os.WriteFile(file, []byte(text+"Host *\n BatchMode yes\n"), 0o600))
	run(t, "ssh", "-F", file, "-J", "first,second", "last", "true")

	// A jump that is not trusted is named, and the way to it ends.
	must(t, os.Remove(second.options.KnownHosts))
	refused(t, o, stack.CauseUnreachable, "on the way to", "host key unknown", fmt.Sprint(second.port))
	within(t, waitLimit, "the first jump to end", func() bool { return len(first.sessions(t)) == 0 })
}

func TestAProxyCommandCarriesTheConnection(t *testing.T) {
	s := startSSHD(t, "")
	s.trust(t, "ed25519")
	o := s.options
	o.ProxyCommand = fmt.Sprintf("ssh -F none -i %s -o UserKnownHostsFile=%s -o BatchMode=yes -p %d -W 127.0.0.1:%d %s@127.0.0.1", s.options.Key, s.options.KnownHosts, s.port, s.port, s.options.User)
	enters(t, s, o, "IdentityFile "+s.options.Key, "ProxyCommand "+o.ProxyCommand)
	o.ProxyCommand = "echo cannot reach it >&2; exit 1"
	refused(t, o, stack.CauseUnreachable, "closed the connection")
}

func TestTheAddressesOfANameAreTriedInTurn(t *testing.T) {
	s := startSSHD(t, "ListenAddress 127.0.0.3")
	// Something that is no sshd has the first address.
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.2:%d", s.port))
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}
	}()
	o := s.options
	o.Address = "shop.example"
	addresses := []string{"127.0.0.4", "127.0.0.2", "127.0.0.3"} // closed, no sshd, sshd
	o.lookup = func(context.Context, string) ([]string, error) { return addresses, nil }
	content, err := os.ReadFile(filepath.Join(s.dir, "host_ed25519.pub"))
	must(t, err)
	must(t, appendFile(o.KnownHosts, fmt.Sprintf("[SHOP.example]:%d %s", s.port, content)))
	c, err := Dial(t.Context(), o)
	must(t, err)
	must(t, c.Close())
	addresses = addresses[:2]
	refused(t, o, stack.CauseUnreachable, "127.0.0.4", "connection refused", "127.0.0.2", "not an SSH server")
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", name, err, out)
	}
}
