//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func trust(o Options, key HostKey) error {
	_, err := Trust(o, key)
	return err
}

func TestUnknownHostIsRefusedWithTheCommandThatTrustsIt(t *testing.T) {
	s := startSSHD(t, "")
	keys, err := Scan(t.Context(), s.options)
	must(t, err)
	if len(keys) != 1 || keys[0].Type != "ssh-ed25519" {
		t.Fatalf("scan found %v", keys)
	}
	refused(t, s.options, stack.CauseUnreachable, "host key unknown", keys[0].Fingerprint,
		"stackctl trust --target shop --fingerprint "+keys[0].Fingerprint,
		fmt.Sprintf("ssh-keyscan -p %d 127.0.0.1 >> %s", s.port, s.options.KnownHosts))

	must(t, trust(s.options, keys[0]))
	must(t, trust(s.options, keys[0])) // twice adds nothing
	content, err := os.ReadFile(s.options.KnownHosts)
	must(t, err)
	if n := strings.Count(string(content), "\n"); n != 1 {
		t.Errorf("known_hosts has %d lines:\n%s", n, content)
	}
	c, err := Dial(t.Context(), s.options)
	must(t, err)
	must(t, c.Close())
}

func TestAnIPv6AddressIsTrustedAndReached(t *testing.T) {
	s := startSSHD(t, "ListenAddress ::1")
	s.options.Address = "::1"
	keys, err := Scan(t.Context(), s.options)
	must(t, err)
	refused(t, s.options, stack.CauseUnreachable, "host key unknown", fmt.Sprintf("ssh-keyscan -p %d ::1 >> %s", s.port, s.options.KnownHosts))
	must(t, trust(s.options, keys[0]))
	content, err := os.ReadFile(s.options.KnownHosts)
	must(t, err)
	if want := fmt.Sprintf("[::1]:%d ", s.port); !strings.HasPrefix(string(content), want) {
		t.Errorf("known_hosts says %s, want %s", content, want)
	}
	c, err := Dial(t.Context(), s.options)
	must(t, err)
	defer c.Close()
	if out, err := c.Run(t.Context(), "echo", "here"); err != nil || string(out.Stdout) != "here\n" {
		t.Errorf("%q, %v", out.Stdout, err)
	}
}

func TestFingerprintIsTheOneThatOpenSSHShows(t *testing.T) {
	s := startSSHD(t, "", "rsa", "ecdsa", "ed25519")
	keys, err := Scan(t.Context(), s.options)
	must(t, err)
	for i, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		out, err := exec.Command("ssh-keygen", "-lf", filepath.Join(s.dir, "host_"+kind+".pub")).Output()
		must(t, err)
		if i >= len(keys) || !strings.Contains(string(out), keys[i].Fingerprint) {
			t.Errorf("%s: ssh-keygen says %s, scan found %v", kind, out, keys)
		}
	}
}

func TestChangedHostKeyIsRefusedWithBothFingerprints(t *testing.T) {
	s := startSSHD(t, "")
	other := &sshd{dir: t.TempDir(), port: s.port, options: s.options}
	other.hostKey(t, "ed25519")
	must(t, appendFile(s.options.KnownHosts, "# first line\n"))
	other.trust(t, "ed25519")
	keys, err := Scan(t.Context(), s.options)
	must(t, err)
	old, err := exec.Command("ssh-keygen", "-lf", filepath.Join(other.dir, "host_ed25519.pub")).Output()
	must(t, err)
	refused(t, s.options, stack.CauseUnreachable, "HOST KEY CHANGED", keys[0].Fingerprint,
		strings.Fields(string(old))[1], s.options.KnownHosts+":2", "ssh-keygen -R")
	if err := trust(s.options, keys[0]); err == nil {
		t.Error("a second key of the same type was trusted beside the first")
	}
}

func TestHostWithSeveralKeysIsKnownByAnyOfThem(t *testing.T) {
	s := startSSHD(t, "", "rsa", "ecdsa", "ed25519")
	for _, kind := range []string{"rsa", "ecdsa", "ed25519"} {
		for _, hashed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s hashed=%v", kind, hashed), func(t *testing.T) {
				must(t, os.RemoveAll(s.options.KnownHosts))
				s.trust(t, kind)
				if hashed {
					out, err := exec.Command("ssh-keygen", "-H", "-f", s.options.KnownHosts).CombinedOutput()
					if err != nil {
						t.Fatalf("%v %s", err, out)
					}
					content, _ := os.ReadFile(s.options.KnownHosts)
					if !strings.HasPrefix(string(content), "|1|") {
						t.Fatalf("not hashed: %s", content)
					}
				}
				c, err := Dial(t.Context(), s.options)
				must(t, err)
				must(t, c.Close())
			})
		}
	}
}

func TestHostCertificateIsTrustedThroughItsAuthority(t *testing.T) {
	s := startSSHD(t, "", "ed25519")
	ca := (&sshd{dir: t.TempDir()}).hostKey(t, "ed25519")
	out, err := exec.Command("ssh-keygen", "-q", "-s", ca, "-I", "host", "-h", "-n", "127.0.0.1",
		filepath.Join(s.dir, "host_ed25519.pub")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	config := filepath.Join(s.dir, "config")
	must(t, appendFile(config, "HostCertificate "+filepath.Join(s.dir, "host_ed25519-cert.pub")+"\n"))
	must(t, s.process.Process.Signal(syscall.SIGHUP))
	public, err := os.ReadFile(ca + ".pub")
	must(t, err)
	must(t, appendFile(s.options.KnownHosts, fmt.Sprintf("@cert-authority [127.0.0.1]:%d %s", s.port, public)))
	within(t, 30*time.Second, "the certificate to be accepted", func() bool {
		c, err := Dial(t.Context(), s.options)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func TestWrongKeyIsRefused(t *testing.T) {
	s := startSSHD(t, "")
	s.trust(t, "ed25519")
	s.options.Key = filepath.Join(t.TempDir(), "other")
	writeKey(t, s.options.Key, s.options.Key+".pub")
	refused(t, s.options, stack.CauseUnreachable, "refused the key of "+s.options.Key, "authorized_keys")
}

func TestKeyFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	o := Options{Address: "127.0.0.1", Port: 1, User: "deploy", KnownHosts: filepath.Join(dir, "known")}
	locked := filepath.Join(dir, "locked")
	out, err := exec.Command("ssh-keygen", "-q", "-N", "secret-phrase", "-t", "ed25519", "-f", locked).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	garbage := filepath.Join(dir, "garbage")
	must(t, os.WriteFile(garbage, []byte("hello"), 0o600))
	open := filepath.Join(dir, "open")
	content, err := os.ReadFile(locked)
	must(t, err)
	must(t, os.WriteFile(open, content, 0o600))
	must(t, os.Chmod(open, 0o640))
	t.Setenv("SSH_AUTH_SOCK", "")
	for name, c := range map[string]struct {
		key   string
		words []string
	}{
		"missing":          {filepath.Join(dir, "nothing"), []string{"no such file", "SSH agent"}},
		"a folder":         {dir, []string{"is a directory"}},
		"a public key":     {locked + ".pub", []string{"it is a public key", "without .pub"}},
		"garbage":          {garbage, []string{"not a private key", "ssh-keygen"}},
		"open to others":   {open, []string{"mode 0640", "chmod 600 " + open}},
		"locked, no agent": {locked, []string{"passphrase", "ssh-add " + locked}},
		"no key, no agent": {"", []string{"SSH_AUTH_SOCK", "ssh-add"}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Key = c.key
			refused(t, o, stack.CauseUsage, c.words...)
		})
	}
}

func TestAgentServesAKeyWithPassphrase(t *testing.T) {
	s := startSSHD(t, "")
	s.trust(t, "ed25519")
	socket := filepath.Join(t.TempDir(), "agent")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	must(t, agent.Start())
	t.Cleanup(func() { agent.Process.Kill(); agent.Wait() })
	within(t, 30*time.Second, "the agent", func() bool { // its socket is there before it listens
		c, err := net.Dial("unix", socket)
		return err == nil && c.Close() == nil
	})

	s.options.Agent = socket
	empty := s.options
	empty.Key = ""
	refused(t, empty, stack.CauseUsage, "holds no key")

	add := exec.Command("ssh-add", s.options.Key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	out, err := exec.Command("ssh-keygen", "-q", "-p", "-N", "secret-phrase", "-f", s.options.Key).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for name, key := range map[string]string{"by file": s.options.Key, "by agent": ""} {
		t.Run(name, func(t *testing.T) {
			o := s.options
			o.Key = key
			c, err := Dial(t.Context(), o)
			must(t, err)
			must(t, c.Close())
			line, err := PublicKey(o)
			must(t, err)
			if want, _ := os.ReadFile(filepath.Join(s.dir, "authorized")); line != strings.TrimSpace(string(want)) {
				t.Errorf("public key %q, want %q", line, want)
			}
		})
	}
}

func TestUnreachableHosts(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "id")
	writeKey(t, key, key+".pub")
	at := func(address string) Options {
		host, port, err := net.SplitHostPort(address)
		must(t, err)
		o := Options{Address: host, User: "deploy", Key: key, KnownHosts: filepath.Join(dir, "known")}
		_, err = fmt.Sscan(port, &o.Port)
		must(t, err)
		return o
	}
	refused(t, at(fmt.Sprintf("127.0.0.1:%d", freePort(t))), stack.CauseUnreachable, "connection refused", "host and port")
	refused(t, at("no-such-host.invalid:22"), stack.CauseUnreachable, "no-such-host.invalid", "DNS")
	refused(t, at(serve(t, "HTTP/1.1 400 Bad Request\r\n\r\n", true)), stack.CauseUnreachable, "not an SSH server", "HTTP/1.1 400")
	refused(t, at(serve(t, "", true)), stack.CauseUnreachable, "closed the connection")
	refused(t, Options{Address: "h"}, stack.CauseUsage, "host and user")
}

func TestSilentServerIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{User: "deploy", Key: filepath.Join(dir, "id"), KnownHosts: filepath.Join(dir, "known"), Address: "127.0.0.1"}
	writeKey(t, o.Key, o.Key+".pub")
	_, port, _ := net.SplitHostPort(serve(t, "", false))
	fmt.Sscan(port, &o.Port)
	began := time.Now()
	refused(t, o, stack.CauseUnreachable, "said nothing", "sshd")
	if took := time.Since(began); took > connectTimeout+10*time.Second {
		t.Errorf("gave up after %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, o); stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("cancelled: %v", err)
	}
}

// serve answers each connection with a text, and closes it or stays silent.
func serve(t *testing.T, text string, hangUp bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, text)
			if hangUp {
				c.Close()
			} else {
				t.Cleanup(func() { c.Close() })
			}
		}
	}()
	return l.Addr().String()
}

func TestDeadPeerEndsTheConnectionInTime(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "")
	c := s.connect(t)
	waiting := make(chan error, 1)
	go func() {
		_, err := c.Run(context.Background(), "sleep", "600")
		waiting <- err
	}()
	within(t, 30*time.Second, "the command to run", func() bool { return c.Stats().Sessions == 1 })
	for _, pid := range s.sessions(t) {
		must(t, syscall.Kill(pid, syscall.SIGSTOP))
		t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	}
	began := time.Now()
	select {
	case <-c.Done():
	case <-time.After(60 * time.Second):
		t.Fatal("the connection to a dead peer is still open after a minute")
	}
	if took := time.Since(began); took > 18*time.Second {
		t.Errorf("given up after %s, at most 15 s allowed", took)
	}
	err := <-waiting
	if stack.CauseOf(err) != stack.CauseUnreachable || !strings.Contains(err.Error(), "no answer for") {
		t.Errorf("the running command says %v", err)
	}
	if _, err := c.ReadFile(t.Context(), "/etc/hostname"); stack.CauseOf(err) != stack.CauseUnreachable {
		t.Errorf("a later read says %v", err)
	}
	if _, err := c.DialContext(t.Context(), "tcp", "127.0.0.1:1"); stack.CauseOf(err) != stack.CauseUnreachable {
		t.Errorf("a later tunnel says %v", err)
	}
}

func TestKilledServerEndsTheConnectionAtOnce(t *testing.T) {
	s := startSSHD(t, "")
	c := s.connect(t)
	for _, pid := range s.sessions(t) {
		must(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	select {
	case <-c.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("not noticed within 30 s")
	}
	_, err := c.Run(t.Context(), "true")
	if stack.CauseOf(err) != stack.CauseUnreachable {
		t.Errorf("a later command says %v", err)
	}
}

func TestClosedConnectionSaysSo(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	must(t, c.Close())
	if _, err := c.Run(t.Context(), "true"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a command after Close says %v", err)
	}
}
