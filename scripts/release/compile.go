package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// repository returns the top folder of the repository that the current folder is in.
func repository(ctx context.Context) (string, error) {
	root, err := output(exec.CommandContext(ctx, "git", "rev-parse", "--show-toplevel"))
	if err != nil {
		return "", misused("find the repository", err.Error(), "run it from there")
	}
	return strings.TrimSpace(root), nil
}

// commitTime is the time of the commit that the files are of; files that are of
// none are refused, and a commit that is not the version's: nobody could make the
// same release again.
func commitTime(ctx context.Context, root, version string) (time.Time, error) {
	git := func(args ...string) (string, error) {
		text, err := output(exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...))
		return strings.TrimSpace(text), err
	}
	changes, err := git("status", "--porcelain")
	if err != nil {
		return time.Time{}, err
	}
	if changes != "" {
		return time.Time{}, misused("make a release of "+root, "it has changes that are in no commit", "commit or stash them")
	}
	text, err := git("log", "-1", "--format=%ct %H")
	if err != nil {
		return time.Time{}, err
	}
	at, commit, _ := strings.Cut(text, " ")
	if tagged, err := git("rev-list", "-1", "refs/tags/"+version); err == nil && tagged != commit {
		return time.Time{}, misused("make release "+version, "the tag "+version+" is of another commit", "check that one out, or name another version")
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// output runs a command and gives what it prints; its error has its last words.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if err == nil {
		return string(out), nil
	}
	words := err.Error()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		words += ": " + strings.TrimSpace(string(exit.Stderr))
	}
	return "", stack.Fault(stack.CauseStep, "run "+strings.Join(cmd.Args, " "), errors.New(words), "")
}

// programs compiles the program of every platform, and of this machine.
func (r *release) programs(ctx context.Context) error {
	if r.compile == nil {
		r.compile = r.build
	}
	for _, p := range append([]platform{host()}, r.platforms...) {
		file := r.program(p)
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		began := time.Now()
		if err := r.compile(ctx, p, file); err != nil {
			return err
		}
		r.say("%6.1fs  stackctl for %s", time.Since(began).Seconds(), p)
	}
	return nil
}

// build compiles stackctl as everything else does.
func (r *release) build(ctx context.Context, p platform, file string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(r.root, "scripts", "build.sh"), "stackctl", file)
	cmd.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "STACKCTL_VERSION="+r.version, "STACKCTL_RELEASES="+r.index)
	_, err := output(cmd)
	return err
}

// shells are those with completions, each with the name of its file.
var shells = map[string]string{"bash": "stackctl.bash", "zsh": "_stackctl", "fish": "stackctl.fish"}

// pages lets the program of this machine write its manual pages and completions:
// they are the same on every platform.
func (r *release) pages(ctx context.Context) error {
	program := r.program(host())
	if _, err := output(exec.CommandContext(ctx, program, "man", filepath.Join(r.work, "man"))); err != nil {
		return err
	}
	dir := filepath.Join(r.work, "completions")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for shell, name := range shells {
		text, err := output(exec.CommandContext(ctx, program, "completion", shell))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("the completion of %s: %w", shell, err)
		}
	}
	return nil
}
