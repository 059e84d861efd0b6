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
	return stack.Fault(stack.CauseStep, "lead the server's ingress to "+project, err, advice(err, "see what it logs: docker logs "+stack.IngressProject+"-"+stack.IngressService+"-1"))
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
	others, _, err := node.Ingress(ctx, x.server)
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
	project := x.d.Config.Project
	routes, err := edge.IngressRoutes(project, alias, hosts)
	if err != nil {
		return err
	}
	return x.writeIngress(ctx, routes, hosts, func(ctx context.Context) error { return x.waitIngress(ctx, hosts, alias) })
}

// writeIngress writes the project's file on the ingress and waits until that has read it.
func (x *executor) writeIngress(ctx context.Context, routes stack.File, hosts []string, live func(context.Context) error) error {
	project := x.d.Config.Project
	routes.Path = path.Join(stack.IngressDynamic, routes.Path)
	return x.underIngressLock(ctx, func(ctx context.Context, at stack.Target, others map[string][]string) error {
		if host, by := edge.Taken(others, project, hosts); by != "" {
			return fmt.Errorf("project %s has meanwhile got %s", by, host)
		}
		for _, f := range append(edge.IngressFiles(), routes) {
			if err := x.server.WriteFileVia(ctx, at.At(stack.TmpDir), at.At(f.Path), f.Content, f.Mode); err != nil {
				return err
			}
		}
		if err := x.startIngress(ctx); err != nil {
			return err
		}
		return live(ctx)
	})
}

// ingressAPI is the API of the ingress's Traefik.
func (x *executor) ingressAPI() edge.API {
	return edge.API{Address: net.JoinHostPort(stack.IngressAddress, strconv.Itoa(stack.IngressAPIPort)), Dial: x.server.DialContext}
}

// startIngress makes the ingress run, of the image of the edge.
func (x *executor) startIngress(ctx context.Context) error {
	containers, err := x.server.Containers(ctx)
	seen := stack.Observed{Containers: containers}
	if err != nil || ingressCause(seen) == "" {
		return err
	}
	if c := containersOf(seen, stack.IngressProject, stack.IngressService); len(c) > 0 && c[0].Health == "unhealthy" { // Compose leaves what runs as it is
		if err := x.server.Stop(ctx, stack.IngressProject, illGrace, stack.IngressService); err != nil {
			return err
		}
	}
	r := x.want.Release
	if !r.Shared() {
		r = x.old
	}
	service, _ := r.Service(x.d.Config.Traefik.Service)
	compose, err := edge.IngressCompose(service.Image)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, x.stretch(x.d.Config.Timeouts.Start))
	defer cancel()
	_, err = x.server.Up(ctx, stack.IngressProject, compose, nil, nil)
	return err
}

func (x *executor) waitIngress(ctx context.Context, hosts []string, alias string) error {
	api := x.ingressAPI()
	ctx, cancel := context.WithTimeout(ctx, x.stretch(switchDeadline))
	defer cancel()
	project := x.d.Config.Project
	plain, tls := edge.IngressRules(hosts)
	return errors.Join(api.WaitRouters(ctx, "http", map[string]string{project: plain}, true),
		api.WaitRouters(ctx, "tcp", map[string]string{project: tls}, true),
		api.WaitPassing(ctx, project, net.JoinHostPort(alias, "443")))
}

// standbyEnds reports whether a copy of the edge serves, which may end now: the edge
// runs, and has the certificates of the release that comes.
func (x *executor) standbyEnds(ctx context.Context, comes stack.Release) (bool, error) {
	containers, err := x.server.Containers(ctx)
	if seen := (stack.Observed{Containers: containers}); err != nil || !hasStandby(seen, x.d.Config.Project) {
		return false, err
	} else if !slices.ContainsFunc(containersOf(seen, x.d.Config.Project, x.d.Config.Traefik.Service), ready) {
		return false, errors.New("the edge does not run: its copy goes on serving")
	}
	x.waitCertified(ctx, containers, comes.Edge.Certified())
	return true, nil
}
