package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// Dial connects and logs in. goph's own dialler knows no context, no host key
// algorithms and no deadline for the handshake, so its client is put around a
// connection that is made here.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	what := "connect " + o.String()
	if o.Address == "" || o.User == "" {
		return nil, stack.Fault(stack.CauseUsage, what, errors.New("host and user must be set"),
			"set host and user of the target in stackctl.yaml")
	}
	auth, release, err := login(o)
	if err != nil {
		return nil, err
	}
	defer release()
	trusted, err := readKnownHosts(o.KnownHosts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout,
		fmt.Errorf("no answer within %s", connectTimeout))
	defer cancel()
	h := handshake{options: o, check: trusted.check}
	config := &ssh.ClientConfig{
		User: o.User, Auth: auth, HostKeyCallback: h.hostKey,
		HostKeyAlgorithms: trusted.algorithms(o.dialAddress()),
		ClientVersion:     "SSH-2.0-stackctl",
	}
	client, w, err := h.run(ctx, config)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		options: o, client: &goph.Client{Client: client, Config: &goph.Config{Auth: auth, User: o.User, Addr: o.Address}},
		wire: w, slots: make(chan struct{}, MaxSessions), done: make(chan struct{}),
	}
	go c.watch()
	return c, nil
}

// handshake is one attempt to log in; it remembers how far it came, to tell
// why it failed.
type handshake struct {
	options Options
	check   ssh.HostKeyCallback

	lock    sync.Mutex
	refused error // what check said
	trusted bool
}

func (h *handshake) hostKey(name string, remote net.Addr, key ssh.PublicKey) error {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.refused = h.check(name, remote, key)
	h.trusted = h.refused == nil
	return h.refused
}

func (h *handshake) run(ctx context.Context, config *ssh.ClientConfig) (*ssh.Client, *wire, error) {
	what, address := "connect "+h.options.String(), h.options.dialAddress()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, h.unreachable(ctx, what, err)
	}
	w := newWire(conn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	sshConn, channels, requests, err := ssh.NewClientConn(w, address, config)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		stop()
		conn.Close()
		return nil, nil, h.explain(ctx, what, w, err)
	}
	return ssh.NewClient(sshConn, channels, requests), w, nil
}

// unreachable explains why no TCP connection could be made.
func (h *handshake) unreachable(ctx context.Context, what string, err error) error {
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return stack.Fault(stack.CauseInterrupted, what, context.Cause(ctx), "")
	case errors.As(err, &dns):
		return stack.Fault(stack.CauseUnreachable, what, err, "check the target's host in stackctl.yaml and your DNS")
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded): // the dialler may notice it first
		return stack.Fault(stack.CauseUnreachable, what, cmp.Or(context.Cause(ctx), err),
			"check that the server is up and that no firewall drops port "+portOf(h.options))
	}
	return stack.Fault(stack.CauseUnreachable, what, err,
		"check the target's host and port in stackctl.yaml, and that sshd runs there")
}

// explain tells why the handshake failed, by how far it came.
func (h *handshake) explain(ctx context.Context, what string, w *wire, err error) error {
	greeting := w.greeting()
	h.lock.Lock()
	defer h.lock.Unlock()
	switch {
	case h.refused != nil:
		return h.distrust(what)
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return stack.Fault(stack.CauseInterrupted, what, context.Cause(ctx), "")
	case greeting == "" && ctx.Err() != nil:
		return stack.Fault(stack.CauseUnreachable, what,
			fmt.Errorf("port %s takes connections but said nothing for %s", portOf(h.options), connectTimeout),
			"check that sshd, and not something else, listens there")
	case greeting != "" && !strings.Contains(greeting, "SSH-2.0-"):
		return stack.Fault(stack.CauseUnreachable, what,
			fmt.Errorf("port %s is not an SSH server; it said %q", portOf(h.options), firstLine(greeting)),
			"check the target's port in stackctl.yaml")
	case ctx.Err() != nil:
		return stack.Fault(stack.CauseUnreachable, what,
			fmt.Errorf("the login did not end within %s", connectTimeout),
			"the server may be overloaded; try again")
	case h.trusted && !cut(err):
		return stack.Fault(stack.CauseUnreachable, what,
			fmt.Errorf("the server refused the key of %s: %w", keyName(h.options), err),
			fmt.Sprintf("run `stackctl provision` if the server is new; else add its public key to ~%s/.ssh/authorized_keys on the server, or name another key in stackctl.yaml", h.options.User))
	case cut(err):
		return stack.Fault(stack.CauseUnreachable, what, fmt.Errorf("the server closed the connection before the login ended: %w", err),
			"the server may refuse this address (fail2ban, MaxStartups, AllowUsers); see its sshd log")
	}
	return stack.Fault(stack.CauseUnreachable, what, err, "")
}

// distrust says what to do about a host key that is not the known one.
func (h *handshake) distrust(what string) error {
	o, file := h.options, knownHostsFile(h.options.KnownHosts)
	var unknown *UnknownHostError
	var changed *ChangedHostKeyError
	switch {
	case errors.As(h.refused, &unknown):
		trust := "stackctl trust"
		if o.Target != "" {
			trust += " --target " + o.Target
		}
		return stack.Fault(stack.CauseUnreachable, what, h.refused, fmt.Sprintf(
			"if this is the fingerprint that the server's console or provider shows, run `%s --fingerprint %s`, or `ssh-keyscan -p %s %s >> %s` after comparing",
			trust, unknown.Key.Fingerprint, portOf(o), o.Address, file))
	case errors.As(h.refused, &changed):
		return stack.Fault(stack.CauseUnreachable, what, h.refused, fmt.Sprintf(
			"if the server was reinstalled, remove the old key with `ssh-keygen -R '%s' -f %s` and trust the new one; if not, somebody may be in between",
			knownName(o.Address, o.Port), file))
	}
	return stack.Fault(stack.CauseUnreachable, what, h.refused, "see "+file)
}

// cut says that the connection ended rather than the login was refused.
func cut(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network)
}

func portOf(o Options) string {
	_, port, _ := net.SplitHostPort(o.dialAddress())
	return port
}

// firstLine is the start of what a server said, short enough to print.
func firstLine(said string) string {
	line, _, _ := strings.Cut(said, "\n")
	line = strings.TrimRight(line, "\r")
	return line[:min(len(line), 80)]
}
