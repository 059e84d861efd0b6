package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// debianRelease is a release of Debian, by its number and its name.
type debianRelease struct{ number, suite string }

var (
	bookworm = debianRelease{"12", "bookworm"}
	trixie   = debianRelease{"13", "trixie"}
)

// buildDroplet makes what a provider rents out: a bare Debian with systemd and
// sshd, and nothing of ours.
func buildDroplet(of debianRelease) func(context.Context, *job) (v1.Image, error) {
	return func(ctx context.Context, j *job) (v1.Image, error) { return dropletOf(ctx, j, of, nil) }
}

// dropletOf makes a droplet; more adds to its root folder, nil nothing.
func dropletOf(ctx context.Context, j *job, of debianRelease, more func(rootfs string) error) (v1.Image, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("debootstrap needs root; run it as root")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return nil, errors.New("debootstrap is missing; run scripts/prepare.sh images")
	}
	mirror, security, err := mirrors(ctx)
	if err != nil {
		return nil, err
	}
	j.progress.say(j.name, "debootstrap of Debian %s (about a minute)", of.number)
	rootfs := filepath.Join(j.work, "rootfs")
	include := "systemd,systemd-sysv,dbus,openssh-server,sudo,ca-certificates,iproute2,procps"
	if _, err := command(ctx, j.work, nil, "debootstrap", "--variant=minbase", "--arch="+runtime.GOARCH, "--include="+include, of.suite, rootfs, mirror); err != nil {
		return nil, err
	}
	if err := finishDroplet(ctx, j, rootfs, sourcesOf(of, mirror, security)); err != nil {
		return nil, err
	}
	if more != nil {
		if err := more(rootfs); err != nil {
			return nil, err
		}
	}
	archive := filepath.Join(j.work, "layer.tar")
	if _, err := command(ctx, rootfs, nil, "tar", "--sort=name", "--numeric-owner", fmt.Sprintf("--mtime=@%d", epoch.Unix()),
		"--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "--exclude=./var/log/*", "-cf", archive, "."); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromFile(archive)
	if err != nil {
		return nil, err
	}
	return dropletImage(layer, of)
}

// finishDroplet sets what a provider sets: package sources and fresh identities.
func finishDroplet(ctx context.Context, j *job, rootfs, sources string) error {
	initScript, err := os.ReadFile(filepath.Join(j.root, "test", "images", "files", "droplet-init"))
	if err != nil {
		return err
	}
	files := []struct {
		path, text string
		mode       os.FileMode
	}{
		{"etc/apt/sources.list", sources, 0o644},
		{"etc/machine-id", "", 0o444},
		{"etc/hostname", "droplet\n", 0o644},
		{"etc/systemd/system/ssh-hostkeys.service", hostkeysUnit, 0o644},
		{"usr/local/sbin/droplet-init", string(initScript), 0o755},
	}
	for _, f := range files {
		p := filepath.Join(rootfs, f.path)
		_ = os.Remove(p) // may be a link
		if err := os.WriteFile(p, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	keys, err := filepath.Glob(filepath.Join(rootfs, "etc/ssh/ssh_host_*"))
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := os.Remove(k); err != nil {
			return err
		}
	}
	_, err = command(ctx, "", nil, "chroot", rootfs, "systemctl", "enable", "ssh-hostkeys.service")
	return err
}

func sourcesOf(of debianRelease, mirror, security string) string {
	sources := fmt.Sprintf("deb %s %s main\ndeb %s %s-updates main\n", mirror, of.suite, mirror, of.suite)
	if security != "" {
		sources += fmt.Sprintf("deb %s %s-security main\n", security, of.suite)
	}
	return sources
}

// hostkeysUnit makes SSH host keys at the first boot, as cloud images do.
var hostkeysUnit = strings.TrimLeft(`
[Unit]
Description=SSH host keys of this server
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
`, "\n")

func dropletImage(layer v1.Layer, of debianRelease) (v1.Image, error) {
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", runtime.GOARCH, v1.Time{Time: epoch}
	file.Config = v1.Config{
		Cmd: []string{"/usr/local/sbin/droplet-init"}, Env: []string{searchPath, "container=docker"}, StopSignal: "SIGRTMIN+3",
		Labels: standIn("https://www.debian.org", of.number, "A bare Debian "+of.number+" server in a container."),
	}
	return mutate.ConfigFile(img, file)
}
