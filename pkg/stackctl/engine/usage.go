package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// Usage returns how much of the engine's disk the named images and volumes take, and the
// volumes that Compose made for a project. Layers that images share count for each of them.
func (e *Engine) Usage(ctx context.Context, project string, images, volumes []string) (stack.DiskUse, error) {
	seen, err := e.api.DiskUsage(ctx, client.DiskUsageOptions{Images: true, Volumes: true, Verbose: true})
	if err != nil {
		return stack.DiskUse{}, stepFault(ctx, "read how much disk the engine uses", err, "")
	}
	ids, err := e.configIDs(ctx)
	if err != nil {
		return stack.DiskUse{}, stepFault(ctx, "read how much disk the engine uses", err, "")
	}
	var u stack.DiskUse
	for _, i := range seen.Images.Items {
		if slices.Contains(images, cmp.Or(ids[i.ID], i.ID)) {
			u.Images += i.Size
		}
	}
	for _, v := range seen.Volumes.Items {
		if (v.Labels[api.ProjectLabel] == project || slices.Contains(volumes, v.Name)) && v.UsageData != nil {
			u.Volumes += max(v.UsageData.Size, 0)
		}
	}
	return u, nil
}
