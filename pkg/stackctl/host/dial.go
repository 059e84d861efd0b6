package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/melbahja/goph"
)

// Dial connects and logs in. goph's own dialler knows no context, no host key
// algorithms and no deadline for the handshake, so its client is put around a
// connection that is made here.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	way, last, err := o.enter(ctx)
	if err != nil {
		return nil, err
	}
	client, wire, key, err := way.login(ctx, last)
	if err != nil {
		way.Close()
		return nil, err
	}
	c := &Conn{
		options: o, client: &goph.Client{Client: client, Config: &goph.Config{User: o.User, Addr: o.Address}},
		way: way, key: key, wire: wire, slots: make(chan struct{}, MaxSessions), done: make(chan struct{}),
	}
	go c.watch()
	return c, nil
}

// errSilent is the end of a wait for an address.
var errSilent = fmt.Errorf("no answer within %s", connectTimeout)

// patience bounds a wait, and stands still while the operator is waited for.
type patience struct{ timer *time.Timer }

// patient bounds a context by connectTimeout; its cause is errSilent then.
func patient(ctx context.Context) (context.Context, *patience, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &patience{time.AfterFunc(connectTimeout, func() { cancel(errSilent) })}
	return ctx, p, func() { p.timer.Stop(); cancel(nil) }
}

// pause stops the clock until the returned function is called: a passphrase is
// typed or a hardware key touched in the operator's own time.
func (p *patience) pause() (resume func()) {
	if p == nil || !p.timer.Stop() {
		return func() {}
	}
	return func() { p.timer.Reset(connectTimeout) }
}

// silent reports whether a context ended because nothing answered in time.
func silent(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errSilent) }
