// Package composeup is `docker compose up --wait`, the obvious alternative that
// figures are taken beside. It must not know stackctl.
package composeup

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/compose/v5/pkg/compose"
)

// Label marks every container of Up with the project's name.
const Label = "dev.stackctl.project"

// Project is a compose file as one project, with the edge's ports on free ones of loopback.
func Project(ctx context.Context, file, name string) (*types.Project, error) {
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file}}, Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SetProjectName(name, true)
		o.ResolvePaths = true
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", file, err)
	}
	if edge, ok := project.Services["traefik"]; ok {
		for i := range edge.Ports {
			edge.Ports[i].HostIP, edge.Ports[i].Published = "127.0.0.1", ""
		}
	}
	return project, nil
}

// Up is `docker compose up -d --wait` against the engine that DOCKER_HOST names.
func Up(ctx context.Context, p *types.Project, limit time.Duration) error {
	service, err := client()
	if err != nil {
		return err
	}
	for n, s := range p.Services {
		s.CustomLabels = types.Labels{api.ProjectLabel: p.Name, api.ServiceLabel: n, api.VersionLabel: api.ComposeVersion, api.OneoffLabel: "False",
			api.WorkingDirLabel: p.WorkingDir, api.ConfigFilesLabel: strings.Join(p.ComposeFiles, ","), Label: p.Name}
		p.Services[n] = s
	}
	return service.Up(ctx, p, api.UpOptions{
		Create: api.CreateOptions{Build: &api.BuildOptions{}, Recreate: api.RecreateDiverged, RecreateDependencies: api.RecreateDiverged, Inherit: true},
		Start:  api.StartOptions{Project: p, Wait: true, WaitTimeout: limit},
	})
}

// Down is `docker compose down --volumes`.
func Down(ctx context.Context, p *types.Project) error {
	service, err := client()
	if err != nil {
		return err
	}
	return service.Down(ctx, p.Name, api.DownOptions{Project: p, Volumes: true, RemoveOrphans: true})
}

func client() (api.Compose, error) {
	cli, err := command.NewDockerCli(command.WithCombinedStreams(io.Discard), command.WithInputStream(io.NopCloser(strings.NewReader(""))))
	if err != nil {
		return nil, err
	}
	if err := cli.Initialize(flags.NewClientOptions()); err != nil {
		return nil, err
	}
	return compose.NewComposeService(cli)
}
