package engine

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// dropUnjoined ends and removes containers that are off a network of their
// service, as somebody leaves them who removes a network by force: Compose joins
// none again, and overlooks those whose network it has to make first.
func (e *Engine) dropUnjoined(ctx context.Context, p *types.Project, list []container.Summary) error {
	for _, c := range list {
		service, ok := p.Services[c.Labels[api.ServiceLabel]]
		if !ok || c.NetworkSettings == nil || unnamed(c.Mounts) {
			continue
		}
		off := false
		for key := range service.Networks {
			_, on := c.NetworkSettings.Networks[p.Networks[key].Name]
			off = off || !on
		}
		if !off {
			continue
		}
		if _, err := e.api.ContainerStop(ctx, c.ID, client.ContainerStopOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("stop container %s, which is off its networks: %w", containerName(c), err)
		}
		if err := e.removeContainer(ctx, c.ID, false); err != nil {
			return err
		}
	}
	return nil
}
