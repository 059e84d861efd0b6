package engine

import (
	"bytes"
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

// Inspect returns the Engine's own description of a container, as JSON.
func (e *Engine) Inspect(ctx context.Context, container string) ([]byte, error) {
	r, err := e.api.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", container, err)
	}
	return r.Raw, nil
}

// Written returns how many bytes a container has written into its own file system,
// which goes with it. The engine counts them anew each time.
func (e *Engine) Written(ctx context.Context, container string) (int64, error) {
	r, err := e.api.ContainerInspect(ctx, container, client.ContainerInspectOptions{Size: true})
	if err != nil {
		return 0, fmt.Errorf("measure container %s: %w", container, err)
	}
	if r.Container.SizeRw == nil {
		return 0, fmt.Errorf("measure container %s: the engine does not tell", container)
	}
	return *r.Container.SizeRw, nil
}

// InspectImage returns the Engine's own description of an image, as JSON.
func (e *Engine) InspectImage(ctx context.Context, image string) ([]byte, error) {
	var raw bytes.Buffer
	if _, err := e.api.ImageInspect(ctx, image, client.ImageInspectWithRawResponse(&raw)); err != nil {
		return nil, fmt.Errorf("inspect image %s: %w", image, err)
	}
	return raw.Bytes(), nil
}
