package deploy

import (
	"context"
	"fmt"

	"stackctl/pkg/stackctl/stack"
)

// What a deploy must leave free. A full disk stops the database that serves.
const (
	dockerReserve = 256 << 20
	pathReserve   = 16 << 20
)

// runs refuses images that the host cannot run.
func runs(r stack.Release, host stack.HostFacts) error {
	for _, i := range r.Images {
		if arch := archOf(i.Platform); arch != "" && host.Arch != "" && arch != host.Arch {
			return stack.Fault(stack.CauseUsage, "check image "+i.Reference, fmt.Errorf("it is for %s, the host is %s", arch, host.Arch), "build it for the host's architecture")
		}
	}
	return nil
}

// fits refuses what the host's disk cannot hold, before anything is changed.
func fits(r stack.Release, seen stack.Observed) error {
	const what = "check the space on the host"
	if free := seen.Host.FreeBytes; free >= 0 && free < pathReserve {
		return stack.Fault(stack.CauseStep, what, fmt.Errorf("%s are free in the project's folder, a deploy needs %s; nothing was changed", megabytes(free), megabytes(pathReserve)),
			"free space there: `stackctl releases` lists what is kept, `du -xh --max-depth=2 / | sort -h` on the host shows the rest")
	}
	free, need := seen.Host.DockerFree, room(r, seen)
	if free >= 0 && free < pathReserve {
		return stack.Fault(stack.CauseStep, what, fmt.Errorf("%s are free where the host keeps its containers, a deploy needs %s; nothing was changed", megabytes(free), megabytes(pathReserve)),
			freeSpace)
	}
	if need > 0 && free >= 0 && free < need+dockerReserve {
		return stack.Fault(stack.CauseStep, what,
			fmt.Errorf("%s are free where the host keeps its images; loading the new ones takes about %s, and %s stay reserved for what runs; nothing was changed",
				megabytes(free), megabytes(need), megabytes(dockerReserve)),
			freeSpace)
	}
	return nil
}

// freeSpace is what to do about a full disk.
const freeSpace = "free space: lower retention.releases, or see `docker system df` on the host; logs and other people's images count too"

// stepReserve is what a step wants free when it begins.
const stepReserve = 8 << 20

// begins refuses a step that writes on a host whose disk has got full: an engine
// that cannot write forgets that a container stopped.
func (x *executor) begins(ctx context.Context, step stack.Step) error {
	switch step.Kind {
	case stack.StepGates, stack.StepCommit, stack.StepRemove, stack.StepPrune:
		return nil // they write little, or make room
	}
	root, engine, err := free(ctx, x.server, x.d.Target.Path, x.seen.Host.DockerRoot)
	if err == nil && (root >= 0 && root < stepReserve || engine >= 0 && engine < stepReserve) {
		err = stack.Fault(stack.CauseStep, "begin step "+string(step.Kind), fmt.Errorf("it wants %s free", megabytes(stepReserve)), "")
	}
	return err
}

// full says so where something failed while a disk of the host had no room: an
// engine or a store that cannot write fails in many ways.
func full(ctx context.Context, server Server, t stack.Target, failure error) error {
	ctx, cancel := aside(ctx)
	defer cancel()
	host, err := facts(ctx, server, t.Path)
	if err != nil {
		return failure // that it is out of reach shows elsewhere
	}
	for _, disk := range []struct {
		dir  string
		free int64
	}{{t.Path, host.FreeBytes}, {host.DockerRoot, host.DockerFree}} {
		if disk.free >= 0 && disk.free < pathReserve {
			return stack.Fault(stack.CauseOf(failure), fmt.Sprintf("the disk of %s is full (%s free in %s)", t.Host, megabytes(disk.free), disk.dir), failure, freeSpace+"; then run the same command again")
		}
	}
	return failure
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
