package operate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// A database whose node does not answer is away, and no deploy mends that; certificates
// are read at an edge that answers.
func TestTheDataOfANodeThatIsAwayIsTold(t *testing.T) {
	db := stack.Container{Service: "db", Layer: stack.LayerData, State: "created", Node: "node1", Away: true}
	h := health("r1", stack.Release{}, []Container{judge(db, stack.Release{}, time.Now())})
	if h.State != "bad" || !slices.Equal(h.Problems, []string{"db is away with its data: node1 does not answer"}) {
		t.Errorf("%+v", h)
	}
	if len(h.Advice) != 1 || !strings.HasPrefix(h.Advice[0], "bring node1 back") {
		t.Errorf("it advises %q", h.Advice)
	}
	edge := stack.Container{Service: "edge", Layer: stack.LayerEdge, State: "created", Node: "node1", Away: true}
	if h := health("r1", stack.Release{}, []Container{judge(edge, stack.Release{}, time.Now())}); !slices.Equal(h.Advice, []string{adviseDeploy}) {
		t.Errorf("of an edge it advises %q", h.Advice)
	}
	target := stack.Target{Nodes: []stack.Node{{Name: "node1", Host: "192.0.2.1", Labels: []string{"edge"}}, {Name: "node2", Host: "192.0.2.2", Labels: []string{"edge"}}}}
	if at := reached(target, []stack.Absent{{Node: "node1"}}); at.Host != "192.0.2.2" {
		t.Errorf("certificates are read at %s", at.Host)
	}
}
