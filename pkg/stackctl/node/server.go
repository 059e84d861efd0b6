// Package node owns one server as stackctl knows it: the connection to it, the
// project's lock, what is kept there of each release, what is observed, and how
// much room there is. It must not know what a deploy does with any of it, and
// judges nothing.
package node

import (
	"context"
	"io"
	"io/fs"
	"net"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/stack"
)

// Server is a host and the engine on it, over one connection.
type Server interface {
	Host
	Engine
	// Members are the hosts of the server, by name: itself, or the nodes of a cluster.
	Members() []Member
	// Absent are the hosts of the server that do not answer.
	Absent() []stack.Absent
	// Align copies the records, files and routes of a project to the hosts of a cluster
	// that were away, and returns their names. It is for who holds the lock.
	Align(ctx context.Context) ([]string, error)
	// Wire is what went over the connection so far.
	Wire() stack.Wire
	// Close ends the connection.
	Close() error
}

// Member is one host of a server.
type Member struct {
	// Name is the node's; empty: the server is one host.
	Name string
	// Drained reports whether it is to run nothing.
	Drained bool
	Host
}

// Host is the part of a server that files and commands live on.
type Host interface {
	Run(ctx context.Context, argv ...string) (stack.Output, error)
	Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	ReadFile(ctx context.Context, name string) ([]byte, error)
	WriteFile(ctx context.Context, name string, content []byte, mode fs.FileMode) error
	WriteFileVia(ctx context.Context, tmpDir, name string, content []byte, mode fs.FileMode) error
	WriteFiles(ctx context.Context, root string, files []stack.File) ([]string, error)
	Hashes(ctx context.Context, root string, paths []string) (map[string]string, error)
	List(ctx context.Context, dir string) ([]fs.FileInfo, error)
	MkdirAll(ctx context.Context, dir string, mode fs.FileMode) error
	Remove(ctx context.Context, name string) error
	RemoveAll(ctx context.Context, dir string) error
}

// Engine is the part of a server that containers live in. It is small on
// purpose: another implementation may spread the same stack over many servers.
type Engine interface {
	Facts(ctx context.Context) (stack.HostFacts, error)
	Containers(ctx context.Context) ([]stack.Container, error)
	Images(ctx context.Context) ([]stack.HostImage, error)
	Networks(ctx context.Context) ([]string, error)
	Volumes(ctx context.Context) ([]string, error)
	// MakeNetwork makes a network that belongs to no project; there being one of
	// the name, it does nothing.
	MakeNetwork(ctx context.Context, name string) error
	// Placement returns where the containers of a resolved compose file are to run; none
	// where there is one host. An error is of what no node can have.
	Placement(ctx context.Context, project string, compose []byte) ([]stack.Slot, error)
	// Narrow returns the pairs of nodes between which full packets of a project's networks
	// are lost; none where there is one host.
	Narrow(ctx context.Context, project string) ([]string, error)
	// Up makes services of a resolved compose file run and waits until they
	// are healthy; it gives the services that it had to touch.
	Up(ctx context.Context, project string, compose []byte, services []string, progress func(service, state string)) ([]string, error)
	RunOnce(ctx context.Context, project string, compose []byte, service string) (stack.Output, error)
	// Stop stops services of a project; none named means all.
	Stop(ctx context.Context, project string, grace time.Duration, services ...string) error
	Start(ctx context.Context, project string) error
	// RemoveProject removes a project's containers; volumes stay.
	RemoveProject(ctx context.Context, project string) error
	// RemoveServices removes the containers of some services; volumes stay.
	RemoveServices(ctx context.Context, project string, services []string) error
	// SetAside stops and renames containers that docker compose made of some of a
	// project's services, Reinstate gives them back, RemoveAside removes them.
	SetAside(ctx context.Context, project string, services ...string) error
	Reinstate(ctx context.Context, project string) error
	RemoveAside(ctx context.Context, project string) error
	// Written returns how many bytes a container has written into its own file
	// system, in no volume.
	Written(ctx context.Context, container string) (int64, error)
	Exec(ctx context.Context, container string, argv ...string) (stack.Output, error)
	ExecStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
	Logs(ctx context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error
	// Ship streams an image from the operator's archive, only the layers that
	// the host lacks, or each of the nodes that it goes to.
	Ship(ctx context.Context, image stack.Image, to []string, have []stack.HostImage, progress func(done, total int64)) (string, error)
	Pull(ctx context.Context, reference string, to []string, progress func(done, total int64)) error
	// Build makes an image on the host; the operator's files travel as far as the
	// builder asks for them.
	Build(ctx context.Context, b stack.Build, platform string, names []string, progress func(line string)) (stack.Built, error)
	RemoveImage(ctx context.Context, id string) error
	// Usage is what images and volumes take of the disk of the engine, or of each node's in a
	// cluster: those named, and the volumes that Compose made for the project.
	Usage(ctx context.Context, project string, images, volumes []string) ([]stack.DiskUse, error)
	// Inspect is what the engine reports of a container, InspectImage of an image.
	Inspect(ctx context.Context, container string) ([]byte, error)
	// Conduct is what a container has done since it was started.
	Conduct(ctx context.Context, container string) (stack.Conduct, error)
	// DropThrowaway removes services and volumes of a rehearsal, DropRehearsal all
	// of it; what was deployed stays.
	DropThrowaway(ctx context.Context, project string, services, volumes []string) error
	DropRehearsal(ctx context.Context, project string) error
	// Lend starts a container for commands, Return removes it; Hold pauses or
	// stops a running one, Release lets it go on.
	Lend(ctx context.Context, l stack.Loan) (string, error)
	Return(ctx context.Context, container string) error
	Hold(ctx context.Context, container string, stop bool) error
	Release(ctx context.Context, container string) error
	InspectImage(ctx context.Context, image string) ([]byte, error)
	// Files reads what a container holds at a path.
	Files(ctx context.Context, container, at string) ([]stack.File, error)
	// ExecTerminal gives a command in a container the operator's terminal.
	ExecTerminal(ctx context.Context, container string, argv []string, t stack.Terminal) (int, error)
}

// Keepers are the hosts that keep copies of backups; none: the server is one host.
func Keepers(s Server) []backup.Host {
	var out []backup.Host
	for _, m := range s.Members() {
		if m.Name != "" {
			out = append(out, backup.Host{Name: m.Name, Commands: m.Host})
		}
	}
	return out
}
