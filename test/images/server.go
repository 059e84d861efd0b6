package main

import (
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func buildServer(ctx context.Context, j *job) (v1.Image, error) { return nil, errors.New("later") }
