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

// serverBinary is what compileServer makes; Go leaves it alone where it is up to date.
const serverBinary = "build/server"

// compileServer makes the application's static binary. The same commit makes
// the same binary.
func compileServer(ctx context.Context, m *maker) ([]string, error) {
	if _, err := os.Stat(filepath.Join(m.root, "web", "dist", "index.html")); err != nil {
		return nil, fmt.Errorf("the web app is not built: run `make web` first (%w)", err)
	}
	commit, at, err := commit(ctx, m.root)
	if err != nil {
		return nil, err
	}
	defer m.progress.heartbeat("server", "compiling")()
	env := []string{"GOOS=linux", "GOARCH=" + runtime.GOARCH, "GOFLAGS=", "COMMIT=" + commit, "BUILT=" + at.Format(time.RFC3339)}
	_, err = command(ctx, m.root, env, "scripts/build.sh", "server", serverBinary)
	return []string{serverBinary}, err
}

// buildServer makes the application's image: the binary from scratch, on a
// layer that changes only with the root certificates.
func buildServer(ctx context.Context, j *job) (v1.Image, error) {
	content, err := os.ReadFile(filepath.Join(j.root, serverBinary))
	if err != nil {
		return nil, err
	}
	j.progress.say(j.name, "binary %.1f MB", float64(len(content))/1e6)
	revision, _, err := commit(ctx, j.root)
	if err != nil {
		return nil, err
	}
	high := tree{}
	high.file("server", 0o755, content)
	return assemble(v1.Config{
		// Gate G3 asks the running application for this commit.
		Labels:     map[string]string{"org.opencontainers.image.revision": revision},
		User:       "65532:65532",
		Entrypoint: []string{"/server"},
		Env:        []string{searchPath},
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
