package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/compose/v5/pkg/compose"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// quietCLI is what the Compose SDK needs of a Docker CLI, without the
// operator's own Docker settings: those would put proxies into containers and
// may end the process where they are broken.
type quietCLI struct {
	command.Cli
	api    client.APIClient
	config *configfile.ConfigFile
}

func (c quietCLI) Client() client.APIClient           { return c.api }
func (c quietCLI) ConfigFile() *configfile.ConfigFile { return c.config }
func (c quietCLI) CurrentContext() string             { return "default" }
func (c quietCLI) ServerInfo() command.ServerInfo     { return command.ServerInfo{OSType: "linux"} }

// guard is the API as Compose may use it: it neither pulls nor builds, and
// never removes a volume.
type guard struct {
	client.APIClient
	mu      sync.Mutex
	missing []string
}

func (g *guard) ImagePull(_ context.Context, ref string, _ client.ImagePullOptions) (client.ImagePullResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.missing, ref) {
		g.missing = append(g.missing, ref)
	}
	return nil, &MissingImageError{Images: []string{ref}}
}

// ContainerList leaves out what stackctl did not make: Compose would take it for its
// own, and make it anew.
func (g *guard) ContainerList(ctx context.Context, o client.ContainerListOptions) (client.ContainerListResult, error) {
	list, err := g.APIClient.ContainerList(ctx, o)
	list.Items = slices.DeleteFunc(list.Items, func(c container.Summary) bool { return !mine(c.Labels) })
	return list, err
}

func (g *guard) ImageBuild(context.Context, io.Reader, client.ImageBuildOptions) (client.ImageBuildResult, error) {
	return client.ImageBuildResult{}, errors.New("images are not built on the host")
}

func (g *guard) VolumeRemove(_ context.Context, id string, _ client.VolumeRemoveOptions) (client.VolumeRemoveResult, error) {
	return client.VolumeRemoveResult{}, fmt.Errorf("volume %s is never removed by stackctl", id)
}

// explain replaces Compose's wording of a missing image by the list of them.
func (g *guard) explain(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil || len(g.missing) == 0 {
		return err
	}
	slices.Sort(g.missing)
	return &MissingImageError{Images: g.missing}
}

// compose makes an SDK instance that reports to progress and prints nothing.
func (e *Engine) compose(events api.EventProcessor) (api.Compose, *guard, error) {
	base, err := command.NewDockerCli(
		command.WithAPIClient(e.api),
		command.WithCombinedStreams(io.Discard),
		command.WithInputStream(io.NopCloser(strings.NewReader(""))),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare compose: %w", err)
	}
	g := &guard{APIClient: e.api}
	c, err := compose.NewComposeService(
		quietCLI{Cli: base, api: g, config: configfile.New("")},
		compose.WithEventProcessor(events),
		compose.WithPrompt(refuse),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare compose: %w", err)
	}
	return c, g, nil
}

// refuse answers the one question that Compose asks: whether to lose data.
func refuse(message string, _ bool) (bool, error) {
	return false, fmt.Errorf("%s stackctl never does; keep the volume's definition, or rename the volume", message)
}

// events turns the SDK's events into progress calls, one at a time.
type events struct {
	mu sync.Mutex
	// services maps a container name to its service.
	services map[string]string
	progress func(service, state string)
}

func (ev *events) Start(context.Context, string) {}
func (ev *events) Done(string, bool)             {}

func (ev *events) On(resources ...api.Resource) {
	for _, r := range resources {
		name, ok := strings.CutPrefix(r.ID, "Container ")
		if !ok || r.Text == api.StatusRunning {
			continue
		}
		if service, ok := ev.services[name]; ok {
			ev.say(service, strings.ToLower(r.Text))
		}
	}
}

// say reports a state of a service.
func (ev *events) say(service, state string) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if ev.progress != nil {
		ev.progress(service, state)
	}
}
