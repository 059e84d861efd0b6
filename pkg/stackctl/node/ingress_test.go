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

// The ingress of each node of a cluster leads to the edge of its node.
func TestAnIngressThatLeadsOtherwiseThanAnothersIsAstray(t *testing.T) {
	file := func(name, alias string, hosts ...string) node.Member {
		f, err := edge.IngressRoutes("shop", alias, name, hosts)
		if err != nil {
			t.Fatal(err)
		}
		return nodeOf(name, map[string]string{f.Path: string(f.Content)})
	}
	itself := stack.IngressAlias("shop")
	one := file("one", itself, "a.org", "b.org")
	for name, c := range map[string]struct {
		two    node.Member
		astray bool
	}{
		"alike":               {file("two", itself, "a.org", "b.org"), false},
		"a host is missing":   {file("two", itself, "a.org"), true},
		"it missed all":       {nodeOf("two", map[string]string{}), true},
		"at a copy":           {file("two", stack.StandbyAlias("shop"), "a.org", "b.org"), true},
		"one more host there": {file("two", itself, "a.org", "b.org", "c.org"), true},
	} {
		hosts, astray, err := node.Ingress(t.Context(), []node.Member{one, c.two})
		if err != nil || slices.Contains(astray, "shop") != c.astray || !slices.Contains(hosts["shop"], "b.org") {
			t.Errorf("%s: %v, astray %v, %v", name, hosts, astray, err)
		}
	}
	if hosts, _, err := node.Ingress(t.Context(), []node.Member{one, nodeOf("two", nil)}); hosts != nil || err != nil {
		t.Errorf("without a folder on a node: %v, %v", hosts, err)
	}
}

func nodeOf(name string, files map[string]string) node.Member {
	return node.Member{Name: name, Host: ingressFolder{files: files}}
}
