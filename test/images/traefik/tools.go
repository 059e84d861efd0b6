//go:build tools

// Package images pins the Traefik release that is built from source where no container registry answers.
package images

import _ "github.com/traefik/traefik/v3/cmd/traefik"
