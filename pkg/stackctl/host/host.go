// Package host owns the one SSH connection to a server: commands, files and
// tunnels through it. It must not know what is deployed, nor why.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/melbahja/goph"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// MaxSessions is how many commands run at a time. sshd allows ten sessions on
// a connection by default; files take one of them. Tunnels are not counted.
const MaxSessions = 8

// Deadlines of a connection.
const (
	connectTimeout = 10 * time.Second
	keepaliveEvery = 3 * time.Second
	// silenceLimit is checked every keepaliveEvery, so that a peer is given up
	// after 15 s at the latest.
	silenceLimit = 12 * time.Second
)

// Conn is one SSH connection. It is safe for concurrent use. Every error of a
// lost connection has the cause "unreachable".
type Conn struct {
	options Options
	client  *goph.Client
	way     *way
	key     ssh.PublicKey
	wire    *wire
	slots   chan struct{}
	done    chan struct{}

	end    sync.Mutex
	reason error // why the connection ended, where it was not asked for
	closed bool

	files    sync.Mutex
	sftp     *sftp.Client
	sessions atomic.Int64
	tunnels  atomic.Int64
	opened   atomic.Int64
}

// Stats counts what went through a connection.
type Stats struct {
	// Connections is always 1: there is no other.
	Connections int
	// Sessions counts commands and the file channel, Tunnels the tunnelled
	// sockets, Files the operations on files.
	Sessions, Tunnels, Files int64
	// Sent and Received are bytes on the wire.
	Sent, Received int64
}

// Stats returns what went through so far.
func (c *Conn) Stats() Stats {
	return Stats{
		Connections: 1,
		Sessions:    c.sessions.Load(), Tunnels: c.tunnels.Load(), Files: c.opened.Load(),
		Sent: c.wire.sent.Load(), Received: c.wire.received.Load(),
	}
}

// Options are those that the connection was made with.
func (c *Conn) Options() Options { return c.options }

// Again opens a second connection with the same options.
func (c *Conn) Again(ctx context.Context) (*Conn, error) { return Dial(ctx, c.options) }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Close ends the connection and everything that goes through it.
func (c *Conn) Close() error {
	c.give(nil)
	err := c.client.Close()
	<-c.done
	c.way.Close()
	return err
}

// PublicKey is the public half of the key that logged in, as a line of
// authorized_keys.
func (c *Conn) PublicKey() string { return authorizedLine(c.key) }

// give notes why the connection ends; the first one to say so is believed.
func (c *Conn) give(reason error) {
	c.end.Lock()
	defer c.end.Unlock()
	if !c.closed {
		c.closed, c.reason = true, reason
	}
}

// lost is the error of a connection that has ended or is ending, or nil.
func (c *Conn) lost() error {
	c.end.Lock()
	defer c.end.Unlock()
	switch {
	case !c.closed:
		return nil
	case c.reason == nil:
		return stack.Fault(stack.CauseUnreachable, "connection to "+c.options.String(), net.ErrClosed, "")
	}
	return stack.Fault(stack.CauseUnreachable, "connection to "+c.options.String(), c.reason,
		"run the same command again when the server answers")
}

// fail adds what was tried to an error, and says so if the connection is lost.
func (c *Conn) fail(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s on %s: %w", what, c.options, context.Cause(ctx))
	}
	if ending(err) {
		// A channel ends a moment before its connection does.
		select {
		case <-c.done:
		case <-time.After(endingGrace):
		}
	}
	if lost := c.lost(); lost != nil {
		return fmt.Errorf("%s: %w", what, lost)
	}
	return fmt.Errorf("%s on %s: %w", what, c.options, err)
}

// endingGrace is how long is waited to see whether a connection ended when one
// of its channels did.
const endingGrace = 300 * time.Millisecond

// ending reports whether an error may come from the end of the connection.
func ending(err error) bool {
	var missing *ssh.ExitMissingError
	return errors.As(err, &missing) || errors.Is(err, io.EOF) || errors.Is(err, sftp.ErrSSHFxConnectionLost)
}

// watch ends the connection when the peer is silent, and closes done when it
// has ended for whatever reason.
func (c *Conn) watch() {
	ended := make(chan error, 1)
	go func() { ended <- c.client.Wait() }()
	tick := time.NewTicker(keepaliveEvery)
	defer tick.Stop()
	asking := make(chan struct{}, 1)
	nap := nap{woke: time.Now()}
	for {
		select {
		case err := <-ended:
			c.give(nap.explain(c.wire, time.Now(), c.ended(err)))
			c.way.Close()
			close(c.done)
			return
		case <-tick.C:
			nap.look(c.wire, time.Now())
			if silent := c.wire.silent(); silent > silenceLimit {
				c.give(nap.explain(c.wire, time.Now(), fmt.Errorf("no answer for %d s", int(silent.Seconds()))))
				c.wire.Close()
				continue
			}
			select {
			case asking <- struct{}{}:
				go func() {
					_, _, _ = c.client.SendRequest("keepalive@openssh.com", true, nil)
					<-asking
				}()
			default: // the last one is not answered yet
			}
		}
	}
}

// ended is the end of a connection that was not asked for.
func (c *Conn) ended(err error) error {
	if err == nil {
		return errors.New("the server ended it")
	}
	return fmt.Errorf("the server or the network ended it: %w", err)
}

// nap notices that this program did not run for a while: it was stopped, or the
// machine slept. What came meanwhile was not heard.
type nap struct {
	woke  time.Time
	took  time.Duration
	heard int64
}

// look is called every keepaliveEvery. After a nap the peer gets a fresh chance
// to answer.
func (n *nap) look(w *wire, now time.Time) {
	if late := now.Round(0).Sub(n.woke.Round(0)) - keepaliveEvery; late > silenceLimit/2 {
		n.took, n.heard = late, w.received.Load()
		w.last.Store(int64(time.Since(start)))
	}
	n.woke = now
}

// explain adds to the end of a connection that it came of a nap, where nothing
// was heard since.
func (n *nap) explain(w *wire, now time.Time, err error) error {
	n.look(w, now)
	if n.took == 0 || w.received.Load() != n.heard {
		return err
	}
	return fmt.Errorf("stackctl itself was stopped for %d s (Ctrl-Z, a suspended machine), and the connection did not outlast that: %w", int(n.took.Seconds()), err)
}

// wire counts the bytes of a connection, notes when the last ones came and
// keeps the first ones, which tell what kind of server it is.
type wire struct {
	net.Conn
	sent, received, last atomic.Int64
	lock                 sync.Mutex
	first                []byte
}

// greetingLimit is how much of a server's first bytes is kept.
const greetingLimit = 256

func newWire(conn net.Conn) *wire {
	w := &wire{Conn: conn}
	w.last.Store(int64(time.Since(start)))
	return w
}

// start makes instants of the monotonic clock comparable as numbers.
var start = time.Now()

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		if before := w.received.Add(int64(n)) - int64(n); before < greetingLimit {
			w.lock.Lock()
			w.first = append(w.first, p[:min(n, greetingLimit-int(before))]...)
			w.lock.Unlock()
		}
		w.last.Store(int64(time.Since(start)))
	}
	return n, err
}

// greeting is what the server said first.
func (w *wire) greeting() string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return string(w.first)
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// silent is how long nothing came.
func (w *wire) silent() time.Duration {
	return time.Since(start) - time.Duration(w.last.Load())
}
