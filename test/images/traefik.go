package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const traefikVersion = "3.6.12"

// buildTraefik compiles Traefik from its Go module. The DNS challenge
// providers are left out: they are most of the build and the stack uses none.
func buildTraefik(ctx context.Context, j *job) (v1.Image, error) {
	if err := layOutTraefik(ctx, j); err != nil {
		return nil, err
	}
	j.progress.say(j.name, "compiling Traefik %s (about 4 minutes the first time)", traefikVersion)
	env := []string{"CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off"}
	binary := filepath.Join(j.work, "traefik")
	ldflags := "-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=" + traefikVersion
	if _, err := command(ctx, j.work, env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", binary, "github.com/traefik/traefik/v3/cmd/traefik"); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	low, high := scratch(), tree{}
	high.file("usr/local/bin/traefik", 0o755, content)
	high.link("traefik", "usr/local/bin/traefik")
	return assemble(v1.Config{
		Entrypoint:   []string{"/usr/local/bin/traefik"},
		Env:          []string{searchPath},
		ExposedPorts: map[string]struct{}{"80/tcp": {}},
		Labels: standIn("https://github.com/traefik/traefik", "v"+traefikVersion,
			"Traefik built from its Go module, without DNS challenge providers. Commands must start with a flag or a Traefik subcommand."),
	}, low, high)
}

// layOutTraefik makes the folder to build in: our module and a copy of lego
// with one file replaced.
func layOutTraefik(ctx context.Context, j *job) error {
	lego, err := j.module(ctx, "github.com/go-acme/lego/v4", "lego")
	if err != nil {
		return err
	}
	stub, err := os.ReadFile(filepath.Join(j.root, "test", "images", "traefik", "dns_stub.go.txt"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(lego, "providers", "dns", "zz_gen_dns_providers.go"), stub, 0o644)
}

// scratch is what a static binary needs around it: root certificates, the
// user database and a /tmp.
func scratch() tree {
	t := tree{}
	t.dir("tmp", 0o1777, 0)
	t.accounts("app", 65532)
	t.file("etc/ssl/certs/ca-certificates.crt", 0o644, rootCertificates())
	return t
}
