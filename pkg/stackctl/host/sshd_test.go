//go:build linux

package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// sshd is a real OpenSSH server on a free loopback port, with its own keys.
type sshd struct {
	dir     string
	port    int
	process *exec.Cmd
	options Options
}

// startSSHD starts a server whose configuration gets the extra lines. Its host
// keys are named by type; none means ed25519.
func startSSHD(t *testing.T, extra string, keyTypes ...string) *sshd {
	t.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%s is missing: install openssh-server", program)
	}
	if os.Getuid() != 0 {
		t.Fatal("sshd logs in only as its own user unless it is root: run this test as root")
	}
	must(t, os.MkdirAll("/run/sshd", 0o755))
	s := &sshd{dir: t.TempDir(), port: freePort(t)}
	if len(keyTypes) == 0 {
		keyTypes = []string{"ed25519"}
	}
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nPidFile none\nStrictModes no\nUsePAM no\nMaxStartups 100\n"+
		"PasswordAuthentication no\nAuthorizedKeysFile %s/authorized\nSubsystem sftp internal-sftp\n%s\n", s.port, s.dir, extra)
	for _, kind := range keyTypes {
		config += "HostKey " + s.hostKey(t, kind) + "\n"
	}
	me, err := user.Current()
	must(t, err)
	s.options = Options{
		Address: "127.0.0.1", Port: s.port, User: me.Username, Target: "shop",
		Key: filepath.Join(s.dir, "id"), KnownHosts: filepath.Join(s.dir, "known_hosts"),
	}
	writeKey(t, s.options.Key, filepath.Join(s.dir, "authorized"))
	file := filepath.Join(s.dir, "config")
	must(t, os.WriteFile(file, []byte(config), 0o600))
	log, err := os.Create(filepath.Join(s.dir, "log"))
	must(t, err)
	s.process = exec.Command(program, "-D", "-e", "-f", file)
	s.process.Stderr = log
	must(t, s.process.Start())
	t.Cleanup(func() {
		s.process.Process.Kill()
		s.process.Wait()
		log.Close()
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("sshd said:\n%s", said)
		}
	})
	within(t, 30*time.Second, "sshd to listen", func() bool {
		c, err := net.Dial("tcp", s.options.dialAddress())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return s
}

func (s *sshd) hostKey(t *testing.T, kind string) string {
	t.Helper()
	name := filepath.Join(s.dir, "host_"+kind)
	out, err := exec.Command("ssh-keygen", "-q", "-N", "", "-t", kind, "-f", name).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	return name
}

// trust puts a host key of the server into known_hosts.
func (s *sshd) trust(t *testing.T, kind string) {
	t.Helper()
	public, err := os.ReadFile(filepath.Join(s.dir, "host_"+kind+".pub"))
	must(t, err)
	must(t, appendFile(s.options.KnownHosts, fmt.Sprintf("[127.0.0.1]:%d %s", s.port, public)))
}

// connect logs in to a server that is trusted first.
func (s *sshd) connect(t *testing.T) *Conn {
	t.Helper()
	s.trust(t, "ed25519")
	c, err := Dial(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// sessions are the process ids of the server's children.
func (s *sshd) sessions(t *testing.T) []int {
	t.Helper()
	out, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.process.Process.Pid, s.process.Process.Pid))
	must(t, err)
	var pids []int
	for _, f := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(f)
		must(t, err)
		pids = append(pids, pid)
	}
	return pids
}

func writeKey(t *testing.T, private, public string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(key, "test")
	must(t, err)
	must(t, os.WriteFile(private, pem.EncodeToMemory(block), 0o600))
	line, err := ssh.NewPublicKey(pub)
	must(t, err)
	must(t, os.WriteFile(public, ssh.MarshalAuthorizedKey(line), 0o600))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// refused asserts that connecting fails with a cause and a message that holds
// every one of the words.
func refused(t *testing.T, o Options, cause stack.Cause, words ...string) {
	t.Helper()
	c, err := Dial(t.Context(), o)
	if err == nil {
		c.Close()
		t.Fatal("connected, should have been refused")
	}
	var fault *stack.Error
	if !errors.As(err, &fault) || fault.Cause != cause {
		t.Errorf("cause of %v is not %q", err, cause)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("message lacks %q:\n%v", w, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within waits for a condition.
func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s in vain for %s", limit, what)
		}
	}
}
