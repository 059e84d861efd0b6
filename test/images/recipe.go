package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// recipe is how one image is had.
type recipe struct {
	name string
	// ref is the image's name in the compose file.
	ref string
	// folder below --out that gets the archive.
	folder string
	// public images exist in a registry and are pulled where it answers.
	public bool
	// onRequest recipes are made only when named.
	onRequest bool
	// group names recipes that are made together, and only when it is named.
	group string
	// inputs are the files, relative to test/images, that decide the result.
	inputs []string
	// prepare makes further inputs, relative to the repository, where some have
	// to be built first.
	prepare func(ctx context.Context, m *maker) ([]string, error)
	build   func(ctx context.Context, j *job) (v1.Image, error)
}

// Folders below --out. What deploy ships lies apart from what the sandbox uses,
// and from what other projects than this one run.
const (
	stackFolder   = "images"
	sandboxFolder = "sandbox"
	projectFolder = "projects"
)

// recipes lists the images, slowest first so that two builders share the time well.
func recipes() []recipe {
	return slices.Concat([]recipe{
		{name: "traefik", ref: "traefik:v" + traefikVersion, folder: stackFolder, public: true,
			inputs: []string{"traefik.go", "module.go", "traefik/go.mod", "traefik/go.sum", "traefik/dns_stub.go.txt"}, build: buildTraefik},
		{name: "droplet", ref: "stackctl/droplet:bookworm", folder: sandboxFolder,
			inputs: []string{"droplet.go", "debian.go", "files/droplet-init"}, build: buildDroplet(bookworm)},
		{name: "droplet13", ref: "stackctl/droplet:trixie", folder: sandboxFolder, onRequest: true,
			inputs: []string{"droplet.go", "debian.go", "files/droplet-init"}, build: buildDroplet(trixie)},
		{name: "newest", ref: "stackctl/droplet:newest", folder: sandboxFolder, onRequest: true,
			inputs: []string{"engine.go", "module.go", "engine/go.mod", "engine/go.sum", "engine/tools.go", "droplet.go", "debian.go", "files/droplet-init"}, build: buildNewest},
		{name: "pebble", ref: "stackctl/pebble:" + pebbleVersion, folder: sandboxFolder,
			inputs: []string{"pebble.go"}, build: buildPebble},
		{name: "outside", ref: "stackctl/outside:dev", folder: sandboxFolder,
			inputs: []string{"outside.go"}, prepare: compileOutside, build: buildOutside},
		{name: "shop", ref: "shop/app:1", folder: projectFolder,
			inputs: []string{"shop.go"}, prepare: compileShop, build: buildShop},
		{name: "postgres", ref: "postgres:16", folder: stackFolder, public: true,
			inputs: []string{"postgres.go", "debian.go", "files/postgres-entrypoint", "npm.go"}, build: buildPostgres},
		{name: "redis", ref: "redis:7.2", folder: stackFolder, public: true,
			inputs: []string{"redis.go", "debian.go", "files/redis-entrypoint"}, build: buildRedis},
		{name: "pgadmin", ref: "dpage/pgadmin4:9", folder: stackFolder, public: true,
			inputs: []string{"adminer.go", "debian.go", "files/adminer-index.php", "files/adminer-entrypoint", "files/adminer-wget", "postgres.go"}, build: buildAdminer},
		{name: "server", ref: "stackctl/server:dev", folder: stackFolder, onRequest: true,
			inputs: []string{"server.go"}, prepare: compileServer, build: buildServer},
	}, upstream(), twelve())
}

// common are the sources that every recipe depends on.
func common() []string { return []string{"tree.go", "image.go"} }

// key names the result of a recipe on this machine: same key, same content.
// further are inputs relative to the repository.
func (r recipe) key(root string, further ...string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, r.name, r.ref, runtime.GOARCH)
	var files []string
	for _, f := range append(common(), r.inputs...) {
		files = append(files, filepath.Join("test", "images", f))
	}
	for _, f := range append(files, further...) {
		text, err := os.ReadFile(filepath.Join(root, f))
		if err != nil {
			return "", fmt.Errorf("read an input of %s: %w", r.name, err)
		}
		fmt.Fprintln(h, f, len(text))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))[:24], nil
}
