package engine

import (
	"bytes"
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

// Inspect gives the Engine's own description of a container, as JSON.
func (e *Engine) Inspect(ctx context.Context, container string) ([]byte, error) {
	r, err := e.api.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", container, err)
	}
	return r.Raw, nil
}

// InspectImage gives the Engine's own description of an image, as JSON.
func (e *Engine) InspectImage(ctx context.Context, image string) ([]byte, error) {
	var raw bytes.Buffer
	if _, err := e.api.ImageInspect(ctx, image, client.ImageInspectWithRawResponse(&raw)); err != nil {
		return nil, fmt.Errorf("inspect image %s: %w", image, err)
	}
	return raw.Bytes(), nil
}
