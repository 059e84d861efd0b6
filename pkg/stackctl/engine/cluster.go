package engine

import (
	"context"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/client"
)

// What package swarm shares with one engine: how a resolved compose file is read,
// and the API by which a manager takes services.

// Client is the engine's API.
func (e *Engine) Client() *client.Client { return e.api }

// Project reads an already resolved compose file as Up does, with the labels by
// which stackctl knows its own.
func Project(ctx context.Context, name string, yaml []byte) (*types.Project, error) {
	return load(ctx, name, yaml)
}

// Select keeps services of a project, with what they depend on where deps says so;
// no names keep all.
func Select(p *types.Project, services []string, deps types.DependencyOption) (*types.Project, error) {
	return narrow(p, services, deps)
}

// OneShot reports whether a service of a project runs to completion.
func OneShot(p *types.Project, s types.ServiceConfig) bool { return oneShot(p, s) }

// Settles returns how long a service without a health check must run before it
// counts as ready; 0 where it does not say.
func Settles(s types.ServiceConfig) time.Duration { return settles(s) }
