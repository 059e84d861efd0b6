package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// module makes a folder to build a Go module's program in: our go.mod of
// test/images/NAME, and a copy of the module, which may be changed there (files
// of the module cache cannot be overlaid).
func (j *job) module(ctx context.Context, module, to string) (dir string, err error) {
	if err := j.ourModule(j.name); err != nil {
		return "", err
	}
	j.progress.say(j.name, "fetching Go modules")
	out, err := command(ctx, j.work, []string{"GOWORK=off"}, "go", "mod", "download", "-json", module)
	if err != nil {
		return "", err
	}
	var got struct{ Dir string }
	if err := json.Unmarshal(out, &got); err != nil || got.Dir == "" {
		return "", fmt.Errorf("read where %s is: %w", module, err)
	}
	dir = filepath.Join(j.work, to)
	if err := os.CopyFS(dir, os.DirFS(got.Dir)); err != nil {
		return "", fmt.Errorf("copy %s: %w", module, err)
	}
	if err := writable(dir); err != nil {
		return "", err
	}
	_, err = command(ctx, j.work, []string{"GOWORK=off"}, "go", "mod", "edit", "-replace", module+"=./"+to)
	return dir, err
}

// ourModule copies what test/images/NAME pins to the folder that is built in.
func (j *job) ourModule(name string) error {
	for _, f := range []string{"go.mod", "go.sum", "tools.go"} {
		text, err := os.ReadFile(filepath.Join(j.root, "test", "images", name, f))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(j.work, f), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writable undoes the module cache's read-only modes, so that the folder can be removed.
func writable(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(p, 0o755)
		}
		return os.Chmod(p, 0o644)
	})
}
