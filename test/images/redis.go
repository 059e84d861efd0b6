package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildRedis takes Debian's Redis, which is 7.0: what works on it works on 7.2.
func buildRedis(ctx context.Context, j *job) (v1.Image, error) {
	j.progress.say(j.name, "fetching Debian packages")
	d, err := newDebian(ctx, j.work, "bookworm")
	if err != nil {
		return nil, err
	}
	low := newTree()
	if err := d.install(ctx, low, append(shell(), "libgmp10")...); err != nil {
		return nil, err
	}
	all := low.clone()
	if err := d.install(ctx, all, "redis-server", "redis-tools", "libatomic1", "libjemalloc2", "liblua5.1-0", "liblzf1", "libssl3", "libstdc++6", "libgcc-s1",
		"libsystemd0", "libcap2", "libgcrypt20", "libgpg-error0", "liblz4-1", "liblzma5", "libzstd1", "lua-cjson", "lua-bitop"); err != nil {
		return nil, err
	}
	all.accounts("redis", 999)
	all.dir("data", 0o755, 999)
	if err := j.script(all, "redis-entrypoint", "usr/local/bin/docker-entrypoint.sh"); err != nil {
		return nil, err
	}
	if err := all.complete(); err != nil {
		return nil, err
	}
	return assemble(v1.Config{
		Entrypoint:   []string{"docker-entrypoint.sh"},
		Cmd:          []string{"redis-server"},
		Env:          []string{searchPath},
		WorkingDir:   "/data",
		Volumes:      map[string]struct{}{"/data": {}},
		ExposedPorts: map[string]struct{}{"6379/tcp": {}},
		Labels:       standIn("https://www.debian.org", all.version("redis-server"), "Debian's Redis 7.0 in the place of redis:7.2."),
	}, low, all.without(low))
}

// script adds a file of test/images/files as a program.
func (j *job) script(t tree, file, to string) error {
	text, err := os.ReadFile(filepath.Join(j.root, "test", "images", "files", file))
	if err != nil {
		return err
	}
	t.file(to, 0o755, text)
	return nil
}
