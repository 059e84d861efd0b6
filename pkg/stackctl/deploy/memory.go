package deploy

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

const (
	// memoryReserve must stay free for what runs: a server without memory for
	// the files of its programs reads them again and again.
	memoryReserve = 64 << 20
	// memoryShare is the part of its limit that a service is reckoned with when
	// it starts: the limit is for the worst hour.
	memoryShare = 4
	// memoryGuess is for a service without a limit.
	memoryGuess = 64 << 20
)

// carries refuses a plan that starts more beside what runs than the host has
// memory for, before anything is changed.
func carries(plan stack.Plan, r stack.Release, seen stack.Observed) error {
	names := starts(plan, r, seen)
	var need int64
	for _, s := range names {
		if s.MemoryLimit > 0 {
			need += s.MemoryLimit / memoryShare
		} else {
			need += memoryGuess
		}
	}
	free := seen.Host.FreeMemory
	if need == 0 || free <= 0 || free >= need+memoryReserve {
		return nil
	}
	return stack.Fault(stack.CauseStep, "check the memory of the host",
		fmt.Errorf("%s are free; %d services start beside what runs and are reckoned with %s, a quarter of their limits, and %s stay reserved; nothing was changed",
			megabytes(free), len(names), megabytes(need), megabytes(memoryReserve)),
		"give the host swap (`stackctl provision` does) or more memory, or lower the mem_limit of services that need less")
}

// starts are the services that a plan starts where none runs yet.
func starts(plan stack.Plan, r stack.Release, seen stack.Observed) []stack.Service {
	var out []stack.Service
	for _, step := range plan.Steps {
		project := r.Project
		switch step.Kind {
		case stack.StepStart:
			project = r.AppProject()
		case stack.StepData, stack.StepEdge:
		default:
			continue
		}
		for _, name := range step.Services {
			s, ok := r.Service(name)
			runs := false
			for _, c := range seen.Containers {
				runs = runs || c.Project == project && c.Service == name && c.State == "running"
			}
			if ok && !runs {
				out = append(out, s)
			}
		}
	}
	return out
}

// memoryScript prints what the kernel tells of memory, and of the limit where
// the host is a container itself.
const memoryScript = `cat /proc/meminfo
cd /sys/fs/cgroup 2>/dev/null || exit 0
[ -e memory.max ] || cd memory 2>/dev/null || exit 0
for f in memory.max memory.limit_in_bytes memory.current memory.usage_in_bytes; do [ -r $f ] && echo "$f $(cat $f)"; done
cat memory.stat 2>/dev/null; true`

// freeMemory asks the host; 0 where it does not tell.
func freeMemory(ctx context.Context, h Host) (int64, error) {
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
