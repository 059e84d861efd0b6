package engine

import (
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
