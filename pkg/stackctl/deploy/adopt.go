package deploy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// apart moves the containers of the project that `docker compose` made out of
// what is observed: they are no part of what stackctl keeps there.
func apart(seen stack.Observed, project string) stack.Observed {
	var own []stack.Container
	for _, c := range seen.Containers {
		if stack.ByCompose(c, project) {
			c.Service = c.Labels[stack.ComposeService]
			seen.Adopted = append(seen.Adopted, c)
		} else {
			own = append(own, c)
		}
	}
	seen.Containers = own
	return seen
}

// measured returns adopted containers with what each has written into its own file
// system.
func measured(ctx context.Context, server node.Server, adopted []stack.Container) ([]stack.Container, error) {
	out := slices.Clone(adopted)
	for i := range out {
		var err error
		if out[i].Written, err = server.Written(ctx, out[i].ID); err != nil {
			return nil, stack.Fault(stack.CauseStep, "look at "+out[i].Name, err, "")
		}
	}
	return out, nil
}

// setAside sets aside those services of `docker compose` that have a container for
// which why returns a cause, and returns them; the others go on.
func (p *planner) setAside(why func(stack.Container) string) []string {
	found := map[string]bool{}
	var causes []string
	for _, c := range p.seen.Adopted {
		if c.Aside() && !c.Active() || p.aside[c.Service] {
			continue
		}
		if cause := why(c); cause != "" {
			found[c.Service] = true
			causes = append(causes, cause)
		}
	}
	if len(found) == 0 {
		return nil
	}
	maps.Copy(p.aside, found)
	services := sorted(found)
	slices.Sort(causes)
	p.add(stack.Step{Kind: stack.StepAdopt, Subject: strings.Join(services, ", "), Services: services, Cause: strings.Join(slices.Compact(causes), "; ")})
	return services
}

// clear sets aside what of `docker compose` would be in the way of services that
// are about to start.
func (p *planner) clear(services []string) {
	names := p.setAside(func(c stack.Container) string {
		held := c
		held.Layer = stack.LayerApp // Compose knows no layers
		for _, name := range services {
			s, _ := p.r.Service(name)
			if s.Layer != stack.LayerApp && c.Service == name {
				return "the release's " + name + " takes its place"
			}
			if !c.Active() && (s.ContainerName == "" || s.ContainerName != c.Name) {
				continue
			}
			if cause := clash(p.r, s, held); cause != "" {
				return name + " starts: " + cause
			}
		}
		return ""
	})
	if len(names) > 0 {
		p.plan.Notes = append(p.plan.Notes, strings.Join(names, ", ")+": stopped for what comes in its place; what needs it fails until that serves")
	}
}

// clearWeb sets aside what of `docker compose` holds the ports of the web.
func (p *planner) clearWeb() {
	p.setAside(func(c stack.Container) string {
		if port, held := meets(webPorts, c.Ports); held {
			return "it holds port " + port
		}
		return ""
	})
}

// adopting reports whether containers of `docker compose` serve until the release does.
func (p *planner) adopting() bool { return slices.ContainsFunc(p.seen.Adopted, stack.Container.Active) }

// adoptRest sets aside what is left of `docker compose`, once the edge leads to the
// release: nothing of it is needed any more, and its workers must not go on.
func (p *planner) adoptRest() {
	p.setAside(func(stack.Container) string { return "release " + p.r.ID + " serves" })
	p.plan.Notes = append(p.plan.Notes, leftBehind(p.r, p.seen.Adopted)...)
}

// discard removes what was set aside, once the release is good.
func (p *planner) discard() {
	if len(p.seen.Adopted) > 0 {
		p.add(stack.Step{Kind: stack.StepDiscard, Subject: adoptedSubject, Cause: "the release is in their place; volumes stay"})
	}
}

// adoptedSubject is what a step calls the containers that were set aside.
const adoptedSubject = "what `docker compose` started"

// adoption applies a step about containers of `docker compose`. The engine's errors
// say which one they are about.
func (x *executor) adoption(ctx context.Context, step stack.Step) (string, error) {
	project := x.want.Release.Project
	switch step.Kind {
	case stack.StepReinstate:
		return "as they were", x.server.Reinstate(ctx, project)
	case stack.StepDiscard:
		return "volumes stay", x.server.RemoveAside(ctx, project)
	}
	return "stopped; they start again if the release is not good", x.server.SetAside(ctx, project, step.Services...)
}

// reinstate ends an undo where `docker compose` had the site: what came in its
// place goes, and it has the site again.
func (p *undoer) reinstate() {
	waits := slices.ContainsFunc(p.Now.Adopted, stack.Container.Aside)
	if p.Blind {
		waits = p.applied(stack.StepAdopt, "")
	}
	if p.Old.ID != "" || !waits {
		return
	}
	if p.applied(stack.StepIngress, "") {
		p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.Release.Project, Hosts: p.Before.Ingress[p.Release.Project], Cause: "its routes were others when the run began"})
	}
	p.evict()
	p.add(stack.Step{Kind: stack.StepReinstate, Subject: adoptedSubject, Cause: "it served when the project was adopted"})
}

// evict removes every container of the project, those of runs that were cut off too.
func (p *undoer) evict() {
	releases, base := map[string]bool{}, map[string]bool{}
	for _, c := range p.Now.Containers {
		going := func(s stack.Step) bool { return s.Kind == stack.StepRemove && s.Release == c.Release }
		switch {
		case !stack.Owns(c, p.Release.Project):
		case c.Project == p.Release.Project:
			base[c.Service] = true
		case c.Release != "" && !slices.ContainsFunc(p.plan.Steps, going):
			releases[c.Release] = true
		}
	}
	for _, s := range p.Release.Services {
		if p.Blind && s.Layer != stack.LayerApp {
			base[s.Name] = true
		}
	}
	for _, id := range sorted(releases) {
		p.add(stack.Step{Kind: stack.StepRemove, Subject: "release " + id, Release: id, Cause: "its deploy was cut off"})
	}
	if names := sorted(base); len(names) > 0 {
		p.add(stack.Step{Kind: stack.StepRemove, Subject: strings.Join(names, ", "), Services: names, Cause: "those of `docker compose` come back; volumes stay"})
	}
}
