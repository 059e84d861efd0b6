package deploy

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// reached is how long an edge may take to reach a container of another node, which its
// own node has just heard of.
const reached = 20 * time.Second

// reachScript connects to each of its arguments, HOST PORT HOST PORT …, once a
// half second until it takes the connection; it prints the one that does not in time.
const reachScript = `end=$((SECONDS + $1)); shift
while [ $# -gt 0 ]; do
	until timeout 0.5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; do
		[ $SECONDS -lt $end ] || { echo "$1:$2"; exit 1; }
		sleep 0.1
	done
	shift 2
done`

// reach adds the step in which every edge of a cluster tries the way to the release,
// before visitors take it.
func (p *planner) reach() {
	if p.r.Edge.Edges > 0 && p.startCause() != "" {
		p.add(stack.Step{Kind: stack.StepReach, Subject: "release " + p.r.ID + " from every edge", Release: p.r.ID, Cause: "its containers are new to the other nodes"})
	}
}

// reachRelease has each edge's node connect to each upstream of the release, from the
// edge's own network.
func (x *executor) reachRelease(ctx context.Context) (string, error) {
	what := "reach release " + x.want.Release.ID + " from every edge"
	up, err := edge.Upstreams(x.want.Pointed)
	if err != nil {
		return "", err
	}
	ways := waysTo(x.want.Release, up)
	edges, err := x.edges(ctx)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	group, asking := errgroup.WithContext(ctx)
	for _, e := range edges {
		group.Go(func() error { return x.reachFrom(asking, e, ways) })
	}
	if err := group.Wait(); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "see whether UDP 4789 and 7946 pass between the nodes: `stackctl provision` sets the firewall of each, and measures the links")
	}
	return fmt.Sprintf("%d upstreams from %d edges", len(ways)/2, len(edges)), nil
}

func (x *executor) reachFrom(ctx context.Context, e stack.Container, ways []string) error {
	id, err := x.server.Lend(ctx, stack.Loan{Project: x.want.Release.Project, Image: e.ImageID, Tools: true, Beside: e.ID})
	if err != nil {
		return fmt.Errorf("on %s: %w", e.Node, err)
	}
	defer func() {
		late, cancel := node.Aside(ctx)
		defer cancel()
		_ = x.server.Return(late, id)
	}()
	limit := fmt.Sprintf("%.0f", x.stretch(reached).Seconds())
	out, err := x.server.Exec(ctx, id, append([]string{"bash", "-c", reachScript, "bash", limit}, ways...)...)
	if err == nil && out.Exit != 0 {
		err = fmt.Errorf("%s does not take a connection from the edge there after %s s", strings.TrimSpace(string(out.Stdout)+string(out.Stderr)), limit)
	}
	if err != nil {
		return fmt.Errorf("on %s: %w", e.Node, err)
	}
	return nil
}

// waysTo are the hosts and ports of those upstreams that a release starts, sorted: HOST
// PORT HOST PORT …. Routes may name others: a service of a profile that is not chosen, or
// a server elsewhere.
func waysTo(r stack.Release, upstreams map[string][]string) []string {
	var pairs [][2]string
	for _, servers := range upstreams {
		for _, text := range servers {
			u, err := url.Parse(text)
			if err != nil {
				continue
			}
			if s, known := r.Service(r.ServiceAt(u.Hostname())); !known || !s.Deployed {
				continue
			}
			port := u.Port()
			if port == "" {
				port = map[string]string{"https": "443"}[u.Scheme]
			}
			if port == "" {
				port = "80"
			}
			pairs = append(pairs, [2]string{u.Hostname(), port})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1]) })
	var out []string
	for _, p := range slices.Compact(pairs) {
		out = append(out, p[0], p[1])
	}
	return out
}
