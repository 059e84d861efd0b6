package swarm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// A Swarm tells of two ended tasks and no more: a container that ends again and again
// would be waited for until the time is over.
func TestContainersThatEndAreCountedThoughTheSwarmForgetsThem(t *testing.T) {
	one := uint64(1)
	service := swarm.Service{ID: "s", Spec: swarm.ServiceSpec{Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}}}}
	task := func(n int, state swarm.TaskState) swarm.Task {
		return swarm.Task{ID: fmt.Sprint(n), DesiredState: swarm.TaskStateRunning, Status: swarm.TaskStatus{State: state, Err: "task: non-zero exit (7)"}}
	}
	past := history{}
	for n := 1; ; n++ {
		kept := []swarm.Task{task(n+1, swarm.TaskStateStarting), task(n, swarm.TaskStateFailed)}
		if n > 1 {
			kept = append(kept, task(n-1, swarm.TaskStateFailed))
		}
		for range 3 { // each is seen more than once
			_, ready, err := judge(service, past.with("s", kept), 0, time.Now())
			if ready || (err != nil) != (n == crashes) {
				t.Fatalf("after %d: ready %t, %v", n, ready, err)
			}
			if err != nil && strings.Contains(err.Error(), "ends again and again: task: non-zero exit (7)") {
				return
			}
		}
	}
}
