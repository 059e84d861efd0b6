package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/stack"
)

// everyPlatform is what a release is made for, as GOOS/GOARCH.
var everyPlatform = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// platform is what a program is compiled for.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// release is one release while it is made.
type release struct {
	version string // as Go modules have it: v1.2.3
	// date is the time of everything in the release: that of the commit.
	date time.Time
	// root is the repository, out gets the release, work is for what lies between.
	root, out, work string
	// url is where the files will be served, index what the programs ask, notes
	// where the changes are told; each may be empty.
	url, index, notes string
	maintainer        string
	platforms         []platform
	signer            *evidence.Signer // nil: nobody vouches for it
	progress          io.Writer

	// compile makes the program of a platform; nfpm is the packager's program.
	// Empty means the real ones.
	compile func(ctx context.Context, p platform, file string) error
	nfpm    string
}

// number is the version as packages have it: 1.2.3.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }

// program is where the program of a platform was compiled to.
func (r *release) program(p platform) string {
	name := "stackctl"
	if p.os == "windows" {
		name += ".exe"
	}
	return filepath.Join(r.work, p.os+"_"+p.arch, name)
}

// file is the path of a file of the release.
func (r *release) file(name string) string { return filepath.Join(r.out, name) }

func (r *release) say(format string, args ...any) { fmt.Fprintf(r.progress, format+"\n", args...) }

func misused(what, why, fix string) error {
	return stack.Fault(stack.CauseUsage, what, errors.New(why), fix)
}

// prepare judges what was asked for and reads what the repository knows.
func (r *release) prepare(ctx context.Context, key string, platforms, stray []string) error {
	if len(stray) > 0 {
		return misused("make a release", fmt.Sprintf("%q is no flag", stray[0]), "see -help")
	}
	if !semver.IsValid(r.version) || semver.Canonical(r.version) != r.version {
		return misused("make a release", fmt.Sprintf("its version %q is none such as v1.2.3", r.version), "run make release VERSION=v1.2.3")
	}
	for name, at := range map[string]string{"-url": r.url, "-releases": r.index, "-notes": r.notes} {
		if u, err := url.Parse(at); at != "" && (err != nil || u.Scheme != "https" || u.Host == "" || strings.ContainsAny(at, "\"\\#{} ")) {
			return misused("make a release", name+" "+at+" is no plain https URL", "give one such as https://downloads.example.org/stackctl")
		}
	}
	for _, p := range platforms {
		if !slices.Contains(everyPlatform, p) {
			return misused("make a release", "there is none for "+p, "choose of "+strings.Join(everyPlatform, ","))
		}
		goos, arch, _ := strings.Cut(p, "/")
		r.platforms = append(r.platforms, platform{goos, arch})
	}
	var err error
	if r.root, err = repository(ctx); err != nil {
		return err
	}
	if r.date, err = commitTime(ctx, r.root, r.version); err != nil {
		return err
	}
	r.signer, err = evidence.LoadSigner(key)
	return err
}

// produce makes the release in its folder.
func (r *release) produce(ctx context.Context) error {
	if entries, err := os.ReadDir(r.out); err == nil && len(entries) > 0 {
		return misused("make a release in "+r.out, "it holds files already", "remove it, or name another with -out")
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return misused("make a release in "+r.out, err.Error(), "name a folder that can be made")
	}
	var err error
	if r.work, err = os.MkdirTemp("", "stackctl-release-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(r.work) }()
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"compile", r.programs}, {"write manual pages and completions", r.pages}, {"pack archives", r.archives},
		{"make packages", r.packages}, {"write bills of materials", r.boms}, {"write the Homebrew formula", r.formula},
		{"write the index, the list of sums and its signature", r.lists},
	} {
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		r.say("%6.1fs  %s", time.Since(began).Seconds(), step.what)
	}
	return r.tell()
}

// host is the platform of this machine.
func host() platform { return platform{runtime.GOOS, runtime.GOARCH} }

// tell lists what was made.
func (r *release) tell() error {
	files, err := sums(r.out)
	if err != nil {
		return err
	}
	for _, f := range files {
		r.say("%10d  %s", f.Bytes, f.Path)
	}
	if r.signer == nil {
		r.say("NOT SIGNED: nobody vouches for this release; give -key or set %s", evidence.KeyVariable)
	}
	if r.url == "" {
		r.say("no Homebrew formula: -url does not say where the files will be served")
	}
	return nil
}
