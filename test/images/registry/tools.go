//go:build tools

// Package images pins the registry that end-to-end tests pull private images from.
package images

import _ "github.com/distribution/distribution/v3/cmd/registry"
