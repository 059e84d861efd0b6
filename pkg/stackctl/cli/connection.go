package cli

import (
	"context"
	"errors"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

// connection is a target that a verb is connected to.
type connection struct {
	config stack.Config
	target stack.Target
	server node.Server
}

// connect connects to the project's target, calls use with it and disconnects.
// The redactor then knows what must not be shown of it.
func connect(ctx context.Context, p *project, hide *redactor, use func(connection) error) error {
	c, t, err := p.load()
	if err != nil {
		return err
	}
	if err := hide.readSecrets(ctx, &c); err != nil {
		return err
	}
	hide.learn(c, t)
	server, err := swarm.Reach(ctx, t)
	if err != nil {
		return err
	}
	return errors.Join(use(connection{c, t, server}), server.Close())
}

// current lists the containers of services that serve now; none means all.
func (c connection) current(ctx context.Context, services []string) ([]stack.Container, error) {
	return operate.Current(ctx, c.server, c.config, c.target, services)
}
