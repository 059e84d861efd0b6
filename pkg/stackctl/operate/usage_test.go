package operate

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

func TestEachNodeIsToldByItself(t *testing.T) {
	target := stack.Target{Path: "/srv/shop", Host: "203.0.113.7", Nodes: []stack.Node{{Name: "one", Host: "203.0.113.7", Labels: []string{"data"}}, {Name: "two", Host: "203.0.113.8"}}}
	const gb = 1 << 30
	seen := stack.HostFacts{Nodes: []stack.HostFacts{
		{Node: "one", MemoryBytes: 4, FreeMemory: 3, DockerRoot: "/docker", DiskBytes: 20 * gb, FreeBytes: 10 * gb, FreeFiles: -1, DockerBytes: 20 * gb, DockerFree: gb, DockerFiles: -1},
		{Node: "two", MemoryBytes: 8, DiskBytes: 40 * gb, FreeBytes: 25 * gb, FreeFiles: 9999, DockerBytes: -1, DockerFree: -1, DockerFiles: -1},
	}}
	mine := []stack.Container{{Node: "one", State: "running"}, {Node: "one", State: "exited"}, {Node: "two", State: "running"}, {Node: "two", State: "running"}}
	got := hostsOf(target, seen, mine, []stack.DiskUse{{Node: "two", Images: 7, Volumes: 5}})
	one := Host{Node: "one", Address: "203.0.113.7", Labels: []string{"data"}, Disk: stack.DiskUse{Total: 20 * gb, Free: 10 * gb, Images: -1, Volumes: -1, Files: -1}, Memory: 4, FreeMemory: 3, Running: 1, NearlyFull: "1024 MB of 20480 MB are free in /docker"}
	two := Host{Node: "two", Address: "203.0.113.8", Disk: stack.DiskUse{Total: 40 * gb, Free: 25 * gb, Images: 7, Volumes: 5, Files: -1}, Memory: 8, Running: 2, NearlyFull: "9999 more files fit in /srv/shop"}
	for i, want := range []Host{one, two} {
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("%+v\nnot\n%+v", got[i], want)
		}
	}
	if sum := sumOf(got); sum != (stack.DiskUse{Total: 60 * gb, Free: 35 * gb, Images: -1, Volumes: -1, Files: -1}) {
		t.Errorf("together %+v", sum)
	}
}

func TestADiskIsNearlyFullByItsLastTenth(t *testing.T) {
	const gb = 1 << 30
	for _, c := range []struct {
		total, free int64
		told        bool
	}{{20 * gb, 2 * gb, false}, {20 * gb, 2*gb - 1, true}, {500 * gb, 10 * gb, false}, {500 * gb, 10*gb - 1, true}, {-1, 0, false}, {20 * gb, -1, false}, {20 * gb, 0, true}} {
		seen := stack.HostFacts{DiskBytes: c.total, FreeBytes: c.free, FreeFiles: -1, DockerBytes: -1, DockerFree: -1, DockerFiles: -1}
		if got := hostsOf(stack.Target{Path: "/srv"}, seen, nil, nil)[0].NearlyFull; (got != "") != c.told {
			t.Errorf("%d of %d: %q", c.free, c.total, got)
		}
	}
}

// asked is a server that keeps what its disk was asked for.
type asked struct {
	node.Server
	volumes *[]string
}

func (asked) Members() []node.Member { return nil }

func (a asked) Usage(_ context.Context, _ string, _, volumes []string) ([]stack.DiskUse, error) {
	*a.volumes = volumes
	return nil, nil
}

// A Swarm's volumes have no label of Compose: they counted for nothing.
func TestVolumesAreKnownByTheContainersThatWriteToThem(t *testing.T) {
	var volumes []string
	seen := stack.Observed{Containers: []stack.Container{
		{Project: "shop", Labels: map[string]string{stack.LabelProject: "shop"}, Writes: []string{"shop_pg"}},
		{Project: "other", Labels: map[string]string{stack.LabelProject: "other"}, Writes: []string{"other_pg"}},
	}}
	hosts(t.Context(), asked{volumes: &volumes}, stack.Config{Project: "shop"}, stack.Target{}, seen)
	if !slices.Equal(volumes, []string{"shop_pg"}) {
		t.Errorf("asked for %v", volumes)
	}
}
