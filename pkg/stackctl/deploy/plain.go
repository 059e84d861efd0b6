package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// A server that becomes the first node of a cluster still runs the site as one server
// does. Its containers hold the ports and the data that the cluster's need.

// checkPlain refuses a cluster of which a node runs the project as one server does, or has
// the ingress of one server.
func checkPlain(project string, t stack.Target, seen stack.Observed) error {
	if !t.Clustered() {
		return nil
	}
	what := "deploy project " + project + " to the nodes of " + t.Name
	if i := slices.IndexFunc(seen.Containers, func(c stack.Container) bool { return c.Plain(project) }); i >= 0 {
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("%s runs it as one server does, and its containers hold the ports and the data that the cluster's need; nothing was changed", seen.Containers[i].Node),
			"`stackctl node clear` takes a backup and removes them, volumes stay, and the next deploy goes on with these: the site is away in between (docs/cluster.md)")
	}
	i := slices.IndexFunc(seen.Containers, stack.Container.PlainIngress)
	if i < 0 {
		return nil
	}
	at := seen.Containers[i].Node
	others := stack.BehindPlainIngress(seen.Containers, at)
	if len(others) == 0 {
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("%s has the ingress of one server, which leads to no project any more and holds the ports; nothing was changed", at), "remove its container on "+at+": "+seen.Containers[i].Name)
	}
	return stack.Fault(stack.CauseUsage, what, fmt.Errorf("%s has the ingress of one server, which leads to %s and holds the ports; nothing was changed", at, strings.Join(others, ", ")),
		"`stackctl node clear` for each of these projects as well; then deploy all of them")
}

// Clear takes a backup of everything, and removes what runs of the project as on one
// server; its volumes stay where they are. What the next deploy would refuse is refused
// first: the site would be away for good.
func (d *Deployer) Clear(ctx context.Context) (stack.Report, error) {
	s := d.begin("clear")
	want, err := s.frozen(ctx)
	if err != nil {
		return s.end(ctx, err)
	}
	places, err := d.found(ctx)
	if err != nil {
		return s.end(ctx, err)
	}
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		m, is := server.(Mover)
		if !is || !slices.ContainsFunc(seen.Containers, func(c stack.Container) bool { return c.Plain(d.Config.Project) }) {
			return stack.Fault(stack.CauseUsage, "clear the nodes of "+d.Target.Name, errors.New("none of them runs the project as one server does"), "there is nothing to do: `stackctl deploy`")
		}
		if why, err := backup.Ready(d.Config.Backup); len(places) > 0 && (err != nil || why != "") {
			return errors.Join(err, stack.Fault(stack.CauseUsage, "back up what the nodes of "+d.Target.Name+" keep", errors.New(why), "make a key with `stackctl backup keygen`"))
		}
		if _, err := placement(ctx, server, want.Release); err != nil {
			return err
		}
		err := s.phase("backup", func() (string, error) {
			if err := m.StartStores(ctx, d.Config.Project); err != nil {
				return "", err
			}
			return s.takeBackups(ctx, d.backups(server, places, s.hostNow, s.bytes("backup")), backup.Reason{Cause: "before one server becomes several", Release: seen.Live})
		})
		if err != nil {
			return s.unlessStopped(ctx, err)
		}
		return s.phase("clear", func() (string, error) {
			gone, err := m.RemovePlain(ctx, d.Config.Project)
			return strings.Join(gone, ", ") + " are removed; volumes stay, and the site is away until the next deploy", err
		})
	}))
}
