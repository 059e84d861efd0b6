package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// debian fetches packages of one suite with a configuration of its own, so
// that the machine's other package sources and installed packages play no part.
type debian struct {
	suite string
	dir   string // scratch
	conf  []string
}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// newDebian reads the package lists of a suite from the mirror that this
// machine uses.
func newDebian(ctx context.Context, work, suite string) (*debian, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, fmt.Errorf("apt-get is missing: this image is built from Debian packages; build it on Debian, or where a registry answers")
	}
	dir := filepath.Join(work, "apt-"+suite)
	for _, d := range []string{"lists/partial", "archives/partial", "etc/apt.conf.d", "etc/preferences.d"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	sources, err := debianSources(ctx, suite)
	if err != nil {
		return nil, err
	}
	for file, text := range map[string]string{"etc/sources.list": sources, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	d := &debian{suite: suite, dir: dir, conf: []string{
		"-o", "Dir::State::status=" + dir + "/status",
		"-o", "Dir::State::lists=" + dir + "/lists",
		"-o", "Dir::Cache=" + dir,
		"-o", "Dir::Etc::sourcelist=" + dir + "/etc/sources.list",
		"-o", "Dir::Etc::sourceparts=-",
		"-o", "APT::Sandbox::User=root",
		"-o", "APT::Architecture=" + runtime.GOARCH,
		"-o", "Acquire::Retries=3",
		"-q",
	}}
	return d, d.apt(ctx, "update")
}

func (d *debian) apt(ctx context.Context, args ...string) error {
	_, err := command(ctx, filepath.Join(d.dir, "archives"), nil, append(append([]string{"apt-get"}, d.conf...), args...)...)
	return err
}

// debianSources is a sources.list for a suite on this machine's mirror.
func debianSources(ctx context.Context, suite string) (string, error) {
	mirror, security, err := mirrors(ctx)
	if err != nil {
		return "", err
	}
	line := "deb [signed-by=" + keyring + "] "
	text := line + mirror + " " + suite + " main\n" + line + mirror + " " + suite + "-updates main\n"
	if security != "" {
		text += line + security + " " + suite + "-security main\n"
	}
	return text, nil
}

// mirrors are the base URLs of Debian and its security updates, as this
// machine's apt knows them; security may be empty.
func mirrors(ctx context.Context) (mirror, security string, err error) {
	const format = "$(REPO_URI) $(CODENAME)"
	list := func() ([]byte, error) {
		return command(ctx, "", nil, "apt-get", "indextargets", "--format", format, "Identifier: Packages", "Origin: Debian", "Component: main")
	}
	out, err := list()
	if err == nil && len(bytes.TrimSpace(out)) == 0 { // no lists were read yet
		if _, err = command(ctx, "", nil, "apt-get", "-q", "update"); err == nil {
			out, err = list()
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("ask apt for its mirror: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		uri, codename, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case strings.HasSuffix(codename, "-security"):
			security = uri
		case mirror == "" && !strings.Contains(codename, "-"):
			mirror = uri
		}
	}
	if mirror == "" {
		return "", "", fmt.Errorf("apt on this machine names no Debian mirror; run apt-get update on a Debian machine first")
	}
	return mirror, security, nil
}

// install unpacks packages into the tree; "name:path" takes one file of a
// package. Maintainer scripts do not run; what they would set up is up to the
// recipe.
func (d *debian) install(ctx context.Context, t tree, packages ...string) error {
	download := []string{"download"}
	for _, p := range packages {
		name, _, _ := strings.Cut(p, ":")
		download = append(download, name)
	}
	if err := d.apt(ctx, download...); err != nil {
		return err
	}
	for _, p := range packages {
		p, only, _ := strings.Cut(p, ":")
		files, err := filepath.Glob(filepath.Join(d.dir, "archives", p+"_*.deb"))
		if err != nil {
			return err
		}
		if len(files) != 1 {
			return fmt.Errorf("package %s: apt left %d files, want 1", p, len(files))
		}
		if err := t.deb(ctx, p, files[0], only); err != nil {
			return fmt.Errorf("package %s: %w", p, err)
		}
	}
	return nil
}

// deb unpacks one package and notes it where vulnerability scanners look.
func (t tree) deb(ctx context.Context, name, file, only string) error {
	content, err := command(ctx, "", nil, "dpkg-deb", "--fsys-tarfile", file)
	if err != nil {
		return err
	}
	keep := wanted
	if only != "" {
		keep = func(p string) bool { return p == only || strings.HasSuffix(p, "/copyright") }
	}
	if err := t.unpack(bytes.NewReader(content), keep); err != nil {
		return err
	}
	about, err := command(ctx, "", nil, "dpkg-deb", "--field", file)
	if err != nil {
		return err
	}
	t.file("var/lib/dpkg/status.d/"+name, 0o644, about)
	return nil
}

// wanted leaves out what no container reads. Licences stay.
func wanted(p string) bool {
	if strings.HasPrefix(p, "usr/share/doc/") {
		return strings.HasSuffix(p, "/copyright")
	}
	for _, prefix := range []string{
		"usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/bash-completion/",
		"usr/share/i18n/", "usr/lib/systemd/", "etc/init.d/", "etc/cron", "etc/logrotate.d/", "usr/share/zoneinfo/right/",
	} {
		if strings.HasPrefix(p, prefix) {
			return false
		}
	}
	return !strings.Contains(p, "/gconv/") || strings.HasSuffix(p, "/UTF-16.so")
}

// shell is the least that scripts need, in every Debian suite of today.
func shell() []string {
	return []string{"base-files", "libc6", "libc-bin", "dash", "coreutils", "libacl1", "libattr1", "libselinux1", "libpcre2-8-0",
		"sed", "grep", "findutils", "util-linux:usr/bin/setpriv", "libcap-ng0", "tzdata"}
}
