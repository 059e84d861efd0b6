package node

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// Ingress reads which hosts the server's ingress leads to each project (nil: its
// folder is not there), and for which projects it leads to a copy of the edge. A
// file that cannot be read as one of its routes names no host: the next deploy of
// that project writes it anew.
func Ingress(ctx context.Context, h Host) (hosts map[string][]string, astray []string, err error) {
	dir := path.Join(stack.IngressPath, stack.IngressDynamic)
	entries, err := h.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	hosts = map[string][]string{}
	for _, e := range entries {
		project, ours := strings.CutSuffix(e.Name(), stack.IngressFile(""))
		if !ours || !e.Mode().IsRegular() || e.Size() > 1<<20 {
			continue
		}
		raw, err := h.ReadFile(ctx, path.Join(dir, e.Name()))
		if err != nil {
			return nil, nil, err
		}
		hosts[project], _ = edge.IngressHosts(stack.File{Path: e.Name(), Content: raw})
		if bytes.Contains(raw, []byte(stack.StandbyAlias(project))) {
			astray = append(astray, project)
		}
	}
	return hosts, astray, nil
}
