package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// pair is a cluster of two hosts, each of which answers for itself.
type pair struct {
	Server
	hosts []Member
}

func (p pair) Members() []Member { return p.hosts }

func (p pair) Facts(context.Context) (stack.HostFacts, error) {
	return stack.HostFacts{Node: "one", MemoryBytes: 12, Nodes: []stack.HostFacts{{Node: "one", DockerRoot: "/docker"}, {Node: "two"}}}, nil
}

// answering is a host that answers by the folder or the script that it is asked about.
type answering struct {
	Host
	room, memory, options string

	lock  sync.Mutex
	asked []string
}

func (a *answering) Run(_ context.Context, argv ...string) (stack.Output, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	line := strings.Join(argv, " ")
	a.asked = append(a.asked, line)
	switch {
	case strings.Contains(line, "meminfo"):
		return stack.Output{Stdout: []byte(a.memory)}, nil
	case argv[0] == "findmnt":
		return stack.Output{Stdout: []byte(a.options)}, nil
	case a.room == "":
		return stack.Output{}, errors.New("no answer")
	}
	return stack.Output{Stdout: []byte(a.room)}, nil
}

func twoHosts() (pair, *answering, *answering) {
	one := &answering{room: "900 10 700 1000\n800 10 600 2000\n", memory: "MemAvailable: 5 kB\n", options: "rw,relatime\n"}
	two := &answering{room: "90 10 7000 100\n8000 0 0 9000\n", memory: "MemAvailable: 6 kB\n", options: "rw\n"}
	return pair{hosts: []Member{{Name: "one", Host: one}, {Name: "two", Host: two}}}, one, two
}

func TestEachNodeIsMeasured(t *testing.T) {
	p, one, two := twoHosts()
	target := stack.Target{Path: "/srv/shop", Nodes: []stack.Node{{Name: "one"}, {Name: "two"}}}
	got, err := Facts(t.Context(), p, target)
	if err != nil {
		t.Fatal(err)
	}
	if got.FreeBytes != 90 || got.FreeFiles != 700 || got.DockerFree != 800 || got.DockerFiles != -1 || got.FreeMemory != 11<<10 || got.MemoryBytes != 12 {
		t.Errorf("together %+v", got)
	}
	if n := got.Nodes[1]; n.Node != "two" || n.FreeBytes != 90 || n.DiskBytes != 100 || n.DockerBytes != 9000 || n.FreeMemory != 6<<10 {
		t.Errorf("the second %+v", n)
	}
	if !slices.ContainsFunc(one.asked, func(line string) bool { return strings.HasSuffix(line, "/srv/shop /docker") }) {
		t.Errorf("asked %q", one.asked)
	}
	disks, err := DisksNow(t.Context(), p, target, got)
	if err != nil || len(disks) != 4 || disks[2].Bytes != 90 || disks[2].Node != "two" || disks[2].Where != "in the project's folder on two" {
		t.Errorf("%+v, %v", disks, err)
	}
	two.room = ""
	if _, err := Facts(t.Context(), p, target); err == nil || !strings.Contains(err.Error(), "on two: no answer") {
		t.Error(err)
	}
}

func TestTheReserveIsOnEachNode(t *testing.T) {
	p, one, two := twoHosts()
	if err := Reserve(t.Context(), p, stack.Target{Path: "/srv/shop"}); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*answering{one, two} {
		if len(h.asked) != 1 || !strings.Contains(h.asked[0], "/srv/shop/tmp/reserve") {
			t.Errorf("asked %q", h.asked)
		}
	}
	two.room = ""
	if err := Reserve(t.Context(), p, stack.Target{Path: "/srv/shop"}); err == nil || !strings.Contains(err.Error(), "reserve room for the way back on two: no answer") {
		t.Error(err)
	}
}

func TestADiskThatIsReadOnlyIsNamed(t *testing.T) {
	p, _, two := twoHosts()
	if at := ReadOnly(t.Context(), p, stack.Target{Path: "/srv/shop"}); at != "" {
		t.Errorf("%q takes no writes", at)
	}
	two.options = "rw\nro,relatime\n"
	if at := ReadOnly(t.Context(), p, stack.Target{Path: "/srv/shop"}); at != "two" {
		t.Errorf("%q takes no writes", at)
	}
}
