package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildAdminer makes the stand-in for pgAdmin: Debian's Adminer on PHP's own
// web server, on the port and health path of the original.
func buildAdminer(ctx context.Context, j *job) (v1.Image, error) {
	j.progress.say(j.name, "fetching Debian packages")
	d, err := newDebian(ctx, j.work, "trixie")
	if err != nil {
		return nil, err
	}
	low := newTree()
	if err := d.install(ctx, low, append(shell(), trixieShell()...)...); err != nil {
		return nil, err
	}
	all := low.clone()
	packages := []string{"adminer", "php8.4-cli", "php8.4-common", "php8.4-pgsql", "libargon2-1", "libpcre2-8-0", "libsodium23", "libxml2", "liblzma5", "libedit2", "libbsd0", "libmd0", "libtinfo6", "libicu76",
		"libstdc++6", "libgcc-s1"}
	client := postgresClient()[1:] // libraries only
	if err := d.install(ctx, all, append(packages, client...)...); err != nil {
		return nil, err
	}
	all.accounts("pgadmin", 5050)
	index, err := os.ReadFile(filepath.Join(j.root, "test", "images", "files", "adminer-index.php"))
	if err != nil {
		return nil, err
	}
	all.file("srv/index.php", 0o644, index)
	if err := j.script(all, "adminer-wget", "usr/local/bin/wget"); err != nil {
		return nil, err
	}
	if err := j.script(all, "adminer-entrypoint", "usr/local/bin/entrypoint.sh"); err != nil {
		return nil, err
	}
	if err := all.complete(); err != nil {
		return nil, err
	}
	return assemble(v1.Config{
		User:         "5050:5050",
		Entrypoint:   []string{"entrypoint.sh"},
		Env:          []string{searchPath, "LANG=C.UTF-8"},
		StopSignal:   "SIGINT", // PHP's server ignores SIGTERM
		ExposedPorts: map[string]struct{}{"80/tcp": {}},
		Labels: standIn("https://www.debian.org", all.version("adminer"),
			"Adminer, a light database UI, in the place of dpage/pgadmin4. It needs /tmp writable and sends no data out."),
	}, low, all.without(low))
}
