package gatetest

import (
	"context"
	"net"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// Run lets one gate look.
func Run(ctx context.Context, g gate.Gate, s gate.Subject) stack.GateResult {
	return gate.Run(ctx, []gate.Gate{g}, s, nil)[0]
}

// DialerFunc is a gate.Dialer.
type DialerFunc func(context.Context, string, string) (net.Conn, error)

// DialContext calls f.
func (f DialerFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}
