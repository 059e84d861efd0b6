//go:build tools

// Package images pins the FerretDB release that stands in for MongoDB where no container registry answers.
package images

import _ "github.com/FerretDB/FerretDB/cmd/ferretdb"
