package main

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildNode makes an image with the contract of node:18.
func buildNode(ctx context.Context, j *job) (v1.Image, error) {
	low, all, err := j.bookworm(ctx, "nodejs")
	if err != nil {
		return nil, err
	}
	all.accounts("node", 1000)
	all.dir("home/node", 0o755, 1000)
	if err := j.script(all, "node-entrypoint", "usr/local/bin/docker-entrypoint.sh"); err != nil {
		return nil, err
	}
	return j.assembled(low, all, v1.Config{
		Entrypoint: []string{"docker-entrypoint.sh"},
		Cmd:        []string{"node"},
		Env:        []string{searchPath, "NODE_VERSION=18"},
		Labels:     all.debianStandIn("nodejs", "node:18"),
	})
}
