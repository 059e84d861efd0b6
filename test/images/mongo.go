package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const ferretVersion = "1.24.2"

// buildMongo compiles FerretDB, which speaks MongoDB's protocol and keeps what it
// is told in SQLite, into an image with the contract of mongo:7.
func buildMongo(ctx context.Context, j *job) (v1.Image, error) {
	ferret, err := j.module(ctx, "github.com/FerretDB/FerretDB", "ferretdb")
	if err != nil {
		return nil, err
	}
	// Its build embeds what only its repository has.
	for file, text := range map[string]string{"version.txt": "v" + ferretVersion, "branch.txt": "main", "commit.txt": "unknown", "package.txt": "unknown"} {
		if err := os.WriteFile(filepath.Join(ferret, "build", "version", file), []byte(text+"\n"), 0o644); err != nil {
			return nil, err
		}
	}
	j.progress.say(j.name, "compiling FerretDB %s", ferretVersion)
	binary := filepath.Join(j.work, "mongod")
	if _, err := command(ctx, j.work, []string{"CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off"}, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
		"-o", binary, "github.com/FerretDB/FerretDB/cmd/ferretdb"); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	low, all, err := j.bookworm(ctx, "ca-certificates")
	if err != nil {
		return nil, err
	}
	all.file("usr/local/bin/ferretdb", 0o755, content)
	all.accounts("mongodb", 999)
	all.dir("data/db", 0o755, 999)
	all.dir("data/configdb", 0o755, 999)
	if err := j.script(all, "mongo-entrypoint", "usr/local/bin/docker-entrypoint.sh"); err != nil {
		return nil, err
	}
	return j.assembled(low, all, v1.Config{
		Entrypoint:   []string{"docker-entrypoint.sh"},
		Cmd:          []string{"mongod"},
		Env:          []string{searchPath, "HOME=/data/db"},
		Volumes:      map[string]struct{}{"/data/db": {}, "/data/configdb": {}},
		ExposedPorts: ports("27017"),
		Labels:       standIn("https://github.com/FerretDB/FerretDB", ferretVersion, "FerretDB on SQLite in the place of mongo:7. It knows no user and no password."),
	})
}
