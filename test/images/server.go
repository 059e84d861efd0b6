package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildServer makes the application's image: one static binary from scratch,
// on a layer that changes only with the root certificates. The same commit
// makes the same image.
func buildServer(ctx context.Context, j *job) (v1.Image, error) {
	if _, err := os.Stat(filepath.Join(j.root, "web", "dist", "index.html")); err != nil {
		return nil, fmt.Errorf("the web app is not built: run `make web` first (%w)", err)
	}
	commit, at, err := commit(ctx, j.root)
	if err != nil {
		return nil, err
	}
	const role = "stackctl/pkg/server/role"
	binary := filepath.Join(j.work, "server")
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + runtime.GOARCH, "GOFLAGS="}
	ldflags := fmt.Sprintf("-s -w -X %s.commit=%s -X %s.built=%s", role, commit, role, at.Format(time.RFC3339))
	if _, err := command(ctx, j.root, env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", binary, "./cmd/server"); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	j.progress.say(j.name, "binary %.1f MB, commit %s", float64(len(content))/1e6, commit)
	high := tree{}
	high.file("server", 0o755, content)
	return assemble(v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/server"},
		Env:        []string{searchPath},
		Labels: map[string]string{
			"org.opencontainers.image.revision": commit,
			"org.opencontainers.image.created":  at.Format(time.RFC3339),
		},
	}, scratch(), high)
}

// commit is the checked-out commit and its time; uncommitted changes are said.
func commit(ctx context.Context, root string) (string, time.Time, error) {
	out, err := command(ctx, root, nil, "git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return "", time.Time{}, err
	}
	var id string
	var seconds int64
	if _, err := fmt.Sscan(string(out), &id, &seconds); err != nil {
		return "", time.Time{}, fmt.Errorf("read the commit from %q: %w", out, err)
	}
	changed, err := command(ctx, root, nil, "git", "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return "", time.Time{}, err
	}
	if strings.TrimSpace(string(changed)) != "" {
		id += "-dirty"
	}
	return id, time.Unix(seconds, 0).UTC(), nil
}
