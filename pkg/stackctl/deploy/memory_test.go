package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAHostWithoutTheMemoryForTwoReleasesIsRefused(t *testing.T) {
	want := wantedShop()
	for i := range want.Release.Services {
		want.Release.Services[i].MemoryLimit = 400 << 20
	}
	for name, c := range map[string]struct {
		free   int64
		change func(*stack.Observed)
		says   string
	}{
		"enough for the one that starts": {164 << 20, func(*stack.Observed) {}, ""},
		"one byte short": {164<<20 - 1, func(*stack.Observed) {},
			"164 MB are free; 1 services start beside what runs and are reckoned with 100 MB"},
		"not told":                        {0, func(*stack.Observed) {}, ""},
		"nothing starts":                  {1, func(s *stack.Observed) { *s = done() }, ""},
		"an empty host":                   {300 << 20, func(s *stack.Observed) { *s = stack.Observed{Files: map[string]string{}} }, "3 services start beside what runs and are reckoned with 300 MB"},
		"the edge is replaced, not added": {164 << 20, func(s *stack.Observed) { s.Containers[1].Labels[stack.LabelDefinition] = "edge-0" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen := seenShop()
			c.change(&seen)
			seen.Host.FreeMemory = c.free
			err := checkMemory(Plan(want, seen), want, seen)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || stack.CauseOf(err) != stack.CauseStep):
				t.Errorf("says %v", err)
			}
		})
	}
}

// What may run on one node alone needs memory there; what may run on several, of all.
func TestNodesWithoutTheMemoryForARelease(t *testing.T) {
	const mb = 1 << 20
	for name, c := range map[string]struct {
		free [4]int64
		says string
	}{
		"enough":                     {[4]int64{65 * mb, 65 * mb, 164 * mb, 65 * mb}, ""},
		"one byte short":             {[4]int64{900 * mb, 900 * mb, 164*mb - 1, 900 * mb}, "check the memory of n3: 164 MB are free; 1 services start beside what runs and are reckoned with 100 MB"},
		"no node has it for another": {[4]int64{1 * mb, 1 * mb, 164 * mb, 1 * mb}, "check the memory of all nodes together: 167 MB are free; 2 services"},
		"one does not tell":          {[4]int64{1 * mb, 0, 164 * mb, 1 * mb}, ""},
	} {
		want, seen := onNodes()
		for i := range want.Release.Services {
			want.Release.Services[i].MemoryLimit = 400 * mb
		}
		for i, free := range c.free {
			seen.Host.Nodes = append(seen.Host.Nodes, stack.HostFacts{Node: []string{"n1", "n2", "n3", "n4"}[i], FreeMemory: free})
			seen.Host.FreeMemory += free
		}
		err := checkMemory(Plan(want, seen), want, seen)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
