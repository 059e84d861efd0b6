package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
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
// with one file replaced (files of the module cache cannot be overlaid).
func layOutTraefik(ctx context.Context, j *job) error {
	source := filepath.Join(j.root, "test", "images", "traefik")
	for _, f := range []string{"go.mod", "go.sum", "tools.go"} {
		text, err := os.ReadFile(filepath.Join(source, f))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(j.work, f), text, 0o644); err != nil {
			return err
		}
	}
	j.progress.say(j.name, "fetching Go modules")
	out, err := command(ctx, j.work, []string{"GOWORK=off"}, "go", "mod", "download", "-json", "github.com/go-acme/lego/v4")
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil || module.Dir == "" {
		return fmt.Errorf("read where lego is: %w", err)
	}
	lego := filepath.Join(j.work, "lego")
	if err := os.CopyFS(lego, os.DirFS(module.Dir)); err != nil {
		return fmt.Errorf("copy lego: %w", err)
	}
	if err := writable(lego); err != nil {
		return err
	}
	stub, err := os.ReadFile(filepath.Join(source, "dns_stub.go.txt"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(lego, "providers", "dns", "zz_gen_dns_providers.go"), stub, 0o644); err != nil {
		return err
	}
	_, err = command(ctx, j.work, []string{"GOWORK=off"}, "go", "mod", "edit", "-replace", "github.com/go-acme/lego/v4=./lego")
	return err
}

// writable undoes the module cache's read-only modes, so that the folder can be removed.
func writable(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(p, 0o755)
		}
		return os.Chmod(p, 0o644)
	})
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
