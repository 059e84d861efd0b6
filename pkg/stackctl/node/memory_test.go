package node

import "testing"

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
