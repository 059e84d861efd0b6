package backup

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// other is a second host: what it is told of the folder of copies is in one of its own.
type other struct {
	*cluster
	from, to string
}

func (o other) moved(argv []string) []string {
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = strings.Replace(a, o.from, o.to, 1)
	}
	return out
}

func (o other) Run(ctx context.Context, argv ...string) (stack.Output, error) {
	return o.cluster.Run(ctx, o.moved(argv)...)
}

func (o other) Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error) {
	return o.cluster.Attach(ctx, stdin, stdout, stderr, o.moved(argv)...)
}

// On a cluster the loss of one node loses no backup, and a copy that one node has
// truncated is read from the other.
func TestTwoNodesKeepABackup(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	root := b.Root
	at := func(name string) Host {
		return Host{name, other{c, root, filepath.Join(filepath.Dir(root), name)}}
	}
	one, two, three := at("node1"), at("node2"), at("node3")
	b.Hosts = []Host{one, two, three}
	r, err := b.Take(t.Context(), b.Places[0], Reason{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Where != "node1 and node2" {
		t.Errorf("it is kept on %s", r.Where)
	}
	kept := func(name string) string {
		return filepath.Join(filepath.Dir(root), name, "backups", r.Name+dataEnding)
	}
	for name, want := range map[string]bool{"node1": true, "node2": true, "node3": false} {
		if _, err := os.Stat(kept(name)); (err == nil) != want {
			t.Errorf("%s has it: %v", name, err)
		}
	}
	if err := os.RemoveAll(b.Config.Dir); err != nil { // the operator's copy
		t.Fatal(err)
	}
	if err := os.Truncate(kept("node1"), 10); err != nil {
		t.Fatal(err)
	}
	for _, hosts := range [][]Host{{one, two, three}, {two, three}} {
		b.Hosts = hosts
		o, err := b.Open(t.Context(), "latest")
		if err != nil {
			t.Fatalf("%d nodes answer: %v", len(hosts), err)
		}
		o.Close()
	}
	b.Hosts, b.Config.Keep = []Host{one, two, three}, 1
	if _, err := b.Take(t.Context(), b.Places[0], Reason{}); err != nil {
		t.Fatal(err)
	}
	if gone, err := b.Prune(t.Context()); err != nil || len(gone) != 1 || gone[0] != r.Name {
		t.Errorf("%v %v", gone, err)
	}
	for _, name := range []string{"node1", "node2"} {
		if _, err := os.Stat(kept(name)); err == nil {
			t.Errorf("%s still has the one that was pruned", name)
		}
	}
}
