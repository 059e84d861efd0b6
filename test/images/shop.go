package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// shopBinary is the program of the project that knows nothing of stackctl.
const shopBinary = "build/shop"

func compileShop(ctx context.Context, m *maker) ([]string, error) {
	return []string{shopBinary}, compileStatic(ctx, m.root, "./test/projects/shop", shopBinary)
}

// buildShop packs test/projects/shop as a team would that never heard of
// hardening: as root.
func buildShop(_ context.Context, j *job) (v1.Image, error) {
	content, err := os.ReadFile(filepath.Join(j.root, shopBinary))
	if err != nil {
		return nil, err
	}
	high := tree{}
	high.file("shop", 0o755, content)
	return assemble(v1.Config{Entrypoint: []string{"/shop"}, Env: []string{searchPath}}, scratch(), high)
}
