// Package engine owns the Docker Engine and Compose on a host, over any
// dialer: it observes containers, images and networks, and applies one step at
// a time. It must not know how the host is reached, what a release is for, or
// which step comes next; it never touches a container, network or volume that
// stackctl did not make.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"

	"stackctl/pkg/stackctl/stack"
)

// Dial opens a connection to the host's Docker socket.
type Dial func(ctx context.Context) (net.Conn, error)

// Engine is one host's Docker Engine. It is safe for concurrent use.
type Engine struct {
	api   *client.Client
	calls *atomic.Int64

	mu    sync.Mutex
	store string // once it was asked for

	asked asked
}

// parallel bounds how many API calls one observation makes at once.
const parallel = 8

// silence keeps Compose's warnings off the terminal; what matters of them is
// returned as an error or through the progress callback.
var silence = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// Open connects to the engine behind dial and agrees on an API version. The
// engine must speak API 1.41 (Docker 20.10) or newer.
func Open(ctx context.Context, dial func(ctx context.Context) (net.Conn, error)) (*Engine, error) {
	silence()
	first, err := dial(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	d := &dialer{dial: dial, first: first}
	defer d.dropFirst()
	calls := new(atomic.Int64)
	transport := &http.Transport{
		// The transport asks this once for each request; a wrapper around it would
		// hide from the client how to take a connection over.
		Proxy:               func(*http.Request) (*url.URL, error) { calls.Add(1); return nil, nil },
		DisableCompression:  true,
		MaxIdleConnsPerHost: parallel,
		IdleConnTimeout:     time.Minute,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.next(ctx)
		},
	}
	// WithHost comes before WithHTTPClient, because it would replace the dialer.
	api, err := client.New(
		client.WithHost("tcp://"+apiHost),
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
	)
	if err != nil {
		return nil, fmt.Errorf("make a Docker client: %w", err)
	}
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		_ = api.Close()
		return nil, unreachable(err)
	}
	return &Engine{api: api, calls: calls}, nil
}

// Calls is how many requests were sent to the engine.
func (e *Engine) Calls() int64 { return e.calls.Load() }

// Close drops idle connections. Calls in flight end on their own contexts.
func (e *Engine) Close() error { return e.api.Close() }

// apiHost stands in requests where a host must; RFC 2606 reserves it.
const apiHost = "docker.invalid"

// dialer hands out the connection that proved the socket, then new ones.
type dialer struct {
	dial  Dial
	mu    sync.Mutex
	first net.Conn
}

func (d *dialer) next(ctx context.Context) (net.Conn, error) {
	if c := d.take(); c != nil {
		return c, nil
	}
	return d.dial(ctx)
}

func (d *dialer) take() net.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.first
	d.first = nil
	return c
}

func (d *dialer) dropFirst() {
	if c := d.take(); c != nil {
		_ = c.Close()
	}
}

// unreachable says why the socket cannot be used and what to do about it. An
// SSH server tells a missing socket and a forbidden one apart by nothing, so
// that case names both.
func unreachable(err error) error {
	const what = "reach Docker on the host"
	switch {
	case errors.Is(err, context.Canceled):
		return stack.Fault(stack.CauseInterrupted, what, err, "")
	case errors.Is(err, os.ErrPermission):
		return stack.Fault(stack.CauseUnreachable, what, err,
			`the user may not use the Docker socket; run "stackctl provision", which puts it into the docker group`)
	case errors.Is(err, os.ErrNotExist):
		return stack.Fault(stack.CauseUnreachable, what, err,
			`the host has no Docker Engine; run "stackctl provision"`)
	case errors.Is(err, syscall.ECONNREFUSED):
		return stack.Fault(stack.CauseUnreachable, what, err,
			`the Docker Engine is not running; start it, or run "stackctl provision"`)
	}
	fix := "the host has no running Docker Engine, or the user is not in the docker group"
	if !strings.Contains(err.Error(), "stackctl provision") {
		fix += `; run "stackctl provision"`
	}
	return stack.Fault(stack.CauseUnreachable, what, err, fix)
}
