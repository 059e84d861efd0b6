package node

import (
	"context"
	"strconv"
	"strings"
)

// memoryScript prints what the kernel tells of memory, and of the limit where
// the host is a container itself.
const memoryScript = `cat /proc/meminfo
cd /sys/fs/cgroup 2>/dev/null || exit 0
[ -e memory.max ] || cd memory 2>/dev/null || exit 0
for f in memory.max memory.limit_in_bytes memory.current memory.usage_in_bytes; do [ -r $f ] && echo "$f $(cat $f)"; done
cat memory.stat 2>/dev/null; true`

// FreeMemory asks the host; bytes, 0 where it does not tell.
func FreeMemory(ctx context.Context, h Host) (int64, error) {
	out, err := h.Run(ctx, "sh", "-c", memoryScript)
	if err != nil {
		return 0, err
	}
	return memoryIn(string(out.Stdout)), nil
}

// memoryIn reads what memoryScript prints: what can be had without swapping
// out, and free swap; no more than a limit leaves. Files that were read may go.
func memoryIn(text string) int64 {
	n := map[string]int64{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 {
			if v, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				n[strings.TrimSuffix(f[0], ":")] = v
			}
		}
	}
	free := (n["MemAvailable"] + n["SwapFree"]) << 10
	limit, used := n["memory.max"]+n["memory.limit_in_bytes"], n["memory.current"]+n["memory.usage_in_bytes"]
	if limit == 0 || free == 0 {
		return free
	}
	files := n["inactive_file"] + n["active_file"]
	if _, first := n["total_inactive_file"]; first { // of version 1, with those below it
		files = n["total_inactive_file"] + n["total_active_file"]
	}
	return min(free, max(limit-used+files, 1))
}
