package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// goneWithin is how long a removal that somebody else began may take.
const goneWithin = 20 * time.Second

// dropRemains removes what cannot be started: containers that never ran, whose
// maker was cut off and may have left them off some of their networks, which
// Compose does not see; and those whose removal was begun and not finished, as
// where the engine was restarted meanwhile. The list may be wrong (see look): the
// containers themselves are asked.
func (e *Engine) dropRemains(ctx context.Context, list []container.Summary) error {
	for _, c := range list {
		res, err := e.api.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("look at container %s: %w", containerName(c), err)
		}
		if err != nil || !remains(lookAt(res.Container).state, c.Mounts) {
			continue
		}
		if err := e.removeContainer(ctx, c.ID, false); err != nil {
			return err
		}
		if err := e.gone(ctx, c.ID); err != nil {
			return fmt.Errorf("wait until container %s is removed: %w", containerName(c), err)
		}
	}
	return nil
}

// remains reports whether a container is to be removed before others are made. One
// that never ran but has an unnamed volume stays: it may have inherited what is in there.
func remains(state container.ContainerState, mounts []container.MountPoint) bool {
	return state == container.StateDead || state == container.StateRemoving || state == container.StateCreated && !unnamed(mounts)
}

// unnamed reports whether a container has a volume without a name, whose content goes
// with it.
func unnamed(mounts []container.MountPoint) bool {
	return slices.ContainsFunc(mounts, func(m container.MountPoint) bool { return m.Type == "volume" && len(m.Name) == 64 })
}

// gone waits until the engine has removed a container.
func (e *Engine) gone(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, goneWithin)
	defer cancel()
	res := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-res.Result:
		return nil
	case err := <-res.Error:
		if cerrdefs.IsNotFound(err) {
			return nil
		}
		return err
	}
}
