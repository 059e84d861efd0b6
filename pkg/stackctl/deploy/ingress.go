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
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// webPorts are what the ingress publishes.
var webPorts = []stack.Port{{Published: "80", Protocol: "tcp"}, {Published: "443", Protocol: "tcp"}}

// checkIngress refuses a release that does not fit how the server's web ports are
// held, before anything is changed.
func checkIngress(r stack.Release, t stack.Target, seen stack.Observed) error {
	what := "serve " + strings.Join(r.Edge.Hosts(), ", ") + " on " + t.Host
	running := ingressCause(seen) == "" || slices.ContainsFunc(containersOf(seen, stack.IngressProject, stack.IngressService), active)
	switch host, by := edge.Taken(seen.Ingress, r.Project, r.Edge.Hosts()); {
	case !r.Shared() && running && publishesWeb(r):
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("the server's ingress has the ports, for %s; nothing was changed", projectsOf(seen.Ingress)),
			"write `shared: true` in the target, and deploy a release that is made so")
	case !r.Shared():
		return nil
	case seen.Ingress == nil:
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("the target is shared, and the folder of the server's ingress, %s, is not there; nothing was changed", stack.IngressPath),
			"run `stackctl provision`, which makes it")
	case by != "":
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("project %s of this server serves %s; nothing was changed", by, host), "give one of the two another host")
	case running:
		return nil
	}
	for _, c := range seen.Containers {
		if !active(c) || stack.Owns(c, r.Project) {
			continue
		}
		if port, held := meets(webPorts, c.Ports); held {
			return stack.Fault(stack.CauseStep, what, fmt.Errorf("%s holds port %s; nothing was changed", holder(c), port), wayOut(c))
		}
	}
	return nil
}

func publishesWeb(r stack.Release) bool {
	return slices.ContainsFunc(r.Services, func(s stack.Service) bool {
		_, does := meets(webPorts, s.Ports)
		return does && s.Deployed
	})
}

func projectsOf(ingress map[string][]string) string {
	if len(ingress) == 0 {
		return "projects of this server"
	}
	return "project " + strings.Join(sorted(ingress), ", project ")
}

// ingressCause returns why the server's ingress must be started; empty: it runs.
func ingressCause(seen stack.Observed) string {
	all := containersOf(seen, stack.IngressProject, stack.IngressService)
	if len(all) == 0 {
		return "it is not there"
	}
	c := all[0]
	switch version, _ := strconv.Atoi(c.Labels[stack.LabelIngress]); {
	case c.State != "running":
		return "it is " + c.State
	case c.Health == "unhealthy":
		return "it " + ill
	case version < edge.IngressVersion:
		return "a newer one comes with this stackctl"
	}
	return ""
}

// joinIngress leads the server's ingress to the release's hosts, beside those that
// the live one has: its own go when nobody is led there any more. An edge that
// holds the ports itself ends first.
func (p *planner) joinIngress() {
	if !p.r.Shared() {
		return
	}
	there, wanted := p.seen.Ingress[p.r.Project], p.r.Edge.Hosts()
	var causes []string
	if cause := ingressCause(p.seen); cause != "" {
		causes = append(causes, cause)
		if len(containersOf(p.seen, stack.IngressProject, stack.IngressService)) > 0 {
			p.plan.Notes = append(p.plan.Notes, "the server's ingress is started anew: every project behind it refuses connections for some seconds")
		}
	}
	if missing := without(wanted, there); len(missing) > 0 {
		causes = append(causes, "it leads nobody to "+strings.Join(missing, ", "))
	}
	if len(causes) == 0 {
		return
	}
	if names := p.holdsWeb(); len(names) > 0 {
		p.add(stack.Step{Kind: stack.StepStop, Subject: strings.Join(names, ", "), Services: names, Cause: "the server's ingress takes its ports"})
	}
	hosts := slices.Concat(there, wanted)
	slices.Sort(hosts)
	p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.r.Project, Hosts: slices.Compact(hosts), Cause: strings.Join(causes, "; ")})
}

// holdsWeb are the services of the project's base that publish the web ports now.
func (p *planner) holdsWeb() []string {
	names := map[string]bool{}
	for _, c := range p.seen.Containers {
		if _, held := meets(webPorts, c.Ports); held && c.Project == p.r.Project && stack.Owns(c, p.r.Project) && active(c) {
			names[c.Service] = true
		}
	}
	return sorted(names)
}

// narrowIngress takes from the ingress what the release has no route for.
func (p *planner) narrowIngress() {
	var wanted []string
	if p.r.Shared() {
		wanted = p.r.Edge.Hosts()
	}
	if gone := without(p.seen.Ingress[p.r.Project], wanted); len(gone) > 0 {
		p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.r.Project, Hosts: wanted, Cause: "the release has no route for " + strings.Join(gone, ", ")})
	}
}

// without are the strings of a list that are not in another.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// ingress leads the ingress back to the hosts that it led to when the run began.
// One that led nowhere goes, so that the edge has its ports again.
func (p *undoer) ingress() {
	before, now := p.Before.Ingress[p.Release.Project], p.Now.Ingress[p.Release.Project]
	if p.Old.ID == "" || !p.applied(stack.StepIngress, "") || !p.Blind && slices.Equal(before, now) {
		return
	}
	p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.Release.Project, Release: p.Old.ID, Hosts: before, Cause: "its routes were others when the run began"})
}

// ingressWait is how long another project's deploy is waited for that is at work on
// the ingress: it writes a file, or starts it.
const ingressWait = 2 * time.Minute

// ingress writes the project's routes on the ingress, and makes it run. One that
// has no project's routes any more ends.
func (x *executor) ingress(ctx context.Context, step stack.Step) (string, error) {
	at := x.d.Target
	at.Path = stack.IngressPath
	lock := node.Lock{Project: stack.IngressProject, Target: at, Owner: x.d.Owner, Run: x.d.Run, Wait: max(x.d.LockWait, ingressWait), Note: x.note}
	ctx, unlock, err := lock.Take(ctx, x.server)
	if err != nil {
		return "", err
	}
	defer unlock()
	detail, err := x.leadIngress(ctx, at, step.Hosts)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, "lead the server's ingress to "+x.d.Config.Project, err, "see what it logs: docker logs "+stack.IngressProject+"-"+stack.IngressService+"-1")
	}
	return detail, nil
}

// leadIngress does what ingress does, under the ingress's lock.
func (x *executor) leadIngress(ctx context.Context, at stack.Target, hosts []string) (string, error) {
	others, err := node.Ingress(ctx, x.server)
	if err != nil {
		return "", err
	}
	project := x.d.Config.Project
	delete(others, project)
	if host, by := edge.Taken(others, project, hosts); by != "" {
		return "", fmt.Errorf("project %s has meanwhile got %s", by, host)
	}
	file := path.Join(stack.IngressDynamic, stack.IngressFile(project))
	if len(hosts) == 0 {
		if err := x.server.Remove(ctx, at.At(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if len(others) > 0 {
			return "no route", nil
		}
		return "no project is left: it ends", x.server.RemoveServices(ctx, stack.IngressProject, []string{stack.IngressService})
	}
	routes, err := edge.IngressRoutes(project, hosts)
	if err != nil {
		return "", err
	}
	routes.Path = file
	for _, f := range append(edge.IngressFiles(), routes) {
		if err := x.server.WriteFileVia(ctx, at.At(stack.TmpDir), at.At(f.Path), f.Content, f.Mode); err != nil {
			return "", err
		}
	}
	if err := x.startIngress(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d hosts", len(hosts)), x.waitIngress(ctx, hosts)
}

// startIngress makes the ingress run, of the image of the edge.
func (x *executor) startIngress(ctx context.Context) error {
	containers, err := x.server.Containers(ctx)
	if err != nil || ingressCause(stack.Observed{Containers: containers}) == "" {
		return err
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

// waitIngress waits until the ingress itself says that it leads to the hosts.
func (x *executor) waitIngress(ctx context.Context, hosts []string) error {
	api := edge.API{Address: net.JoinHostPort(stack.IngressAddress, strconv.Itoa(stack.IngressAPIPort)), Dial: x.server.DialContext}
	ctx, cancel := context.WithTimeout(ctx, x.stretch(switchDeadline))
	defer cancel()
	plain, tls := edge.IngressRules(hosts)
	return errors.Join(api.WaitRouters(ctx, "http", map[string]string{x.d.Config.Project: plain}, true),
		api.WaitRouters(ctx, "tcp", map[string]string{x.d.Config.Project: tls}, true))
}
