package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// certify adds the step in which every edge of a cluster gets its certificates.
func (p *planner) certify() {
	if hosts := p.r.Edge.Certified(); p.r.Edge.Edges > 0 && len(hosts) > 0 {
		p.add(stack.Step{Kind: stack.StepCertificates, Subject: "of every edge", Hosts: hosts, Cause: "each orders its own"})
	}
}

// certificates waits until each edge that runs serves certificates of its own. What is
// missing in the end is a gate's to judge.
func (x *executor) certificates(ctx context.Context, step stack.Step) (string, error) {
	what := "see the certificates of every edge"
	if err := x.putChallenge(ctx); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	edges, err := x.edges(ctx)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	waiting, cancel := context.WithTimeout(ctx, x.stretch(certifiedDeadline))
	defer cancel()
	missing := make([][]string, len(edges))
	var group errgroup.Group
	for i, e := range edges {
		group.Go(func() error {
			if at := addressOf(e); at != "" {
				missing[i] = x.lacking(waiting, at, step.Hosts)
			}
			return nil
		})
	}
	_ = group.Wait()
	for i, e := range edges {
		if len(missing[i]) > 0 {
			x.note("the edge of " + e.Node + " has no certificate yet for " + strings.Join(missing[i], ", "))
		}
	}
	return fmt.Sprintf("%d names at %d edges", len(step.Hosts), len(edges)), ctx.Err()
}

// putChallenge writes the file by which the edges of a cluster ask each other, for as
// many as there are now.
func (x *executor) putChallenge(ctx context.Context) error {
	f, some, err := edge.Challenge(x.d.Config, x.want.Release.Edge, len(x.d.Target.Labelled(stack.NodeEdge)))
	if err != nil || x.want.Release.Edge.Edges == 0 {
		return err
	}
	if some {
		return x.put(ctx, stack.DynamicPath(f.Path), f.Content, f.Mode)
	}
	if err := x.server.Remove(ctx, x.d.Target.At(stack.DynamicPath(stack.ChallengeFile))); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// edges are the containers of the edge that run, by number.
func (x *executor) edges(ctx context.Context) ([]stack.Container, error) {
	containers, err := x.server.Containers(ctx)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(containersOf(stack.Observed{Containers: containers}, x.d.Config.Project, x.d.Config.Traefik.Service), func(c stack.Container) bool {
		return c.State != "running"
	})
	if len(out) == 0 {
		return nil, errors.New("no edge runs")
	}
	slices.SortFunc(out, func(a, b stack.Container) int {
		return strings.Compare(a.Labels[stack.ComposeNumber], b.Labels[stack.ComposeNumber])
	})
	return out, nil
}

// addressOf is where a container's TLS is reached; empty: nowhere.
func addressOf(c stack.Container) string {
	for _, a := range c.Addresses {
		if a != "" {
			return net.JoinHostPort(a, "443")
		}
	}
	return ""
}
