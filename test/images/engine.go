package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// engineVersion is what the newest Docker Engine says that it is whose source is a Go module:
// the module has a version of its own (engine/go.mod).
const engineVersion = "29.0.0"

// buildNewest makes a server with the newest Docker Engine, as Docker's own package
// source has it and Debian has not yet: images are in containerd's store, and no
// API before 1.44 is spoken.
func buildNewest(ctx context.Context, j *job) (v1.Image, error) {
	programs, err := compileEngine(ctx, j)
	if err != nil {
		return nil, err
	}
	return dropletOf(ctx, j, trixie, func(rootfs string) error { return installEngine(ctx, j, rootfs, programs) })
}

// compileEngine compiles the Engine and what it starts containers with; containerd and
// the rest of it are Debian's.
func compileEngine(ctx context.Context, j *job) (programs string, err error) {
	if err := j.ourModule("engine"); err != nil {
		return "", err
	}
	j.progress.say(j.name, "compiling Docker Engine %s and runc (about 4 minutes the first time)", engineVersion)
	programs = filepath.Join(j.work, "bin")
	for _, p := range []struct{ cgo, tags, path, version string }{
		{"0", "no_journald exclude_graphdriver_btrfs", "github.com/moby/moby/v2/cmd/dockerd", "github.com/moby/moby/v2/dockerversion.Version"},
		{"0", "", "github.com/moby/moby/v2/cmd/docker-proxy", "github.com/moby/moby/v2/dockerversion.Version"},
		{"1", "seccomp", "github.com/opencontainers/runc", ""},
	} {
		ldflags := "-s -w"
		if p.version != "" {
			ldflags += " -X " + p.version + "=" + engineVersion
		}
		env := []string{"CGO_ENABLED=" + p.cgo, "GOFLAGS=-mod=mod", "GOWORK=off"}
		if _, err := command(ctx, j.work, env, "go", "build", "-trimpath", "-buildvcs=false", "-tags", p.tags, "-ldflags", ldflags, "-o", programs+"/", p.path); err != nil {
			return "", err
		}
	}
	return programs, nil
}

// installEngine installs Debian's Engine and puts the newest one in its place.
func installEngine(ctx context.Context, j *job, rootfs, programs string) error {
	j.progress.say(j.name, "installing the Engine")
	bar := filepath.Join(rootfs, "usr/sbin/policy-rc.d") // nothing is started
	if err := os.WriteFile(bar, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return err
	}
	defer os.Remove(bar)
	for _, args := range []string{"apt-get -q update", "apt-get -q -y install --no-install-recommends docker.io iptables", "systemctl enable docker.service"} {
		env := []string{"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
		if _, err := command(ctx, "", env, append([]string{"chroot", rootfs}, strings.Fields(args)...)...); err != nil {
			return err
		}
	}
	for _, name := range []string{"dockerd", "docker-proxy", "runc"} {
		program, err := os.ReadFile(filepath.Join(programs, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(rootfs, "usr/sbin", name), program, 0o755); err != nil {
			return err
		}
	}
	return nil
}
