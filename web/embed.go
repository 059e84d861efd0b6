// Package web owns the embedded build output of the web app. It must not know
// how it is served.
package web

import (
	"embed"
	"encoding/json"
	"io/fs"
)

//go:embed pages.json
var pages []byte

// Pages returns the paths at which the web app has a page: the router's own, which
// a test of the web app compares.
func Pages() []string {
	var list []string
	if err := json.Unmarshal(pages, &list); err != nil {
		panic(err) // The file is in this binary: it is right or no test passes.
	}
	return list
}

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
