package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const pebbleVersion = "v2.10.1"

// buildPebble compiles the ACME test server and its DNS server.
func buildPebble(ctx context.Context, j *job) (v1.Image, error) {
	high := tree{}
	for _, program := range []string{"pebble", "pebble-challtestsrv"} {
		j.progress.say(j.name, "compiling %s %s", program, pebbleVersion)
		env := []string{"CGO_ENABLED=0", "GOBIN=" + j.work, "GOWORK=off", "GOFLAGS="}
		if _, err := command(ctx, j.work, env, "go", "install", "-trimpath", "-ldflags", "-s -w",
			"github.com/letsencrypt/pebble/v2/cmd/"+program+"@"+pebbleVersion); err != nil {
			return nil, err
		}
		content, err := os.ReadFile(filepath.Join(j.work, program))
		if err != nil {
			return nil, err
		}
		high.file("usr/local/bin/"+program, 0o755, content)
	}
	return assemble(v1.Config{
		User:   "65532:65532",
		Env:    []string{searchPath},
		Labels: standIn("https://github.com/letsencrypt/pebble", pebbleVersion, "Pebble, an ACME server for tests, and its DNS server."),
	}, scratch(), high)
}
