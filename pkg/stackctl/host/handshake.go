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
	"syscall"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/openssh"
	"stackctl/pkg/stackctl/stack"
)

// handshake is the attempt to log in to one host, at each of its addresses. It
// remembers how far it came, to tell why it failed.
type handshake struct {
	options Options
	check   ssh.HostKeyCallback
	dial    func(ctx context.Context, address string) (net.Conn, error)
	lookup  lookup
	keys    *identities

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

// failure is why one address was of no use. A decided one ends the attempt: the
// host was reached, and another of its addresses would say the same.
type failure struct {
	address string
	err     error
	fix     string
	cause   stack.Cause
	decided bool
}

// run tries the addresses of the host one after another.
func (h *handshake) run(ctx context.Context, config *ssh.ClientConfig) (*ssh.Client, *wire, error) {
	config.HostKeyCallback = h.hostKey
	looking, _, cancel := patient(ctx)
	addresses, err := h.lookup(looking, h.options.Address)
	if err != nil {
		defer cancel()
		return nil, nil, h.tell([]failure{h.unreachable(looking, err)})
	}
	cancel()
	var failures []failure
	for _, a := range addresses {
		client, w, failed := h.try(ctx, a, config)
		if failed == nil {
			return client, w, nil
		}
		failed.address = a
		failures = append(failures, *failed)
		if failed.decided || ctx.Err() != nil {
			return nil, nil, h.tell([]failure{*failed})
		}
	}
	return nil, nil, h.tell(failures)
}

// try logs in at one address.
func (h *handshake) try(ctx context.Context, address string, config *ssh.ClientConfig) (*ssh.Client, *wire, *failure) {
	ctx, clock, cancel := patient(ctx)
	defer cancel()
	h.keys.during(clock.pause)
	at := Options{Address: address, Port: h.options.Port}.dialAddress()
	conn, err := h.dial(ctx, at)
	if err != nil {
		f := h.unreachable(ctx, err)
		return nil, nil, &f
	}
	w := newWire(conn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	sshConn, channels, requests, err := ssh.NewClientConn(w, h.options.dialAddress(), config)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		stop()
		conn.Close()
		f := h.explain(ctx, w, err)
		return nil, nil, &f
	}
	return ssh.NewClient(sshConn, channels, requests), w, nil
}

// tell is the error of an attempt: of one address, or of each that was tried.
func (h *handshake) tell(failures []failure) error {
	first := failures[0]
	var texts []error
	for _, f := range failures {
		err := f.err
		if f.address != "" && f.address != h.options.Address && !strings.Contains(err.Error(), f.address) {
			err = fmt.Errorf("%s: %w", f.address, err)
		}
		texts = append(texts, err)
	}
	err := texts[0]
	for _, next := range texts[1:] {
		err = fmt.Errorf("%w; %w", err, next)
	}
	return stack.Fault(first.cause, "connect "+h.options.String(), err, first.fix)
}

// unreachable explains why no TCP connection could be made.
func (h *handshake) unreachable(ctx context.Context, err error) failure {
	f := failure{err: err, cause: stack.CauseUnreachable}
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil && !silent(ctx):
		return failure{err: context.Cause(ctx), cause: stack.CauseInterrupted, decided: true}
	case errors.As(err, &dns):
		f.fix = "check the target's host in stackctl.yaml, ~/.ssh/config and your DNS"
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded): // the dialler may notice it first
		f.err = cmp.Or(context.Cause(ctx), err)
		f.fix = "check that the server is up and that no firewall drops port " + portOf(h.options)
	default:
		f.fix = "check the target's host and port in stackctl.yaml, and that sshd runs there"
	}
	return f
}

// explain returns why the handshake failed, by how far it came.
func (h *handshake) explain(ctx context.Context, w *wire, err error) failure {
	greeting := w.greeting()
	h.lock.Lock()
	defer h.lock.Unlock()
	f := failure{cause: stack.CauseUnreachable}
	switch {
	case h.refused != nil:
		return failure{err: h.refused, fix: h.distrust(), cause: stack.CauseUnreachable, decided: true}
	case ctx.Err() != nil && !silent(ctx):
		return failure{err: context.Cause(ctx), cause: stack.CauseInterrupted, decided: true}
	case greeting == "" && ctx.Err() != nil:
		f.err = fmt.Errorf("port %s takes connections but said nothing for %s", portOf(h.options), connectTimeout)
		f.fix = "check that sshd, and not something else, listens there"
	case greeting != "" && !strings.Contains(greeting, "SSH-2.0-"):
		f.err = fmt.Errorf("port %s is not an SSH server; it said %q", portOf(h.options), firstLine(greeting))
		f.fix = "check the target's port in stackctl.yaml"
	case ctx.Err() != nil:
		f.err, f.fix = fmt.Errorf("the login did not end within %s", connectTimeout), "the server may be overloaded; try again"
	case h.trusted && h.keys != nil && strings.Contains(err.Error(), "Too many authentication failures"):
		return h.tooMany(err)
	case h.trusted && h.keys != nil && !cut(err):
		return h.denied(err)
	case cut(err):
		f.err = fmt.Errorf("the server closed the connection before the login ended: %w", err)
		f.fix = "the server may refuse this address (fail2ban, MaxStartups, AllowUsers); see its sshd log"
	default:
		f.err = err
	}
	return f
}

// tooMany explains that the server had seen enough keys before the right one.
func (h *handshake) tooMany(err error) failure {
	return failure{
		err:   fmt.Errorf("too many keys: the server ended the login after some of %s: %w", h.keys.names(h.options), err),
		fix:   "choose one: set the target's `key` in stackctl.yaml to its public half, such as ~/.ssh/id_ed25519.pub, or IdentityFile and `IdentitiesOnly yes` in ~/.ssh/config",
		cause: stack.CauseUnreachable, decided: true,
	}
}

// denied explains that the server takes none of the keys.
func (h *handshake) denied(err error) failure {
	f := failure{err: fmt.Errorf("the server refused %s: %w", h.keys.names(h.options), err), cause: stack.CauseUnreachable, decided: true}
	f.fix = fmt.Sprintf("run `stackctl provision` if the server is new; else add its public key to ~%s/.ssh/authorized_keys on the server, or name another key in stackctl.yaml", h.options.User)
	if h.keys.unknown != "" {
		f.fix = fmt.Sprintf("%s is protected by a passphrase and nothing says which of the agent's keys it is: put its public half beside it, `ssh-keygen -y -f %s > %s.pub`; or %s",
			h.keys.unknown, h.keys.unknown, h.keys.unknown, f.fix)
	}
	return f
}

// distrust returns what to do about a host key that is not the known one.
func (h *handshake) distrust() string {
	o, file := h.options, h.options.knownHosts()[0]
	name := openssh.KnownName(o.Address, o.port())
	var unknown *UnknownHostError
	var changed *ChangedHostKeyError
	switch {
	case errors.As(h.refused, &unknown):
		trust := "stackctl trust"
		if o.Target != "" {
			trust += " --target " + o.Target
		}
		return fmt.Sprintf("if this is the fingerprint that the server's console or provider shows, run `%s --fingerprint %s`, or `ssh-keyscan -p %s %s >> %s` after comparing",
			trust, unknown.Key.Fingerprint, portOf(o), o.Address, file)
	case errors.As(h.refused, &changed):
		return fmt.Sprintf("if the server was reinstalled, remove the old key with `ssh-keygen -R '%s' -f %s` and trust the new one; if not, somebody may be in between",
			name, changed.Known[0].File)
	}
	return "see " + file
}

// cut reports whether the connection ended rather than the login was refused. A proxy
// command that has ended is a broken pipe.
func cut(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) || errors.As(err, &network)
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
