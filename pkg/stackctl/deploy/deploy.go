// Package deploy owns the story of one deploy: freeze, judge, connect, observe,
// plan, execute, judge again, commit or roll back. It must not know how
// anything is shown, and reaches a server only through package node.
package deploy

import (
	"context"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Deployer runs one verb against one target.
type Deployer struct {
	Config stack.Config
	Target stack.Target
	// All adds the slow and the mutating gates.
	All bool
	// Gates limits the gates to some IDs; empty: all.
	Gates []string
	// Adopt lets a deploy take over containers of the project that docker compose
	// started on the server; without it they are a reason to refuse.
	Adopt bool
	// LockWait is how long a lock that somebody holds is waited for.
	LockWait time.Duration
	// Run is the run's ID; Owner is user@machine.
	Run, Owner string
	// Commit is the commit of the project's files.
	Commit string
	// Tools are the versions of what took part, by name.
	Tools map[string]string
	// Emit takes the run's events, Artifacts its evidence.
	Emit      stack.Emit
	Artifacts gate.Sink
	// Connect reaches the target's server.
	Connect func(ctx context.Context, t stack.Target) (node.Server, error)
	// Builder opens the operator's own Engine, which builds images where it is
	// there; nil: the target's builds.
	Builder func(ctx context.Context) (Builder, error)
	// Now is the clock.
	Now func() time.Time
}
