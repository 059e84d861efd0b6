// Package deploy owns the story of one deploy: freeze, judge, connect, observe,
// plan, execute, judge again, commit or roll back. It must not know how
// anything is shown, and reaches a server only through the interfaces below.
package deploy

import (
	"context"
	"io"
	"io/fs"
	"net"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// Deployer runs one verb against one target.
type Deployer struct {
	Config stack.Config
	Target stack.Target
	// All adds the slow and the mutating gates.
	All bool
	// Gates limits the gates to some IDs; empty: all.
	Gates []string
	// LockWait is how long a lock that somebody holds is waited for.
	LockWait time.Duration
	// Run is the run's ID; Owner is user@machine.
	Run, Owner string
	// Commit is the commit of the project's files.
	Commit string
	// Tools are the versions of what took part, by name.
	Tools map[string]string
	// Emit takes the run's events, Artifacts its evidence.
	Emit      stack.Emit
	Artifacts gate.Sink
	// Connect reaches the target's server.
	Connect func(ctx context.Context, t stack.Target) (Server, error)
	// Now is the clock.
	Now func() time.Time
}

// Server is a host and the engine on it, over one connection.
type Server interface {
	Host
	Engine
	// Wire tells what went over the connection so far.
	Wire() stack.Wire
	// Close ends the connection.
	Close() error
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
	Exec(ctx context.Context, container string, argv ...string) (stack.Output, error)
	Inspect(ctx context.Context, container string) ([]byte, error)
	// Lend starts a container for commands, Return removes it; Hold pauses or
	// stops a running one, Release lets it go on.
	Lend(ctx context.Context, l stack.Loan) (string, error)
	Return(ctx context.Context, container string) error
	Hold(ctx context.Context, container string, stop bool) error
	Release(ctx context.Context, container string) error
	ExecStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
	Logs(ctx context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error
	// Ship streams an image from the operator's archive, only the layers that
	// the host lacks.
	Ship(ctx context.Context, image stack.Image, have []stack.HostImage, progress func(done, total int64)) (string, error)
	Pull(ctx context.Context, reference string, progress func(done, total int64)) error
	RemoveImage(ctx context.Context, id string) error
}
