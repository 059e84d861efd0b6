// Package web owns the embedded build output of the web app. It must not know
// how it is served.
package web

import (
	"embed"
	"io/fs"
)

// all: takes in the placeholder, so that the module builds before the web app does.
//
//go:embed all:dist
var dist embed.FS

// Dist returns the files that "npm run build" left; only a placeholder where it has not run.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // fs.Sub fails for an invalid path alone, and this one is a constant.
	}
	return sub
}
