package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// lookup finds the addresses of a name.
type lookup func(ctx context.Context, name string) ([]string, error)

// way leads to a host: directly, through the connections to other hosts, or by
// a command of the operator's. Its connections end with it.
type way struct {
	clients []*ssh.Client
	command string
	once    sync.Once
}

// enter logs in to the hosts on the way, one through the other, and returns the
// way with the login that is left.
func (o Options) enter(ctx context.Context) (*way, Options, error) {
	w := new(way)
	for i, hop := range append(append([]Options(nil), o.Via...), o) {
		if hop.ProxyCommand != "" && i == 0 {
			w.command = hop.ProxyCommand
		}
		if i == len(o.Via) {
			return w, hop, nil
		}
		client, _, _, err := w.login(ctx, hop)
		if err != nil {
			w.Close()
			return nil, hop, fmt.Errorf("on the way to %s: %w", o, err)
		}
		w.clients, w.command = append(w.clients, client), ""
	}
	return w, o, nil
}

// login logs in at the end of the way. It returns the key that did.
func (w *way) login(ctx context.Context, o Options) (*ssh.Client, *wire, ssh.PublicKey, error) {
	if o.Address == "" || o.User == "" {
		return nil, nil, nil, stack.Fault(stack.CauseUsage, "connect "+o.String(), errors.New("host and user must be set"),
			"set host and user of the target in stackctl.yaml")
	}
	keys, err := identify(o)
	if err != nil {
		return nil, nil, nil, err
	}
	defer keys.close()
	known, err := trustedBy(o)
	if err != nil {
		return nil, nil, nil, err
	}
	h := handshake{options: o, check: known.check, dial: w.dial, lookup: w.lookup(o), keys: keys}
	client, wire, err := h.run(ctx, &ssh.ClientConfig{
		User: o.User, Auth: keys.auth(), HostKeyAlgorithms: known.algorithms(), ClientVersion: "SSH-2.0-stackctl",
	})
	return client, wire, keys.signed(), err
}

// dial opens a connection to an address at the end of the way.
func (w *way) dial(ctx context.Context, address string) (net.Conn, error) {
	switch {
	case w.command != "":
		return dialCommand(w.command)
	case len(w.clients) == 0:
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	conn, err := w.clients[len(w.clients)-1].DialContext(ctx, "tcp", address)
	if refused := new(ssh.OpenChannelError); errors.As(err, &refused) && refused.Reason == ssh.Prohibited {
		err = fmt.Errorf("the host on the way forbids it: %w; set AllowTcpForwarding in its sshd_config", err)
	}
	return conn, err
}

// lookup finds the addresses to try. Behind another host names mean what they
// mean there.
func (w *way) lookup(o Options) lookup {
	switch {
	case w.command != "" || len(w.clients) > 0 || net.ParseIP(o.Address) != nil:
		return func(_ context.Context, name string) ([]string, error) { return []string{name}, nil }
	case o.lookup != nil:
		return o.lookup
	}
	return net.DefaultResolver.LookupHost
}

// Close ends the connections on the way, the last one first.
func (w *way) Close() {
	w.once.Do(func() {
		for i := len(w.clients) - 1; i >= 0; i-- {
			_ = w.clients[i].Close()
		}
	})
}
