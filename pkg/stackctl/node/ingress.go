package node

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// Ingress reads which hosts the server's ingress leads to each project; nil: its
// folder is not there. A file that cannot be read as one of its routes names none:
// the next deploy of that project writes it anew.
func Ingress(ctx context.Context, h Host) (map[string][]string, error) {
	dir := path.Join(stack.IngressPath, stack.IngressDynamic)
	entries, err := h.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, e := range entries {
		project, ours := strings.CutSuffix(e.Name(), path.Ext(stack.IngressFile("")))
		if !ours || !e.Mode().IsRegular() || e.Size() > 1<<20 {
			continue
		}
		raw, err := h.ReadFile(ctx, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		hosts, _ := edge.IngressHosts(stack.File{Path: e.Name(), Content: raw})
		out[project] = hosts
	}
	return out, nil
}
