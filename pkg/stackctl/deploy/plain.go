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

// checkPlain refuses a cluster of which a node runs the project as one server does.
func checkPlain(project string, t stack.Target, seen stack.Observed) error {
	i := slices.IndexFunc(seen.Containers, func(c stack.Container) bool { return t.Clustered() && c.Plain(project) })
	if i < 0 {
		return nil
	}
	return stack.Fault(stack.CauseUsage, "deploy project "+project+" to the nodes of "+t.Name, fmt.Errorf("%s runs it as one server does, and its containers hold the ports and the data that the cluster's need; nothing was changed", seen.Containers[i].Node),
		"`stackctl node clear` takes a backup and removes them, volumes stay, and the next deploy goes on with these: the site is away in between (docs/cluster.md)")
}

// Clear takes a backup of everything, and removes what runs of the project as on one
// server; its volumes stay where they are.
func (d *Deployer) Clear(ctx context.Context) (stack.Report, error) {
	s := d.begin("clear")
	places, err := d.found(ctx)
	if err != nil {
		return s.end(ctx, err)
	}
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		m, is := server.(mover)
		if !is || !slices.ContainsFunc(seen.Containers, func(c stack.Container) bool { return c.Plain(d.Config.Project) }) {
			return stack.Fault(stack.CauseUsage, "clear the nodes of "+d.Target.Name, errors.New("none of them runs the project as one server does"), "there is nothing to do: `stackctl deploy`")
		}
		if why, err := backup.Ready(d.Config.Backup); len(places) > 0 && (err != nil || why != "") {
			return errors.Join(err, stack.Fault(stack.CauseUsage, "back up what the nodes of "+d.Target.Name+" keep", errors.New(why), "make a key with `stackctl backup keygen`"))
		}
		err := s.phase("backup", func() (string, error) {
			if err := m.Rouse(ctx, d.Config.Project); err != nil {
				return "", err
			}
			return s.takeBackups(ctx, d.backups(server, places, s.hostNow, s.bytes("backup")), backup.Reason{Cause: "before one server becomes several", Release: seen.Live})
		})
		if err != nil {
			return s.unlessStopped(ctx, err)
		}
		return s.phase("clear", func() (string, error) {
			gone, err := m.Clear(ctx, d.Config.Project)
			return strings.Join(gone, ", ") + " are removed; volumes stay, and the site is away until the next deploy", err
		})
	}))
}
