package swarm

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/stack"
)

func TestNodesOfOneArchitectureAddUp(t *testing.T) {
	all := []stack.HostFacts{{Arch: "amd64", CPUs: 2, MemoryBytes: 3, FreeBytes: 7}, {Arch: "amd64", CPUs: 4, MemoryBytes: 5, FreeBytes: 9}}
	if sum, other := together(all, 1); other != -1 || sum.CPUs != 6 || sum.MemoryBytes != 8 || sum.FreeBytes != 9 {
		t.Errorf("%+v %d", sum, other)
	}
	all[0].Arch = "arm64"
	if _, other := together(all, 1); other != 0 {
		t.Errorf("the other one is %d", other)
	}
}

// A task's times are of its node: by another clock it would settle never, or at once.
func TestATaskSettlesByTheClockOfItsNode(t *testing.T) {
	c := &Cluster{members: []*member{{id: "exact"}, {id: "ahead"}, {id: "behind"}}}
	c.members[1].ahead.Store(int64(time.Hour))
	c.members[2].ahead.Store(-int64(time.Hour))
	one := uint64(1)
	s := swarm.Service{Spec: swarm.ServiceSpec{Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}}}}
	for i, m := range c.members {
		for ran, ready := range map[time.Duration]bool{3 * time.Second: false, 30 * time.Second: true} {
			at := time.Now().Add(time.Duration(c.members[i].ahead.Load()) - ran)
			list := []swarm.Task{{NodeID: m.id, DesiredState: swarm.TaskStateRunning, Status: swarm.TaskStatus{State: swarm.TaskStateRunning, Timestamp: at}}}
			if _, got, err := judge(s, list, 10*time.Second, c.clockOf(list)); got != ready || err != nil {
				t.Errorf("%s, after %s: ready %t, %v", m.id, ran, got, err)
			}
		}
	}
}
