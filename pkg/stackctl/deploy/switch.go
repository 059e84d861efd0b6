package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// switchDeadline is generous beside what a switch takes on a slow server.
const switchDeadline = 30 * time.Second

// point replaces the edge's dynamic files, each by a rename from outside the
// watched folder, and waits until Traefik itself says that they are live.
func (x *executor) point(ctx context.Context, files []stack.File) (string, error) {
	want := map[string]bool{}
	if err := x.putChallenge(ctx); err != nil {
		return "", stack.Fault(stack.CauseStep, "switch the edge", err, "")
	}
	for _, f := range files {
		want[f.Path] = true
		if err := x.put(ctx, stack.DynamicPath(f.Path), f.Content, f.Mode); err != nil {
			fix := ""
			if errors.Is(err, fs.ErrPermission) {
				fix = "`stackctl provision` gives the folder back to " + x.d.Target.User
			}
			return "", stack.Fault(stack.CauseStep, "switch the edge", err, fix)
		}
	}
	for _, name := range x.there() {
		if !want[name] {
			if err := x.server.Remove(ctx, x.d.Target.At(stack.DynamicPath(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", stack.Fault(stack.CauseStep, "switch the edge", err, "")
			}
		}
	}
	if up, err := edge.Upstreams(files); err == nil && len(up) == 0 {
		return "no edge: nothing is routed", nil
	}
	edges, err := x.edgeAPIs(ctx)
	if err != nil {
		return "", err
	}
	began := x.d.Now()
	ctx, cancel := context.WithTimeout(ctx, x.stretch(switchDeadline))
	defer cancel()
	for _, e := range edges { // all have the files, and read them side by side
		if err := e.WaitLive(ctx, files); err != nil {
			return "", stack.Fault(stack.CauseStep, "switch the edge"+ofNode(e.node), err, "see what Traefik logs: stackctl logs "+x.d.Config.Traefik.Service)
		}
	}
	x.turned = time.Now()
	return fmt.Sprintf("live after %d ms", x.d.Now().Sub(began).Milliseconds()), nil
}

// put writes a file in the project's folder by a rename from outside the folder
// that it is in: the edge watches some.
func (x *executor) put(ctx context.Context, name string, content []byte, mode fs.FileMode) error {
	return x.server.WriteFileVia(ctx, x.d.Target.At(stack.TmpDir), x.d.Target.At(name), content, mode)
}

// there are the names of the dynamic files that may be on the host: those that
// were, and those of this run.
func (x *executor) there() []string {
	var names []string
	for _, f := range slices.Concat(x.before, x.want.Pointed) {
		names = append(names, f.Path)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// settle waits until a release that the edge has turned away from has got what
// was on its way to it: a request that the edge took before, and whose body is
// still coming, is passed on only when the body is whole.
func (x *executor) settle(ctx context.Context) error {
	if x.turned.IsZero() {
		return nil
	}
	select {
	case <-ctx.Done():
		return stack.Interrupted(ctx, "drain")
	case <-time.After(time.Until(x.turned.Add(x.d.Config.Timeouts.Drain))):
		return nil
	}
}

// edgeOn is the API of one edge, and its node where there are several.
type edgeOn struct {
	edge.API
	node string
}

// edgeAPIs finds Traefik's own API by the addresses of its containers: one, or with
// a cluster one for each edge node.
func (x *executor) edgeAPIs(ctx context.Context) ([]edgeOn, error) {
	t := x.d.Config.Traefik
	containers, err := x.server.Containers(ctx)
	if err != nil {
		return nil, err
	}
	var out []edgeOn
	for _, c := range containersOf(stack.Observed{Containers: containers}, x.d.Config.Project, t.Service) {
		if e, reached := x.edgeOf(c); reached {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return nil, stack.Fault(stack.CauseStep, "find the edge", errors.New("no container of service "+t.Service+" runs"), "deploy again")
	}
	return out, nil
}

// edgeOf is the API of an edge's container, where that has an address.
func (x *executor) edgeOf(c stack.Container) (edgeOn, bool) {
	t := x.d.Config.Traefik
	for _, address := range c.Addresses {
		if address != "" {
			return edgeOn{edge.API{Address: net.JoinHostPort(address, strconv.Itoa(t.APIPort)), Dial: x.server.DialContext,
				User: t.Staff.User, Password: x.staffPassword()}, c.Node}, true
		}
	}
	return edgeOn{}, false
}

// stop stops services of a release; none named means all. Without a release they
// are the base's.
func (x *executor) stop(ctx context.Context, id string, services ...string) error {
	project, what := x.want.Release.Project, "stop "+strings.Join(services, ", ")
	if id != "" {
		project, what = stack.AppProject(project, id), "stop release "+id
	}
	if err := x.server.Stop(ctx, project, x.grace(), services...); err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	return nil
}
