package deploy

import (
	"fmt"

	"stackctl/pkg/stackctl/stack"
)

// What a deploy must leave free. A full disk stops the database that serves.
const (
	dockerReserve = 256 << 20
	pathReserve   = 16 << 20
)

// fits refuses what the host cannot run or hold, before anything is changed.
func fits(r stack.Release, seen stack.Observed) error {
	for _, i := range r.Images {
		if arch := archOf(i.Platform); arch != "" && seen.Host.Arch != "" && arch != seen.Host.Arch {
			return stack.Fault(stack.CauseUsage, "check image "+i.Reference, fmt.Errorf("it is for %s, the host is %s", arch, seen.Host.Arch), "build it for the host's architecture")
		}
	}
	const what = "check the space on the host"
	if free := seen.Host.FreeBytes; free > 0 && free < pathReserve {
		return stack.Fault(stack.CauseStep, what, fmt.Errorf("%s are free in the project's folder, a deploy needs %s; nothing was changed", megabytes(free), megabytes(pathReserve)),
			"free space there: `stackctl releases` lists what is kept, `du -xh --max-depth=2 / | sort -h` on the host shows the rest")
	}
	need := room(r, seen)
	if free := seen.Host.DockerFree; need > 0 && free > 0 && free < need+dockerReserve {
		return stack.Fault(stack.CauseStep, what,
			fmt.Errorf("%s are free where the host keeps its images; loading the new ones takes about %s, and %s stay reserved for what runs; nothing was changed",
				megabytes(free), megabytes(need), megabytes(dockerReserve)),
			"free space: lower retention.releases, or see `docker system df` on the host; logs and other people's images count too")
	}
	return nil
}

// room is about how much the images that the host lacks take while they are
// loaded: the archive, which the Engine unpacks first, and what comes out of
// it. Archives hold layers compressed to a third or so.
func room(r stack.Release, seen stack.Observed) int64 {
	there := map[string]bool{}
	for _, i := range seen.Images {
		there[i.ID] = true
	}
	var need int64
	for _, i := range r.Images {
		if i.Archive != "" && !there[i.ID] {
			there[i.ID] = true
			need += 4 * i.Bytes
		}
	}
	return need
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+1<<20-1)>>20) }

// archOf takes the architecture out of linux/amd64 and linux/arm64/v8.
func archOf(platform string) string {
	parts := splitPath(platform)
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}
