package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/openssh"
)

// commandConn is a connection that a command carries, as ssh's ProxyCommand.
type commandConn struct {
	io.Reader
	io.WriteCloser
	command *exec.Cmd
	errs    *tail
	once    sync.Once
}

// dialCommand starts a command whose input and output are the connection.
func dialCommand(line string) (net.Conn, error) {
	// The connection outlives the context of the dialling.
	cmd := openssh.Shell(context.Background(), "exec "+line)
	if os.PathSeparator == '\\' {
		cmd = openssh.Shell(context.Background(), line)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &commandConn{Reader: out, WriteCloser: in, command: cmd, errs: new(tail)}
	cmd.Stderr = c.errs
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("ProxyCommand: %w", err)
	}
	return c, nil
}

func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if said := c.errs.String(); err != nil && n == 0 && said != "" {
		err = fmt.Errorf("ProxyCommand: %s: %w", said, err)
	}
	return n, err
}

// Close ends the command.
func (c *commandConn) Close() error {
	c.once.Do(func() {
		_ = c.WriteCloser.Close()
		_ = c.command.Process.Kill()
		go func() { _ = c.command.Wait() }()
	})
	return nil
}

func (c *commandConn) LocalAddr() net.Addr { return commandAddr{} }

// RemoteAddr has no address to tell.
func (c *commandConn) RemoteAddr() net.Addr { return commandAddr{} }

// SetDeadline and its like are not needed: who gives up closes the connection.
func (c *commandConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *commandConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *commandConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type commandAddr struct{}

func (commandAddr) Network() string { return "command" }
func (commandAddr) String() string  { return "ProxyCommand" }

// tail keeps the last line that a command printed.
type tail struct {
	lock sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-1024):]
	return len(p), nil
}

func (t *tail) String() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return lastLine([]byte(strings.TrimSpace(string(t.text))))
}
