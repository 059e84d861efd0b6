package node_test

import (
	"context"
	"io/fs"
	"slices"
	"testing"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// ingressFolder is a host of which only the ingress's files are read.
type ingressFolder struct {
	node.Host
	files map[string]string
}

type entry struct {
	fs.FileInfo
	name string
	size int
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return int64(e.size) }
func (e entry) Mode() fs.FileMode  { return 0o644 }
func (e entry) ModTime() time.Time { return time.Time{} }

func (f ingressFolder) List(context.Context, string) ([]fs.FileInfo, error) {
	if f.files == nil {
		return nil, fs.ErrNotExist
	}
	var out []fs.FileInfo
	for name, text := range f.files {
		out = append(out, entry{name: name, size: len(text)})
	}
	return out, nil
}

func (f ingressFolder) ReadFile(_ context.Context, name string) ([]byte, error) {
	return []byte(f.files[name[len(stack.IngressPath+"/"+stack.IngressDynamic+"/"):]]), nil
}

func TestTheIngressNamesTheHostsOfEachProject(t *testing.T) {
	files := map[string]string{"stackctl.yaml": "http: {}", "broken.yml": "http: [", ".shop.yml.tmp": "x"}
	for project, alias := range map[string]string{"shop": stack.IngressAlias("shop"), "notes": stack.StandbyAlias("notes")} {
		f, err := edge.IngressRoutes(project, alias, "", []string{project + ".org", "www." + project + ".org"})
		if err != nil {
			t.Fatal(err)
		}
		files[f.Path] = string(f.Content)
	}
	hosts, astray, err := node.Ingress(t.Context(), []node.Member{{Host: ingressFolder{files: files}}})
	if err != nil || len(hosts) != 3 || !slices.Equal(hosts["shop"], []string{"shop.org", "www.shop.org"}) || len(hosts["broken"]) != 0 || !slices.Equal(astray, []string{"notes"}) {
		t.Errorf("%v, astray %v, %v", hosts, astray, err)
	}
	if hosts, _, err := node.Ingress(t.Context(), []node.Member{{Host: ingressFolder{}}}); hosts != nil || err != nil {
		t.Errorf("without a folder: %v, %v", hosts, err)
	}
}
