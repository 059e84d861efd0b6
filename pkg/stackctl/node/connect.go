package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/stack"
)

// dockerSocket is where the engine listens on the host unless the target says
// otherwise.
const dockerSocket = "/var/run/docker.sock"

// Connect reaches a target over one SSH connection: files and commands by it,
// the engine through a tunnel in it.
func Connect(ctx context.Context, t stack.Target) (Server, error) {
	conn, err := host.Dial(ctx, host.OptionsFor(t, false))
	if err != nil {
		return nil, err
	}
	if err := conn.Usable(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	e, err := engine.Open(ctx, func(ctx context.Context) (net.Conn, error) {
		return conn.DialContext(ctx, "unix", cmp.Or(t.Socket, dockerSocket))
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return Join(conn, e), nil
}

// Join makes a server of a connection and the engine that was reached through it.
func Join(conn *host.Conn, e *engine.Engine) Server { return server{conn, e} }

// server joins a connection and the engine behind it.
type server struct {
	*host.Conn
	engine *engine.Engine
}

// Members are the one host that it is.
func (s server) Members() []Member { return []Member{{Host: s.Conn}} }

// Absent is nothing: the one host answers.
func (s server) Absent() []stack.Absent { return nil }

// Align does nothing: there is one host.
func (s server) Align(context.Context) ([]string, error) { return nil, nil }

// Wire returns what went over the connection so far.
func (s server) Wire() stack.Wire {
	w := s.Stats()
	return stack.Wire{Connections: w.Connections, Sessions: w.Sessions, Tunnels: w.Tunnels, Files: w.Files, Calls: s.engine.Calls(), Sent: w.Sent, Received: w.Received}
}

func (s server) Facts(ctx context.Context) (stack.HostFacts, error) { return s.engine.Facts(ctx) }

func (s server) Containers(ctx context.Context) ([]stack.Container, error) {
	return s.engine.Containers(ctx)
}

func (s server) Images(ctx context.Context) ([]stack.HostImage, error) { return s.engine.Images(ctx) }

func (s server) Networks(ctx context.Context) ([]string, error) { return s.engine.Networks(ctx) }

func (s server) Volumes(ctx context.Context) ([]string, error) { return s.engine.Volumes(ctx) }

func (s server) MakeNetwork(ctx context.Context, name string) error {
	return s.engine.MakeNetwork(ctx, name)
}

// Placement returns nothing: everything runs on the one host.
func (s server) Placement(context.Context, string, []byte) ([]stack.Slot, error) { return nil, nil }

// Narrow returns nothing: there is one host.
func (s server) Narrow(context.Context, string) ([]string, error) { return nil, nil }

func (s server) Up(ctx context.Context, project string, compose []byte, services []string, progress func(service, state string)) ([]string, error) {
	return s.engine.Up(ctx, project, compose, services, progress)
}

func (s server) RunOnce(ctx context.Context, project string, compose []byte, service string) (stack.Output, error) {
	return s.engine.RunOnce(ctx, project, compose, service)
}

func (s server) Stop(ctx context.Context, project string, grace time.Duration, services ...string) error {
	return s.engine.Stop(ctx, project, grace, services...)
}

func (s server) Start(ctx context.Context, project string) error { return s.engine.Start(ctx, project) }

func (s server) RemoveProject(ctx context.Context, project string) error {
	return s.engine.Remove(ctx, project)
}

func (s server) SetAside(ctx context.Context, project string, services ...string) error {
	return s.engine.SetAside(ctx, project, services...)
}

func (s server) Reinstate(ctx context.Context, project string) error {
	return s.engine.Reinstate(ctx, project)
}

func (s server) Written(ctx context.Context, container string) (int64, error) {
	return s.engine.Written(ctx, container)
}

func (s server) RemoveAside(ctx context.Context, project string) error {
	return s.engine.RemoveAside(ctx, project)
}

func (s server) RemoveServices(ctx context.Context, project string, services []string) error {
	return s.engine.RemoveServices(ctx, project, services)
}

func (s server) Exec(ctx context.Context, container string, argv ...string) (stack.Output, error) {
	return s.engine.Exec(ctx, container, argv...)
}

func (s server) ExecStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	return s.engine.ExecStream(ctx, container, argv, stdin, stdout, stderr)
}

// Inspect lets the gates compare how a container runs with its definition.
func (s server) Inspect(ctx context.Context, container string) ([]byte, error) {
	return s.engine.Inspect(ctx, container)
}

func (s server) Conduct(ctx context.Context, container string) (stack.Conduct, error) {
	return s.engine.Conduct(ctx, container)
}

func (s server) DropThrowaway(ctx context.Context, project string, services, volumes []string) error {
	return s.engine.DropThrowaway(ctx, project, services, volumes)
}

func (s server) DropRehearsal(ctx context.Context, project string) error {
	return s.engine.DropRehearsal(ctx, project)
}

// Lend starts a container for commands, Return removes it.
func (s server) Lend(ctx context.Context, l stack.Loan) (string, error) { return s.engine.Lend(ctx, l) }

func (s server) Return(ctx context.Context, container string) error {
	return s.engine.Return(ctx, container)
}

// Hold pauses or stops a container, Release lets it go on.
func (s server) Hold(ctx context.Context, container string, stop bool) error {
	return s.engine.Hold(ctx, container, stop)
}

func (s server) Release(ctx context.Context, container string) error {
	return s.engine.Release(ctx, container)
}

// InspectImage lets the gates tell what a container got from its image.
func (s server) InspectImage(ctx context.Context, image string) ([]byte, error) {
	return s.engine.InspectImage(ctx, image)
}

// Files lets the gates read what a container holds and the user may not.
func (s server) Files(ctx context.Context, container, at string) ([]stack.File, error) {
	return s.engine.Files(ctx, container, at)
}

func (s server) Logs(ctx context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error {
	return s.engine.Logs(ctx, container, o, stdout, stderr)
}

// ExecTerminal gives a command in a container the operator's terminal.
func (s server) ExecTerminal(ctx context.Context, container string, argv []string, t stack.Terminal) (int, error) {
	return s.engine.ExecTerminal(ctx, container, argv, t)
}

// Usage returns what a project takes of the engine's disk.
func (s server) Usage(ctx context.Context, project string, images, volumes []string) ([]stack.DiskUse, error) {
	u, err := s.engine.Usage(ctx, project, images, volumes)
	return []stack.DiskUse{u}, err
}

func (s server) Ship(ctx context.Context, i stack.Image, _ []string, have []stack.HostImage, progress func(done, total int64)) (string, error) {
	store, err := s.engine.Store(ctx)
	if err != nil {
		return "", err
	}
	form := image.Save
	if store == engine.StoreContainerd {
		form = image.Layout
	}
	sent, err := image.Ship(ctx, i, have, form, s.engine.Load, progress)
	detail := fmt.Sprintf("%d of %d layers, %d bytes", sent.LayersSent, sent.Layers, sent.Bytes)
	if err == nil {
		err = s.engine.Loaded(ctx, i)
	}
	if err != nil || sent.Parts == 0 && len(image.Parts(append(have[:len(have):len(have)], stack.HostImage{ID: i.ID}))) == 0 {
		return detail, err
	}
	return detail, s.dropParts(ctx)
}

// dropParts removes what a transfer in parts left. Its layers stay as long as
// an image has them.
func (s server) dropParts(ctx context.Context) error {
	images, err := s.engine.Images(ctx)
	if err != nil {
		return err
	}
	for _, name := range image.Parts(images) {
		if err := s.engine.RemoveImage(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (s server) Pull(ctx context.Context, reference string, _ []string, progress func(done, total int64)) error {
	return s.engine.Pull(ctx, reference, progress)
}

func (s server) Build(ctx context.Context, b stack.Build, platform string, names []string, progress func(line string)) (stack.Built, error) {
	return s.engine.Build(ctx, b, platform, names, progress)
}

func (s server) RemoveImage(ctx context.Context, id string) error {
	return s.engine.RemoveImage(ctx, id)
}

// Close ends the engine's tunnels and the connection.
func (s server) Close() error { return errors.Join(s.engine.Close(), s.Conn.Close()) }
