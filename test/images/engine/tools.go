//go:build tools

// Package images pins the newest Docker Engine that end-to-end tests run against.
package images

import (
	_ "github.com/moby/moby/v2/cmd/docker-proxy"
	_ "github.com/moby/moby/v2/cmd/dockerd"
	_ "github.com/opencontainers/runc"
)
