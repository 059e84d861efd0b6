package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// DialContext opens a socket on the server: network "tcp" with host:port, or
// "unix" with a path. It is what a Docker or HTTP client dials with.
func (c *Conn) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	what := "open " + network + " " + address
	switch network {
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return nil, c.fail(ctx, what, net.UnknownNetworkError(network))
	}
	conn, err := c.client.DialContext(ctx, network, address)
	if err != nil {
		return nil, c.fail(ctx, what, tunnelFault(network, err))
	}
	c.tunnels.Add(1)
	return &tunnel{Conn: conn}, nil
}

// tunnelFault says what to set where sshd may have refused. It tells a socket
// that is not there from a forbidden one only for TCP.
func tunnelFault(network string, err error) error {
	var open *ssh.OpenChannelError
	switch {
	case !errors.As(err, &open):
		return err
	case network == "unix":
		return fmt.Errorf("%w; check that the socket is there, that the user may open it, and that sshd has AllowTcpForwarding local and AllowStreamLocalForwarding local (`stackctl provision` sets them)", err)
	case open.Reason == ssh.Prohibited:
		return fmt.Errorf("sshd forbids it: %w; set AllowTcpForwarding local in its configuration (`stackctl provision` does)", err)
	}
	return err
}

// tunnel adds deadlines to an SSH channel, which has none. A read or write
// that passes its deadline ends the tunnel: the other end cannot be told.
type tunnel struct {
	net.Conn
	read, write deadline
}

// CloseWrite ends the writing half, for protocols that answer after it.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (t *tunnel) Read(p []byte) (int, error) { return t.read.guard(t.Conn.Close, t.Conn.Read, p) }

func (t *tunnel) Write(p []byte) (int, error) { return t.write.guard(t.Conn.Close, t.Conn.Write, p) }

func (t *tunnel) SetDeadline(at time.Time) error {
	t.read.set(at)
	t.write.set(at)
	return nil
}

func (t *tunnel) SetReadDeadline(at time.Time) error { t.read.set(at); return nil }

func (t *tunnel) SetWriteDeadline(at time.Time) error { t.write.set(at); return nil }

// deadline ends operations that are running when it passes.
type deadline struct {
	lock    sync.Mutex
	at      time.Time
	timer   *time.Timer
	running int
	end     func() error
	passed  bool
}

func (d *deadline) set(at time.Time) {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	d.arm()
}

// arm starts the timer if there is something that it could end.
func (d *deadline) arm() {
	if d.running > 0 && !d.at.IsZero() && d.timer == nil {
		at := d.at
		d.timer = time.AfterFunc(time.Until(at), func() { d.expire(at) })
	}
}

func (d *deadline) expire(at time.Time) {
	d.lock.Lock()
	due := d.running > 0 && d.at.Equal(at)
	d.passed = d.passed || due
	end := d.end
	d.lock.Unlock()
	if due {
		_ = end()
	}
}

// guard runs one operation under the deadline.
func (d *deadline) guard(end func() error, do func([]byte) (int, error), p []byte) (int, error) {
	d.lock.Lock()
	if d.passed || !d.at.IsZero() && !time.Now().Before(d.at) {
		d.lock.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	d.end = end
	d.running++
	d.arm()
	d.lock.Unlock()
	n, err := do(p)
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.running--; d.running == 0 && d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if err != nil && d.passed {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}
