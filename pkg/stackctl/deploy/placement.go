package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// place finds where the containers of a release are to run, and whether the nodes reach
// each other.
func (x *executor) place(ctx context.Context, want *Wanted) (err error) {
	if want.Slots, err = placement(ctx, x.server, want.Release); err != nil {
		return err
	}
	for _, n := range x.d.Target.Labelled(stack.NodeData) {
		want.DataNodes = append(want.DataNodes, n.Name)
	}
	return x.checkLinks(ctx)
}

// placement returns where a release's containers are to run, those of its base first.
func placement(ctx context.Context, server node.Server, r stack.Release) ([]stack.Slot, error) {
	base, err := server.Placement(ctx, r.Project, r.Base)
	if err != nil {
		return nil, err
	}
	app, err := server.Placement(ctx, r.AppProject(), r.App)
	if err != nil {
		return nil, err
	}
	slots := append(base, app...)
	return slots, checkNodePorts(r, slots)
}

// checkNodePorts returns an error where two services of a release publish the same port
// of a node: the Swarm would start one of them nowhere.
func checkNodePorts(r stack.Release, slots []stack.Slot) error {
	taken := map[string]stack.Slot{}
	for _, s := range slots {
		svc, _ := r.Service(s.Service)
		for _, p := range svc.Ports {
			for _, n := range s.Nodes {
				at := fmt.Sprintf("port %s/%s of %s", p.Published, p.Protocol, n)
				other, is := taken[at]
				if is && (other.Service != s.Service || other.N != s.N) {
					return stack.Usage(svc.File, svc.Line, fmt.Sprintf("%s-%d and %s-%d would both publish %s; nothing was changed", other.Service, other.N, s.Service, s.N, at), "publish one of them at another port, or behind the edge (routes)")
				}
				taken[at] = s
			}
		}
	}
	return nil
}

// checkLinks returns an error where packets between the nodes of a cluster get lost. The
// way back stays open.
func (x *executor) checkLinks(ctx context.Context) error {
	what := "measure the links between the nodes"
	narrow, err := x.server.Narrow(ctx, x.want.Release.Project)
	switch {
	case err != nil:
		return stack.Fault(stack.CauseStep, what, err, "")
	case len(narrow) == 0:
	case x.report.Verb == "rollback":
		for _, one := range narrow {
			x.note(one)
		}
	default:
		return stack.Fault(stack.CauseStep, what, errors.New(strings.Join(narrow, "; ")+"; nothing was changed"),
			"let packets of that size pass between the nodes; or remove the services and networks of the project, which stops it, and deploy again: its networks are then made for what passes")
	}
	return nil
}
