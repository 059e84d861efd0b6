package engine

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc"
)

// logins answers a builder that asks for the credentials of a registry: with
// the operator's own, for that build alone.
type logins struct {
	auth.UnimplementedAuthServer
	keys authn.Keychain
}

// Register makes it part of a build's session.
func (l *logins) Register(server *grpc.Server) { auth.RegisterAuthServer(server, l) }

// Credentials are those of one registry; empty where the operator has none.
func (l *logins) Credentials(_ context.Context, r *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	host := r.Host
	if host == "registry-1.docker.io" {
		host = name.DefaultRegistry
	}
	registry, err := name.NewRegistry(host)
	if err != nil {
		return nil, err
	}
	a, err := l.keys.Resolve(registry)
	if err != nil {
		return nil, fmt.Errorf("the credentials for %s in ~/.docker/config.json cannot be read: %w", host, err)
	}
	c, err := a.Authorization()
	if err != nil {
		return nil, fmt.Errorf("the credentials for %s in ~/.docker/config.json cannot be read: %w", host, err)
	}
	if c.IdentityToken != "" {
		return &auth.CredentialsResponse{Secret: c.IdentityToken}, nil
	}
	return &auth.CredentialsResponse{Username: c.Username, Secret: c.Password}, nil
}
