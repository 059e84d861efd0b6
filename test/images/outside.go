package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// outsidePrograms are what a deployed site talks to beyond its own server; in
// the sandbox they are the programs of test/images/outside.
var outsidePrograms = []string{"mail", "openid", "dns"}

// compileOutside makes the static binaries of the outside world. Their content
// is the image's key: a new version of a module makes a new image.
func compileOutside(ctx context.Context, m *maker) ([]string, error) {
	var made []string
	for _, program := range outsidePrograms {
		binary := filepath.Join("build", "outside", program)
		if err := compileStatic(ctx, m.root, "./test/images/outside/"+program, binary); err != nil {
			return nil, err
		}
		made = append(made, binary)
	}
	return made, nil
}

// compileStatic makes a program that needs nothing of an image. The same source
// makes the same program.
func compileStatic(ctx context.Context, root, source, binary string) error {
	_, err := command(ctx, root, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + runtime.GOARCH, "GOFLAGS="},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, source)
	return err
}

// buildOutside packs the outside world's programs.
func buildOutside(_ context.Context, j *job) (v1.Image, error) {
	high := tree{}
	for _, program := range outsidePrograms {
		content, err := os.ReadFile(filepath.Join(j.root, "build", "outside", program))
		if err != nil {
			return nil, err
		}
		high.file(program, 0o755, content)
	}
	return assemble(v1.Config{User: "65532:65532", Env: []string{searchPath}}, scratch(), high)
}
