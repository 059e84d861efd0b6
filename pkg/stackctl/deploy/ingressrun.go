package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strconv"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// ingressWait is how long another project's deploy is waited for that is at work on
// the ingress: it writes a file, or starts it.
const ingressWait = 2 * time.Minute

// ingress writes the project's routes on the ingress, and makes it run. A copy of
// the edge that served meanwhile ends. An ingress that has no project's routes any
// more ends as well.
func (x *executor) ingress(ctx context.Context, step stack.Step) (detail string, err error) {
	comes := x.want.Release
	if step.Release != "" {
		comes = x.old
	}
	spare, err := x.standbyEnds(ctx, comes)
	if err == nil && len(step.Hosts) == 0 {
		detail, err = x.leaveIngress(ctx)
	} else if err == nil {
		detail, err = fmt.Sprintf("%d hosts", len(step.Hosts)), x.leadIngress(ctx, step.Hosts, stack.IngressAlias(x.d.Config.Project))
	}
	if err == nil && spare {
		err = x.removeStandby(ctx)
	}
	if err != nil {
		return "", ingressFault(x.d.Config.Project, err)
	}
	return detail, nil
}

func ingressFault(project string, err error) error {
	return stack.Fault(stack.CauseStep, "lead the server's ingress to "+project, err, advice(err, "see what it logs: docker logs $(docker ps -qf label="+stack.LabelIngress+")"))
}

// underIngressLock runs a part that writes to the ingress's folder, which other
// projects write to as well. It is told what the others have there.
func (x *executor) underIngressLock(ctx context.Context, part func(ctx context.Context, at stack.Target, others map[string][]string) error) error {
	at := x.d.Target
	at.Path = stack.IngressPath
	lock := node.Lock{Project: stack.IngressProject, Target: at, Owner: x.d.Owner, Run: x.d.Run, Wait: max(x.d.LockWait, ingressWait), Note: x.note}
	ctx, unlock, err := lock.Take(ctx, x.server)
	if err != nil {
		return err
	}
	defer unlock()
	others, _, err := node.Ingress(ctx, x.server.Members())
	if err != nil {
		return err
	}
	delete(others, x.d.Config.Project)
	return part(ctx, at, others)
}

// leaveIngress takes the project from the ingress.
func (x *executor) leaveIngress(ctx context.Context) (detail string, err error) {
	detail = "no route"
	return detail, x.underIngressLock(ctx, func(ctx context.Context, at stack.Target, others map[string][]string) error {
		err := x.server.Remove(ctx, at.At(stack.IngressDynamic, stack.IngressFile(x.d.Config.Project)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) || len(others) > 0 {
			return err
		}
		detail = "no project is left: it ends"
		return x.server.RemoveServices(ctx, stack.IngressProject, []string{stack.IngressService})
	})
}

// leadIngress leads the ingress to the project's edge, or to a copy of it, by its
// alias, and waits until the ingress itself says so.
func (x *executor) leadIngress(ctx context.Context, hosts []string, alias string) error {
	routes := func(node string) (stack.File, error) {
		return edge.IngressRoutes(x.d.Config.Project, alias, node, hosts)
	}
	return x.writeIngress(ctx, routes, hosts, func(ctx context.Context) error { return x.waitIngress(ctx, hosts, alias) })
}

// writeIngress writes the project's file on the ingress, on a cluster that of each node,
// and waits until that has read it.
func (x *executor) writeIngress(ctx context.Context, routes func(node string) (stack.File, error), hosts []string, live func(context.Context) error) error {
	project := x.d.Config.Project
	return x.underIngressLock(ctx, func(ctx context.Context, at stack.Target, others map[string][]string) error {
		if host, by := edge.Taken(others, project, hosts); by != "" {
			return fmt.Errorf("project %s has meanwhile got %s", by, host)
		}
		for _, m := range x.server.Members() {
			f, err := routes(m.Name)
			if err != nil {
				return err
			}
			f.Path = path.Join(stack.IngressDynamic, f.Path)
			for _, f := range append(edge.IngressFiles(), f) {
				if err := m.WriteFileVia(ctx, at.At(stack.TmpDir), at.At(f.Path), f.Content, f.Mode); err != nil {
					return err
				}
			}
		}
		if err := x.startIngress(ctx); err != nil {
			return err
		}
		return live(ctx)
	})
}

// ingressAPIs are the APIs of the ingress's Traefik: one, or with a cluster one for
// each edge node.
func (x *executor) ingressAPIs(ctx context.Context) ([]edgeOn, error) {
	at := func(address, node string) edgeOn {
		return edgeOn{edge.API{Address: net.JoinHostPort(address, strconv.Itoa(stack.IngressAPIPort)), Dial: x.server.DialContext}, node}
	}
	if !x.d.Target.Clustered() {
		return []edgeOn{at(stack.IngressAddress, "")}, nil
	}
	containers, err := x.server.Containers(ctx)
	if err != nil {
		return nil, err
	}
	var out []edgeOn
	for _, c := range containersOf(stack.Observed{Containers: containers}, stack.IngressProject, stack.IngressService) {
		if c.State == "running" && slices.Contains(x.seen.Edges, c.Node) {
			out = append(out, at(c.Addresses[stack.IngressProject], c.Node))
		}
	}
	if len(out) < len(x.seen.Edges) {
		return nil, fmt.Errorf("the ingress runs on %d of %d edge nodes", len(out), len(x.seen.Edges))
	}
	return out, nil
}

// now is what runs now, of all that is observed.
func (x *executor) now(ctx context.Context) (stack.Observed, error) {
	containers, err := x.server.Containers(ctx)
	return stack.Observed{Containers: containers, Edges: x.seen.Edges}, err
}

// startIngress makes the ingress run, of the image of the edge.
func (x *executor) startIngress(ctx context.Context) error {
	seen, err := x.now(ctx)
	if err != nil || ingressCause(seen) == "" {
		return err
	}
	if c := containersOf(seen, stack.IngressProject, stack.IngressService); !x.d.Target.Clustered() && len(c) > 0 && c[0].Health == "unhealthy" { // Compose leaves what runs as it is
		if err := x.server.Stop(ctx, stack.IngressProject, illGrace, stack.IngressService); err != nil {
			return err
		}
	}
	r := x.want.Release
	if !r.Shared() {
		r = x.old
	}
	image, err := edgeImage(r, x.d.Config.Traefik.Service)
	if err != nil {
		return err
	}
	compose, err := edge.IngressCompose(image, x.d.Target.Clustered())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, x.stretch(x.d.Config.Timeouts.Start))
	defer cancel()
	_, err = x.server.Up(ctx, stack.IngressProject, compose, nil, nil)
	return err
}

func (x *executor) waitIngress(ctx context.Context, hosts []string, alias string) error {
	ctx, cancel := context.WithTimeout(ctx, x.stretch(switchDeadline))
	defer cancel()
	project := x.d.Config.Project
	plain, tls := edge.IngressRules(hosts)
	return x.eachIngress(ctx, func(api edge.API, node string) error {
		return errors.Join(api.WaitRouters(ctx, "http", map[string]string{project: plain}, true),
			api.WaitRouters(ctx, "tcp", map[string]string{project: tls}, true),
			api.WaitPassing(ctx, project, net.JoinHostPort(stack.OnNode(alias, node), "443")))
	})
}

// eachIngress asks the ingress, on a cluster that of each edge node.
func (x *executor) eachIngress(ctx context.Context, ask func(api edge.API, node string) error) error {
	all, err := x.ingressAPIs(ctx)
	for _, one := range all {
		if failure := ask(one.API, one.node); failure != nil {
			err = errors.Join(err, fmt.Errorf("the ingress%s: %w", ofNode(one.node), failure))
		}
	}
	return err
}

// standbyEnds reports whether a copy of the edge serves, which may end now: the edge
// runs, and has the certificates of the release that comes.
func (x *executor) standbyEnds(ctx context.Context, comes stack.Release) (bool, error) {
	seen, err := x.now(ctx)
	if err != nil || !hasStandby(seen, x.d.Config.Project) {
		return false, err
	}
	for _, n := range edgeNodes(seen) {
		edge := onNodeOf(seen, x.d.Config.Project, x.d.Config.Traefik.Service, n)
		if !slices.ContainsFunc(edge, ready) {
			return false, fmt.Errorf("the edge%s does not run: its copy goes on serving", ofNode(n))
		}
		for _, c := range edge {
			x.waitCertified(ctx, c, comes.Edge.Certified())
		}
	}
	return true, nil
}
