package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// packager is what makes the packages. It is run at its version, as the linters
// are, because its library would raise versions of what stackctl is made of.
const packager = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// formats are the kinds of packages.
var formats = []string{"deb", "rpm", "apk"}

// content is a file of a package, as nfpm's settings have it.
type content struct {
	From string `json:"src"`
	To   string `json:"dst"`
	Type string `json:"type,omitempty"`
	// Packager is the only format that holds it; empty: all.
	Packager string   `json:"packager,omitempty"`
	Info     fileInfo `json:"file_info"`
}

type fileInfo struct {
	Owner string      `json:"owner"`
	Group string      `json:"group"`
	Mode  os.FileMode `json:"mode"`
	Time  time.Time   `json:"mtime"`
}

// packages makes the packages of every Linux.
func (r *release) packages(ctx context.Context) error {
	contents, err := r.contents()
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		if p.os != "linux" {
			continue
		}
		if r.nfpm == "" {
			if r.nfpm, err = r.installNFPM(ctx); err != nil {
				return err
			}
		}
		settings := filepath.Join(r.work, "nfpm_"+p.arch+".yaml")
		if err := os.WriteFile(settings, r.settings(p, contents), 0o644); err != nil {
			return err
		}
		for _, format := range formats {
			cmd := exec.CommandContext(ctx, r.nfpm, "package", "--config", settings, "--packager", format, "--target", r.out+"/")
			cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.date.Unix(), 10))
			if _, err := output(cmd); err != nil {
				return err
			}
		}
	}
	return nil
}

// installNFPM compiles the packager.
func (r *release) installNFPM(ctx context.Context) (string, error) {
	bin := filepath.Join(r.work, "bin")
	cmd := exec.CommandContext(ctx, "go", "install", packager)
	cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOOS=", "GOARCH=")
	_, err := output(cmd)
	return filepath.Join(bin, "nfpm"), err
}

// settings are nfpm's, in the JSON that every reader of YAML reads.
func (r *release) settings(p platform, contents []content) []byte {
	program := content{From: r.program(p), To: "/usr/bin/stackctl", Info: r.info(0o755)}
	raw, err := json.MarshalIndent(map[string]any{
		"name": "stackctl", "arch": p.arch, "platform": "linux", "version": r.version,
		"section": "admin", "priority": "optional", "maintainer": r.maintainer, "license": licence, "homepage": r.url,
		"description": summary, "disable_globbing": true, "contents": append([]content{program}, contents...),
		// The machine that makes a package is no part of it.
		"rpm": map[string]string{"buildhost": "localhost", "group": "Applications/System"},
	}, "", "  ")
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return raw
}

func (r *release) info(mode os.FileMode) fileInfo {
	return fileInfo{Owner: "root", Group: "root", Mode: mode, Time: r.date}
}

// contents are the files that the packages of all platforms hold beside the
// program, where each distribution looks for them.
func (r *release) contents() ([]content, error) {
	completions := filepath.Join(r.work, "completions")
	all := []content{
		{From: filepath.Join(completions, shells["bash"]), To: "/usr/share/bash-completion/completions/stackctl"},
		{From: filepath.Join(completions, shells["fish"]), To: "/usr/share/fish/vendor_completions.d/stackctl.fish"},
		{From: filepath.Join(completions, shells["zsh"]), To: "/usr/share/zsh/vendor-completions/_stackctl", Packager: "deb"},
		{From: filepath.Join(completions, shells["zsh"]), To: "/usr/share/zsh/site-functions/_stackctl", Packager: "rpm"},
		{From: filepath.Join(completions, shells["zsh"]), To: "/usr/share/zsh/site-functions/_stackctl", Packager: "apk"},
		{From: filepath.Join(r.root, "LICENSE"), To: "/usr/share/doc/stackctl/copyright", Packager: "deb"},
		{From: filepath.Join(r.root, "LICENSE"), To: "/usr/share/licenses/stackctl/LICENSE", Packager: "rpm", Type: "license"},
		{From: filepath.Join(r.root, "LICENSE"), To: "/usr/share/licenses/stackctl/LICENSE", Packager: "apk"},
		{From: filepath.Join(r.root, "NOTICE"), To: "/usr/share/doc/stackctl/NOTICE"},
		{From: filepath.Join(r.root, "README.md"), To: "/usr/share/doc/stackctl/README.md"},
	}
	manuals, err := r.manuals()
	if err != nil {
		return nil, err
	}
	all = append(all, manuals...)
	for i := range all {
		all[i].Info = r.info(0o644)
	}
	return all, nil
}

// manuals are the manual pages, compressed as man reads them.
func (r *release) manuals() ([]content, error) {
	pages, err := os.ReadDir(filepath.Join(r.work, "man"))
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(r.work, "man.gz")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var all []content
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(r.work, "man", page.Name()))
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, page.Name()+".gz")
		err = into(file, func(w io.Writer) error {
			return compressed(w, func(z io.Writer) error { _, err := io.Copy(z, bytes.NewReader(text)); return err })
		})
		if err != nil {
			return nil, err
		}
		all = append(all, content{From: file, To: "/usr/share/man/man1/" + page.Name() + ".gz"})
	}
	return all, nil
}
