// Package gate owns what a gate is: a question about a deployment, its
// denominator, its findings, the exceptions to them, and the run of many. It
// holds no question of its own, and must not know how a deployment is made nor
// how a result is drawn.
package gate

import (
	"context"
	"net"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Gate is one question in one phase. A gate that looks in two phases stands
// twice in the registry, with the same ID.
type Gate struct {
	ID       string // G1 … G10
	Name     string
	Question string
	Phase    stack.Phase
	// Refs are SPEC rows and OWASP ASVS 5.0 items.
	Refs []string
	// Inspects says in one line what is looked at, for `stackctl gates`.
	Inspects string
	// Artifacts are the names of the artifacts that it writes.
	Artifacts []string
	// Slow gates run under --all-tests only.
	Slow bool
	// Mutates marks a gate that changes something on the site; it runs under
	// --all-tests or on a target that allows it, and cleans up.
	Mutates bool
	// First marks a gate whose answer the others rest on: it runs before them,
	// and its waiting for readiness is theirs.
	First bool
	// Alone marks a gate that compares times: it runs after the others, by
	// itself, so that their load is not in its figures.
	Alone bool
	// Local marks a gate that looks at nothing on the server, whatever its phase.
	Local bool
	// Budget bounds the gate; 0 means the budget of every gate.
	Budget time.Duration
	// Rules are what its findings come from; a finding names one of them.
	Rules []stack.Rule
	// Check looks. An error means that it could not judge.
	Check func(ctx context.Context, s Subject) (Answer, error)
}

// Answer is what a gate saw. No findings and Inspected > 0 is a pass.
type Answer struct {
	Inspected int
	Of        string // plural noun: "routes"
	Findings  []stack.Finding
	Attempts  []stack.Attempt
	Latencies []stack.Latency
	// Skip is the reason for not looking, where there is one.
	Skip string
}

// Subject is the deployment that a gate looks at. In the static phase Server
// and Outside are nil; without a Server no gate of another phase can judge.
type Subject struct {
	Config  stack.Config
	Target  stack.Target
	Release stack.Release
	// Before is what ran before this release; nil on a first deploy.
	Before *Before
	// Started are the host's containers as they were when the release had started
	// and its judgement began; nil where nothing was started.
	Started []stack.Container
	// Draining are the releases that run on until this one is judged, and end then.
	Draining []string
	// Outside dials from where the operator is.
	Outside Dialer
	// Server looks from the server itself.
	Server Server
	// Artifacts takes evidence; it redacts.
	Artifacts Sink
	// All reports whether --all-tests was given.
	All bool
	// Pace is how many times longer a look takes than on a good line; 0 means 1.
	// It stretches the time that gates have, never a bound on what users meet.
	Pace float64
}

// Before is the release before, as far as gates compare with it.
type Before struct {
	ID       string
	Contract []byte
	Schema   []byte // the document of its schema check, if kept
}

// Dialer opens connections.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Server looks at the deployment from the server, through the one SSH
// connection: all that any gate needs of it. What a server cannot do is an
// error, so that the gate could not judge. Dialling reaches containers by their
// addresses.
type Server interface {
	Dialer
	// Run executes argv on the host, without a shell in between.
	Run(ctx context.Context, argv ...string) (stack.Output, error)
	// Containers lists all containers on the host, ours or not.
	Containers(ctx context.Context) ([]stack.Container, error)
	// Exec executes argv in a running container.
	Exec(ctx context.Context, container string, argv ...string) (stack.Output, error)
	// Inspect returns the Engine's own description of a container, as JSON
	// (GET /containers/{id}/json).
	Inspect(ctx context.Context, container string) ([]byte, error)
	// InspectImage returns the Engine's own description of an image, as JSON
	// (GET /images/{name}/json).
	InspectImage(ctx context.Context, image string) ([]byte, error)
	// Files returns a file as a container sees it, or the files of a folder and
	// below, with absolute paths; none where the path is not there. Files that
	// the deploying user may not read on the host are among them.
	Files(ctx context.Context, container, at string) ([]stack.File, error)
}

// Sink takes artifacts.
type Sink interface {
	Artifact(name string, content []byte) error
}

// Budget bounds every gate that sets no tighter bound itself.
const Budget = 60 * time.Second
