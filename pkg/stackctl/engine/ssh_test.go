package engine

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/stack"
)

// overSSH opens the engine through a real OpenSSH server on loopback.
func overSSH(t *testing.T, socket string) (*Engine, error) {
	t.Helper()
	conn := login(t)
	e, err := Open(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return conn.DialContext(ctx, "unix", socket)
	})
	if err == nil {
		t.Cleanup(func() { _ = e.Close() })
	}
	return e, err
}

func login(t *testing.T) *host.Conn {
	t.Helper()
	dir := t.TempDir()
	hostKey, hostPublic := newKey(t, dir, "host")
	key, public := newKey(t, dir, "client")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	known := write("known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", port, hostPublic))
	config := write("config", fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nPidFile none\nStrictModes no\nUsePAM no\nHostKey %s\nAuthorizedKeysFile %s\n",
		port, hostKey, write("authorized", public)))
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	sshd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config)
	if err := sshd.Start(); err != nil {
		t.Fatalf("this test needs openssh-server and root: %v", err)
	}
	t.Cleanup(func() { _ = sshd.Process.Kill(); _ = sshd.Wait() })
	var c *host.Conn
	eventually(t, func() bool {
		c, err = host.Dial(t.Context(), host.Options{Address: "127.0.0.1", Port: port, User: me.Username, Key: key, KnownHosts: known})
		return err == nil
	}, func() string { return fmt.Sprint("log in to sshd: ", err) })
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// newKey writes a private key and returns its path and the public line.
func newKey(t *testing.T, dir, name string) (string, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return p, string(ssh.MarshalAuthorizedKey(line))
}

// TestEverythingWorksThroughOneSSHConnection deploys, executes, reads logs and
// ships an image over a tunnel.
func TestEverythingWorksThroughOneSSHConnection(t *testing.T) {
	w := newWorld(t)
	e, err := overSSH(t, socket)
	if err != nil {
		t.Fatal(err)
	}
	w.Engine = e
	yaml := file(healthy("db", imageA), healthy("api", imageA, "depends_on: {db: {condition: service_healthy}}"))
	if touched := w.up(yaml); len(touched) != 2 {
		t.Errorf("touched %v", touched)
	}
	if touched := w.up(yaml); len(touched) != 0 {
		t.Errorf("the second time touched %v", touched)
	}
	id := w.ids()["api"]
	var got strings.Builder
	code, err := e.ExecStream(w.ctx, id, []string{"/app", "cat"}, strings.NewReader("through\n"), &got, &got)
	if err != nil || code != 0 || got.String() != "through\n" {
		t.Errorf("exec: %d, %q, %v", code, got.String(), err)
	}
	var log strings.Builder
	if err := e.Logs(w.ctx, id, stack.LogOptions{Tail: 1, Follow: false}, &log, &log); err != nil || log.String() != "serving\n" {
		t.Errorf("logs: %q, %v", log.String(), err)
	}
	tag := "stackctl-engine-test/shipped:" + random()
	archive, err := appArchive(tag, map[string]string{"shipped": "yes"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "app.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(archive); err != nil {
		t.Fatal(err)
	}
	f.Close()
	index, err := image.Index(dir)
	if err != nil {
		t.Fatal(err)
	}
	have, err := e.Images(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.RemoveImage(context.Background(), tag) })
	sent, err := image.Ship(w.ctx, index[tag], have, image.Save, e.Load, nil)
	if err != nil || sent.LayersSent != 0 {
		t.Errorf("shipping an image whose layer is there sent %+v, %v", sent, err)
	}
	if have, _ = e.Images(w.ctx); !image.Has(index[tag], have) {
		t.Error("the shipped image is not there")
	}
}

func TestMissingSocketOverSSH(t *testing.T) {
	_, err := overSSH(t, filepath.Join(t.TempDir(), "docker.sock"))
	if stack.CauseOf(err) != stack.CauseUnreachable || !strings.Contains(err.Error(), "stackctl provision") {
		t.Errorf("got %v", err)
	}
	t.Log(err)
}
