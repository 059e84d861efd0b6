package main

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildPython makes an image with the contract of python:3.11-slim, and Debian's
// packages of what projects would install with pip.
func buildPython(ctx context.Context, j *job) (v1.Image, error) {
	low, all, err := j.bookworm(ctx, "python3", "python3-flask", "gunicorn", "python3-psycopg2", "python3-redis")
	if err != nil {
		return nil, err
	}
	all.accounts("app", 1000)
	all.link("usr/local/bin/python", "/usr/bin/python3")
	return j.assembled(low, all, v1.Config{
		Cmd:    []string{"python3"},
		Env:    []string{searchPath, "LANG=C.UTF-8", "PYTHON_VERSION=3.11"},
		Labels: all.debianStandIn("python3", "python:3.11-slim"),
	})
}
