package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// The image stores of stack.HostFacts.Store.
const (
	StoreGraphDriver = "graphdriver"
	StoreContainerd  = "containerd"
)

// An image's ID is the digest of its config, everywhere in stackctl. The
// containerd store names images by the digest of a manifest that it writes
// itself, and does not tell the config's. So on such a host each image that is
// shipped gets one more name, which holds its ID; this file translates.
const configName = "stackctl/config"

// idName is the name that holds an image's ID.
func idName(id string) string { return configName + ":" + strings.TrimPrefix(id, "sha256:") }

// idOf is the ID that a name holds, or "".
func idOf(name string) string {
	if hex, ok := strings.CutPrefix(name, configName+":"); ok {
		return "sha256:" + hex
	}
	return ""
}

// Store returns which image store the engine uses.
func (e *Engine) Store(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.store != "" {
		return e.store, nil
	}
	res, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return "", stepFault(ctx, "ask the Docker Engine for its image store", err, "")
	}
	e.store = storeOf(res.Info)
	return e.store, nil
}

func storeOf(info system.Info) string {
	for _, s := range info.DriverStatus {
		if s[0] == "driver-type" && strings.HasPrefix(s[1], "io.containerd.snapshotter") {
			return StoreContainerd
		}
	}
	return StoreGraphDriver
}

// Loaded checks that an image that was just loaded is the one that was meant,
// and makes it known by its ID from then on.
func (e *Engine) Loaded(ctx context.Context, img stack.Image) error {
	what := "check image " + img.Reference + " on the host"
	store, err := e.Store(ctx)
	if err != nil {
		return err
	}
	name := img.Reference
	if store == StoreGraphDriver {
		name = img.ID
	}
	res, err := e.api.ImageInspect(ctx, name)
	if err != nil {
		return stepFault(ctx, what, err, "deploy again")
	}
	if !slices.Equal(res.RootFS.Layers, img.Layers) {
		return stepFault(ctx, what, errors.New("its layers are not those of the archive"), "deploy again")
	}
	if store == StoreGraphDriver {
		return nil
	}
	if strings.HasPrefix(img.Reference, "sha256:") {
		return stepFault(ctx, what, errors.New("the containerd image store keeps no image without a name"), "name the image in the compose file")
	}
	return e.Tag(ctx, name, idName(img.ID))
}

// configIDs maps what the engine calls an image to its ID, where that differs.
func (e *Engine) configIDs(ctx context.Context) (map[string]string, error) {
	store, err := e.Store(ctx)
	if err != nil || store == StoreGraphDriver {
		return nil, err
	}
	list, err := e.api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	ids := map[string]string{}
	for _, i := range list.Items {
		for _, t := range i.RepoTags {
			if id := idOf(t); id != "" {
				ids[i.ID] = id
			}
		}
	}
	return ids, nil
}

// known is an image's name for the engine.
func (e *Engine) known(ctx context.Context, image string) (string, error) {
	store, err := e.Store(ctx)
	if err != nil || store == StoreGraphDriver || !strings.HasPrefix(image, "sha256:") {
		return image, err
	}
	return idName(image), nil
}

// Held returns the ID by which the engine itself has an image, and the image's layers;
// both are empty where it has none. The image is given by a name, or by its ID in stackctl.
func (e *Engine) Held(ctx context.Context, image string) (id string, layers []string, err error) {
	what := "look for image " + image
	name, err := e.known(ctx, image)
	if err != nil {
		return "", nil, stepFault(ctx, what, err, "")
	}
	res, err := e.api.ImageInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return "", nil, nil
	}
	return res.ID, res.RootFS.Layers, stepFault(ctx, what, err, "")
}

// nameImages makes a project name its images as the engine knows them.
func (e *Engine) nameImages(ctx context.Context, p *types.Project) error {
	for name, s := range p.Services {
		known, err := e.known(ctx, s.Image)
		if err != nil {
			return err
		}
		s.Image = known
		p.Services[name] = s
	}
	return nil
}
