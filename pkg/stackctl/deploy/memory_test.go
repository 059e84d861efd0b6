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
			err := carries(Plan(want, seen), want.Release, seen)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || stack.CauseOf(err) != stack.CauseStep):
				t.Errorf("says %v", err)
			}
		})
	}
}

func TestFreeMemoryIsWhatIsLeftInsideAndOutside(t *testing.T) {
	const host = "MemTotal: 1000 kB\nMemAvailable:     600 kB\nSwapFree:  100 kB\n"
	for name, c := range map[string]struct {
		said string
		want int64
	}{
		"a machine":                   {host, 700 << 10},
		"a container, version 2":      {host + "memory.max 409600\nmemory.current 300000\nanon 1\nfile 9\ninactive_file 50000\nactive_file 400\n", 160000},
		"a container, version 1":      {host + "memory.limit_in_bytes 409600\nmemory.usage_in_bytes 300000\ninactive_file 7\ntotal_inactive_file 50000\ntotal_active_file 400\n", 160000},
		"a container that is full":    {host + "memory.max 100\nmemory.current 100\n", 1},
		"a container without limit":   {host + "memory.max max\nmemory.current 300000\n", 700 << 10},
		"the root of version 1":       {host + "memory.limit_in_bytes 9223372036854771712\nmemory.usage_in_bytes 300000\n", 700 << 10},
		"a kernel that tells no more": {"MemTotal: 1000 kB\n", 0},
	} {
		if got := memoryIn(c.said); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
