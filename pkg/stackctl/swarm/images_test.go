package swarm

import (
	"slices"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAnImageIsKnownByTheNodesThatHaveIt(t *testing.T) {
	var all []stack.HostImage
	for _, one := range []struct {
		node, id string
		tags     []string
	}{{"one", "a", []string{"x:1"}}, {"two", "a", []string{"x:1"}}, {"three", "a", nil}, {"two", "b", nil}} {
		all = withImage(all, stack.HostImage{ID: one.id, Tags: one.tags}, one.node)
	}
	if len(all) != 3 || !slices.Equal(all[0].Nodes, []string{"one", "two"}) || !slices.Equal(all[1].Nodes, []string{"three"}) || len(all[1].Tags) > 0 || !slices.Equal(all[2].Nodes, []string{"two"}) {
		t.Errorf("%+v", all)
	}
}
