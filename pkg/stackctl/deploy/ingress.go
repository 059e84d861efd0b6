package deploy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// webPorts are what the ingress publishes.
var webPorts = []stack.Port{{Published: "80", Protocol: "tcp"}, {Published: "443", Protocol: "tcp"}}

// checkIngress refuses a release that does not fit how the server's web ports are
// held, before anything is changed.
func checkIngress(r stack.Release, t stack.Target, seen stack.Observed) error {
	what := "serve " + strings.Join(r.Edge.Hosts(), ", ") + " on " + t.Where()
	running := slices.ContainsFunc(containersOf(seen, stack.IngressProject, stack.IngressService), stack.Container.Active)
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
	}
	for _, c := range seen.Containers {
		if !c.Active() || stack.Owns(c, r.Project) || stack.Owns(c, stack.IngressProject) || !slices.Contains(edgeNodes(seen), c.Node) {
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

// ingressCause returns why the server's ingress must be started, on a cluster that of
// an edge node; empty: it runs.
func ingressCause(seen stack.Observed) string {
	for _, node := range edgeNodes(seen) {
		if cause := ingressCauseOn(seen, node); cause != "" && node != "" {
			return "on " + node + " " + cause
		} else if cause != "" {
			return cause
		}
	}
	return ""
}

// ingressStarts reports whether an ingress that is there is started anew.
func ingressStarts(seen stack.Observed) bool {
	return slices.ContainsFunc(edgeNodes(seen), func(node string) bool {
		return ingressCauseOn(seen, node) != "" && len(onNodeOf(seen, stack.IngressProject, stack.IngressService, node)) > 0
	})
}

func ingressCauseOn(seen stack.Observed, node string) string {
	all := onNodeOf(seen, stack.IngressProject, stack.IngressService, node)
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
// holds the ports itself ends first. Where a run that was cut off left a copy of the
// edge, that serves until the edge runs, and endStandby leads to all hosts then.
func (p *planner) joinIngress() {
	if !p.r.Shared() || hasStandby(p.seen, p.r.Project) {
		return
	}
	there, wanted := p.seen.Ingress[p.r.Project], p.r.Edge.Hosts()
	var causes []string
	if cause := ingressCause(p.seen); cause != "" {
		causes = append(causes, cause)
		if ingressStarts(p.seen) {
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
	p.clearWeb()
	p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.r.Project, Hosts: p.ledTo(), Cause: strings.Join(causes, "; ")})
}

// relieves reports whether a copy of the edge can serve while that is replaced: the
// ingress leads there, and what it leads to serves.
func (p *planner) relieves() bool {
	return p.r.Shared() && p.seen.Live != "" && ingressCause(p.seen) == "" && len(p.seen.Ingress[p.r.Project]) > 0 && len(p.holdsWeb()) == 0 &&
		slices.ContainsFunc(containersOf(p.seen, p.r.Project, p.edgeName()), ready)
}

func (p *planner) edgeName() string {
	for _, s := range p.r.Services {
		if s.Layer == stack.LayerEdge && s.Deployed {
			return s.Name
		}
	}
	return ""
}

// endStandby leads the ingress to the edge again, where a copy of it serves: one of
// this run, or one that a run left which was cut off.
func (p *planner) endStandby() {
	cause := ""
	if slices.ContainsFunc(p.plan.Steps, func(s stack.Step) bool { return s.Kind == stack.StepStandby }) {
		cause = "the edge is replaced, its copy goes"
	} else if hasStandby(p.seen, p.r.Project) || slices.Contains(p.seen.Astray, p.r.Project) {
		cause = "a run that was cut off left it at a copy of the edge"
		if len(p.seen.Edges) > 0 {
			cause += ", or a node that was away missed where it leads"
		}
	}
	if cause != "" && p.r.Shared() {
		p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.r.Project, Hosts: p.ledTo(), Cause: cause})
	}
}

func hasStandby(seen stack.Observed, project string) bool {
	return slices.ContainsFunc(seen.Containers, func(c stack.Container) bool { return c.Project == stack.StandbyProject(project) })
}

// ledTo are the hosts of the live release and of the one that comes.
func (p *planner) ledTo() []string {
	hosts := slices.Concat(p.seen.Ingress[p.r.Project], p.r.Edge.Hosts())
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// holdsWeb are the services of the project's base that publish the web ports now.
func (p *planner) holdsWeb() []string {
	names := map[string]bool{}
	for _, c := range p.seen.Containers {
		if _, held := meets(webPorts, c.Ports); held && c.Project == p.r.Project && stack.Owns(c, p.r.Project) && c.Active() {
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
	if p.applied(stack.StepStandby, "") || p.Old.ID == "" || !p.applied(stack.StepIngress, "") || !p.Blind && slices.Equal(before, now) {
		return
	}
	p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.Release.Project, Release: p.Old.ID, Hosts: before, Cause: "its routes were others when the run began"})
}

// relieve has a copy of the old release's edge serve while that one comes back in
// the place of another.
func (p *undoer) relieve(names []string) {
	serves := slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(containersOf(p.Now, p.Release.Project, name), ready)
	})
	if serves && !p.Blind && p.Old.Shared() && p.Release.Shared() && ingressCause(p.Now) == "" && !hasStandby(p.Now, p.Release.Project) {
		p.add(stack.Step{Kind: stack.StepStandby, Subject: "of " + strings.Join(names, ", "), Services: names, Release: p.Old.ID, Cause: "it serves while the edge is replaced"})
	}
}

// endStandby leads the ingress to the edge again, where a copy of it may serve.
func (p *undoer) endStandby() {
	planned := slices.ContainsFunc(p.plan.Steps, func(s stack.Step) bool { return s.Kind == stack.StepStandby })
	if planned || p.applied(stack.StepStandby, "") {
		p.add(stack.Step{Kind: stack.StepIngress, Subject: "to " + p.Release.Project, Release: p.Old.ID, Hosts: p.Before.Ingress[p.Release.Project], Cause: "the copy of the edge goes"})
	}
}
