package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/stack"
)

// Facts are what the engine knows of its host. It does not tell how much
// of a disk is free.
func (e *Engine) Facts(ctx context.Context) (stack.HostFacts, error) {
	const what = "ask the Docker Engine about its host"
	version, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return stack.HostFacts{}, stepFault(ctx, what, err, "")
	}
	res, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return stack.HostFacts{}, stepFault(ctx, what, err, "")
	}
	info := res.Info
	clock, _ := time.Parse(time.RFC3339Nano, info.SystemTime)
	return stack.HostFacts{
		FreeBytes: -1, FreeFiles: -1, DockerFree: -1, DockerFiles: -1,
		OS:            info.OperatingSystem,
		Kernel:        info.KernelVersion,
		Arch:          version.Arch,
		EngineVersion: version.Version,
		APIVersion:    e.api.ClientVersion(),
		Store:         storeOf(info),
		DockerRoot:    info.DockerRootDir,
		CPUs:          info.NCPU,
		MemoryBytes:   info.MemTotal,
		Clock:         clock,
	}, nil
}

// Containers lists every container on the host, running or not, ours or not,
// by name.
func (e *Engine) Containers(ctx context.Context) ([]stack.Container, error) {
	const what = "list the host's containers"
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	ids, err := e.configIDs(ctx)
	if err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	found := make([]*stack.Container, len(list.Items))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, summary := range list.Items {
		g.Go(func() error {
			res, err := e.api.ContainerInspect(gctx, summary.ID, client.ContainerInspectOptions{})
			if cerrdefs.IsNotFound(err) {
				return nil // removed meanwhile
			}
			if err != nil {
				return fmt.Errorf("container %s: %w", containerName(summary), err)
			}
			c := observed(summary, res.Container, e.lookOnce(gctx, res.Container))
			if id := ids[c.ImageID]; id != "" {
				c.ImageID = id
			}
			if id := idOf(c.Image); id != "" {
				c.Image = id
			}
			found[i] = &c
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	out := make([]stack.Container, 0, len(found))
	for _, c := range found {
		if c != nil {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b stack.Container) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// observed joins what the list and the inspection say of one container.
func observed(s container.Summary, c container.InspectResponse, health container.HealthStatus) stack.Container {
	out := stack.Container{
		ID:         c.ID,
		Name:       strings.TrimPrefix(c.Name, "/"),
		Project:    s.Labels[api.ProjectLabel],
		Service:    s.Labels[api.ServiceLabel],
		Release:    s.Labels[stack.LabelRelease],
		Layer:      stack.Layer(s.Labels[stack.LabelLayer]),
		Image:      s.Image,
		ImageID:    c.Image,
		ConfigHash: s.Labels[api.ConfigHashLabel],
		Health:     string(health),
		Restarts:   c.RestartCount,
		Addresses:  map[string]string{},
		Labels:     s.Labels,
	}
	if c.Config != nil {
		out.Image = c.Config.Image
	}
	if c.HostConfig != nil {
		out.NetworkMode = string(c.HostConfig.NetworkMode)
		out.Ports = published(c.HostConfig.PortBindings)
		out.Privileged = c.HostConfig.Privileged
	}
	for _, m := range c.Mounts {
		if m.Source != "" && m.Type != mount.TypeTmpfs {
			out.Mounts = append(out.Mounts, m.Source)
		}
		if m.RW && m.Type == mount.TypeVolume {
			out.Writes = append(out.Writes, m.Name)
		} else if m.RW && m.Type == mount.TypeBind {
			out.Writes = append(out.Writes, m.Source)
		}
	}
	if c.State != nil {
		out.State, out.ExitCode, out.OutOfMemory = string(c.State.Status), c.State.ExitCode, c.State.OOMKilled
		out.Started, _ = time.Parse(time.RFC3339Nano, c.State.StartedAt)
		out.Checked, out.CheckDue = lastAndNext(c, out.Started)
	}
	joined(&out, c)
	if out.Aside() { // it is of no project until it is given back
		out.Project, out.Service, out.Networks, out.Addresses, out.Ports = "", "", nil, nil, nil
	}
	return out
}

// joined adds the networks that a container is on, and what it publishes by them.
func joined(out *stack.Container, c container.InspectResponse) {
	if c.NetworkSettings == nil {
		return
	}
	if c.HostConfig != nil && c.HostConfig.PublishAllPorts {
		out.Ports = append(out.Ports, published(c.NetworkSettings.Ports)...)
	}
	for name, ep := range c.NetworkSettings.Networks {
		out.Networks = append(out.Networks, name)
		if ep != nil && ep.IPAddress.IsValid() {
			out.Addresses[name] = ep.IPAddress.String()
		} else if ep != nil && ep.GlobalIPv6Address.IsValid() {
			out.Addresses[name] = ep.GlobalIPv6Address.String()
		}
	}
	slices.Sort(out.Networks)
}

// published are the ports that a container asks the host to publish, whether
// it runs or not.
func published(bindings network.PortMap) []stack.Port {
	var out []stack.Port
	for port, hosts := range bindings {
		for _, h := range hosts {
			p := stack.Port{Published: h.HostPort, Target: uint32(port.Num()), Protocol: string(port.Proto()), Mode: "host"}
			if h.HostIP.IsValid() {
				p.HostIP = h.HostIP.String()
			}
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b stack.Port) int {
		return strings.Compare(portKey(a), portKey(b))
	})
	return out
}

func portKey(p stack.Port) string {
	return fmt.Sprintf("%5s/%s %s %s", strconv.Itoa(int(p.Target)), p.Protocol, p.HostIP, p.Published)
}

// Images lists the images of the host's store with their diff IDs.
func (e *Engine) Images(ctx context.Context) ([]stack.HostImage, error) {
	const what = "list the host's images"
	list, err := e.api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	out := make([]stack.HostImage, len(list.Items))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, s := range list.Items {
		g.Go(func() error {
			res, err := e.api.ImageInspect(gctx, s.ID)
			if cerrdefs.IsNotFound(err) {
				return nil // removed meanwhile
			}
			if err != nil {
				return fmt.Errorf("image %s: %w", s.ID, err)
			}
			out[i] = hostImage(s, res.RootFS.Layers)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, stepFault(ctx, what, err, "")
	}
	return slices.DeleteFunc(out, func(i stack.HostImage) bool { return i.ID == "" }), nil
}

// hostImage is one image by its ID, without the name that only holds the ID.
func hostImage(s image.Summary, layers []string) stack.HostImage {
	out := stack.HostImage{ID: s.ID, Layers: layers, Bytes: s.Size}
	for _, t := range named(s.RepoTags) {
		if id := idOf(t); id != "" {
			out.ID, out.Shipped = id, true
			continue
		}
		out.Tags = append(out.Tags, t)
	}
	out.Digests = named(s.RepoDigests)
	return out
}

// named drops the placeholder that older engines give untagged images.
func named(tags []string) []string {
	return slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return strings.HasPrefix(t, "<none>") })
}

// Volumes are the names of the host's volumes, in order.
func (e *Engine) Volumes(ctx context.Context) ([]string, error) {
	list, err := e.api.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		return nil, stepFault(ctx, "list the host's volumes", err, "")
	}
	names := make([]string, 0, len(list.Items))
	for _, v := range list.Items {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return names, nil
}

// MakeNetwork makes a bridge network that belongs to no project; there being one of
// the name, it does nothing.
func (e *Engine) MakeNetwork(ctx context.Context, name string) error {
	return stepFault(ctx, "make network "+name, e.makeNetwork(ctx, name), "")
}

// makeNetwork keeps the name to one network: an engine may make a second one, and
// other runs may be at the same.
func (e *Engine) makeNetwork(ctx context.Context, name string) error {
	if ids, err := e.networksOf(ctx, name); err != nil || len(ids) > 0 {
		return err
	}
	made, err := e.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{Driver: "bridge"})
	if err != nil && !cerrdefs.IsConflict(err) {
		return err
	}
	ids, err := e.networksOf(ctx, name)
	if err == nil && len(ids) > 1 && slices.Min(ids) != made.ID {
		_, err = e.api.NetworkRemove(ctx, made.ID, client.NetworkRemoveOptions{})
	}
	return err
}

// networksOf are the IDs of the networks of a name.
func (e *Engine) networksOf(ctx context.Context, name string) ([]string, error) {
	list, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("name", name)})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, n := range list.Items {
		if n.Name == name { // the filter takes parts of names
			ids = append(ids, n.ID)
		}
	}
	return ids, nil
}

// Networks are the names of the host's networks, in order.
func (e *Engine) Networks(ctx context.Context) ([]string, error) {
	list, err := e.api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, stepFault(ctx, "list the host's networks", err, "")
	}
	names := make([]string, 0, len(list.Items))
	for _, n := range list.Items {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names, nil
}
