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
// none again, and overlooks those whose network it has to make first. A stopped
// one still names the network that it was on: one of that name made anew is
// another, and the engine starts it no more.
func (e *Engine) dropUnjoined(ctx context.Context, p *types.Project, list []container.Summary) error {
	there, err := e.api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	exists := map[string]bool{"": true} // none was given to it yet
	for _, n := range there.Items {
		exists[n.ID] = true
	}
	for _, c := range list {
		service, ok := p.Services[c.Labels[api.ServiceLabel]]
		if !ok || c.NetworkSettings == nil || unnamed(c.Mounts) {
			continue
		}
		off := false
		for key := range service.Networks {
			joined, on := c.NetworkSettings.Networks[p.Networks[key].Name]
			off = off || !on || joined != nil && !exists[joined.NetworkID]
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
