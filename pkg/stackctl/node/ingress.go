package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// Ingress reads which hosts the server's ingress leads to each project (nil: its
// folder is not there), and for which projects it leads to a copy of the edge, or on
// one host of the server otherwise than on another; both are sorted. A file that
// cannot be read as one of its routes names no host: the next deploy of that project
// writes it anew.
func Ingress(ctx context.Context, members []Member) (hosts map[string][]string, astray []string, err error) {
	hosts = map[string][]string{}
	all := make([]map[string]led, len(members))
	for i, m := range members {
		if all[i], err = ingressFiles(ctx, m); err != nil && m.Name != "" {
			err = fmt.Errorf("on %s: %w", m.Name, err)
		}
		if err != nil || all[i] == nil {
			return nil, nil, err
		}
	}
	for i, files := range all {
		for project, f := range files {
			hosts[project] = append(hosts[project], f.hosts...)
			otherwise := func(theirs map[string]led) bool { return !slices.Equal(theirs[project].hosts, f.hosts) }
			if bytes.Contains(f.raw, []byte(stack.OnNode(stack.StandbyAlias(project), members[i].Name))) || slices.ContainsFunc(all, otherwise) {
				astray = append(astray, project)
			}
		}
	}
	for project, list := range hosts {
		slices.Sort(list)
		hosts[project] = slices.Compact(list)
	}
	slices.Sort(astray)
	return hosts, slices.Compact(astray), nil
}

// led is a project's file on an ingress, and the hosts that it names.
type led struct {
	raw   []byte
	hosts []string
}

// ingressFiles are the files of the projects on the ingress of one host; nil: their
// folder is not there.
func ingressFiles(ctx context.Context, h Host) (map[string]led, error) {
	dir := path.Join(stack.IngressPath, stack.IngressDynamic)
	entries, err := h.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string]led{}
	for _, e := range entries {
		project, ours := strings.CutSuffix(e.Name(), stack.IngressFile(""))
		if !ours || !e.Mode().IsRegular() || e.Size() > 1<<20 {
			continue
		}
		raw, err := h.ReadFile(ctx, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		names, _ := edge.IngressHosts(stack.File{Path: e.Name(), Content: raw})
		out[project] = led{raw, names}
	}
	return out, nil
}
