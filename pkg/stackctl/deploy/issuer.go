package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// issued is how long the issuer of a cluster may take to get the certificates of a
// release: an authority validates each name from several places.
const issued = 90 * time.Second

// handOut adds the step that gives the certificates of the issuing edge to the others.
func (p *planner) handOut() {
	if len(p.r.Edge.Others) == 0 || len(p.r.Edge.Certified()) == 0 {
		return
	}
	p.add(stack.Step{Kind: stack.StepCertificates, Subject: "of the first edge to the others", Hosts: p.r.Edge.Certified(), Cause: "one edge orders them"})
}

// certificates waits until the issuer has a certificate for each host, and writes
// them to the other edges. What is missing in the end is a gate's to judge.
func (x *executor) certificates(ctx context.Context, step stack.Step) (string, error) {
	what := "hand the certificates to the other edges"
	edges, err := x.edges(ctx)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	issuer, others := edges[0], edges[1:]
	if issuer.Labels[stack.ComposeNumber] != "1" {
		x.note("the first edge, which orders certificates, does not run: none is ordered until it does")
		return "none: the first edge does not run", nil
	}
	storage, err := edge.Store(x.want.Release.Edge.Static)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	waiting, cancel := context.WithTimeout(ctx, x.stretch(issued))
	defer cancel()
	files, dynamic, missing, err := x.store(waiting, issuer, storage, step.Hosts)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "see what the first edge logs: stackctl logs "+x.d.Config.Traefik.Service)
	}
	for _, e := range edges {
		if err := x.server.PutFiles(ctx, e.ID, path.Dir(storage), files); err != nil {
			return "", stack.Fault(stack.CauseStep, what, err, "")
		}
	}
	if err := x.put(ctx, stack.DynamicPath(dynamic.Path), dynamic.Content, dynamic.Mode); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	for _, e := range others {
		x.awaitServed(ctx, e, without(step.Hosts, missing))
	}
	if len(missing) > 0 {
		x.note("the first edge (" + issuer.Node + ") has no certificate yet for " + strings.Join(missing, ", "))
	}
	return fmt.Sprintf("%d certificates, from %s to %d others", len(files)/2, issuer.Node, len(others)), nil
}

// edges are the containers of the edge that run, the issuer first.
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

// store reads the issuer's certificates until there is one for each host, or the time
// is over; then it returns the hosts that have none.
func (x *executor) store(ctx context.Context, issuer stack.Container, storage string, hosts []string) (files []stack.File, dynamic stack.File, missing []string, err error) {
	for {
		read, err := x.server.Files(ctx, issuer.ID, storage)
		if err != nil && ctx.Err() == nil {
			return nil, dynamic, nil, err
		}
		missing = hosts
		if len(read) == 1 && len(bytes.TrimSpace(read[0].Content)) > 0 {
			var covered []string
			if files, dynamic, covered, err = edge.Served(storage, read[0].Content); err != nil {
				return nil, dynamic, nil, err
			}
			missing = without(hosts, covered)
		}
		if len(missing) == 0 {
			return files, dynamic, nil, nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, dynamic, nil, ctx.Err()
			}
			if len(files) == 0 {
				return nil, dynamic, nil, errors.New("the first edge (" + issuer.Node + ") has no certificate for " + strings.Join(missing, ", "))
			}
			return files, dynamic, missing, nil
		case <-time.After(time.Second):
		}
	}
}

// awaitServed waits until an edge serves a certificate for each of the hosts.
func (x *executor) awaitServed(ctx context.Context, e stack.Container, hosts []string) {
	address := ""
	for _, a := range e.Addresses {
		if a != "" {
			address = a
		}
	}
	ctx, cancel := context.WithTimeout(ctx, certifiedDeadline)
	defer cancel()
	for address != "" && slices.ContainsFunc(hosts, func(host string) bool { return !x.certified(ctx, net.JoinHostPort(address, "443"), host) }) {
		select {
		case <-ctx.Done():
			x.note("the edge of " + net.JoinHostPort(e.Node, "443") + " does not serve all certificates yet")
			return
		case <-time.After(certifiedLook):
		}
	}
}
