package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// dockerReserve is what a deploy must leave free: a full disk stops the database
// that serves.
const dockerReserve = 256 << 20

// What a deploy, and each of its steps that writes, wants free when it begins.
var (
	deployRoom = node.Room{Bytes: 16 << 20, Files: 1024}
	stepRoom   = node.Room{Bytes: 8 << 20, Files: 256}
)

// mountsImages is the first Engine that mounts the files of an image.
const mountsImages = 28

// checkPlatform refuses images that the host cannot run, and services that demand
// another platform or a newer Engine: one that emulates a platform does so many times
// slower.
func checkPlatform(r stack.Release, host stack.HostFacts) error {
	for _, s := range r.Services {
		if err := checkEngine(s, host); err != nil {
			return err
		}
		system, _, _ := strings.Cut(s.Platform, "/")
		other := system != "" && system != "linux" || archOf(s.Platform) != "" && archOf(s.Platform) != host.Arch
		if s.Deployed && other && host.Arch != "" {
			return stack.Usage(s.File, s.Line, fmt.Sprintf("service %s wants platform %s, the host is linux/%s", s.Name, s.Platform, host.Arch),
				"remove platform where the image is made for the host's too, or deploy to a host of that platform")
		}
	}
	for _, i := range r.Images {
		if arch := archOf(i.Platform); arch != "" && host.Arch != "" && arch != host.Arch {
			return stack.Fault(stack.CauseUsage, "check image "+i.Reference, fmt.Errorf("it is for %s, the host is %s", arch, host.Arch), "build it for the host's architecture")
		}
	}
	return nil
}

// checkEngine refuses a service that mounts the files of an image where the host's
// Engine is too old for it.
func checkEngine(s stack.Service, host stack.HostFacts) error {
	major, _, _ := strings.Cut(host.EngineVersion, ".")
	version, unknown := strconv.Atoi(major)
	mounts := slices.ContainsFunc(s.Volumes, func(m stack.Mount) bool { return m.Type == "image" })
	if !s.Deployed || !mounts || unknown != nil || version >= mountsImages {
		return nil
	}
	return stack.Usage(s.File, s.Line, fmt.Sprintf("service %s mounts the files of an image, and the host has Docker Engine %s", s.Name, host.EngineVersion),
		fmt.Sprintf("copy the files into the service's own image, or install Docker Engine %d or newer on the host", mountsImages))
}

// checkRoom refuses what the disk of a host cannot hold, before anything is changed.
func checkRoom(plan stack.Plan, r stack.Release, seen stack.Observed) error {
	const what = "check the space on the host"
	for _, d := range node.Disks(seen.Host, "") {
		if little := d.Below(deployRoom); little != "" {
			return stack.Fault(stack.CauseStep, what, fmt.Errorf("%s %s, a deploy needs %s; nothing was changed", little, d.Where, deployRoom), d.Remedy(deployRoom))
		}
	}
	for _, h := range seen.Host.Each() {
		free, need := h.DockerFree, room(plan, r, h.Node)
		if need > 0 && free >= 0 && free < need+dockerReserve {
			return stack.Fault(stack.CauseStep, what,
				fmt.Errorf("%s are free where %s keeps its images; loading the new ones takes about %s, and %s stay reserved for what runs; nothing was changed",
					node.Megabytes(free), cmp.Or(h.Node, "the host"), node.Megabytes(need), node.Megabytes(dockerReserve)),
				node.FreeSpace)
		}
	}
	return nil
}

// noteNearlyFull notes the disks that will soon be full.
func (s *story) noteNearlyFull(seen stack.HostFacts) {
	told := ""
	for _, d := range node.Disks(seen, s.d.Target.Path) {
		whose := cmp.Or(d.Node, s.d.Target.Where())
		if left := d.NearlyFull(); left != "" && whose != told { // both folders may be of one disk
			told = whose
			s.note("the disk of " + whose + " is nearly full: " + left + "; " + node.FreeSpace)
		}
	}
}

// checkStepRoom refuses a step that writes on a host whose disk has got full: an engine
// that cannot write forgets that a container stopped.
func (x *executor) checkStepRoom(ctx context.Context, step stack.Step) error {
	switch step.Kind {
	case stack.StepGates, stack.StepHook, stack.StepCommit, stack.StepRemove, stack.StepPrune:
		return nil // they write little, or make room
	}
	full, err := x.cramped(ctx)
	if full {
		err = stack.Fault(stack.CauseStep, "begin step "+string(step.Kind), fmt.Errorf("it wants %s free", stepRoom), "")
	}
	return err
}

// cramped reports whether a disk of a host is too full for a step.
func (x *executor) cramped(ctx context.Context) (bool, error) {
	disks, err := node.DisksNow(ctx, x.server, x.d.Target, x.seen.Host)
	return err == nil && slices.ContainsFunc(disks, func(d node.Disk) bool { return d.Below(stepRoom) != "" }), err
}

// applyInRoom applies a step, and ends one that starts containers on a cluster when a disk
// gets full: a Swarm tries on and on to start what a node cannot hold.
func (x *executor) applyInRoom(ctx context.Context, step stack.Step) (string, error) {
	if !x.d.Target.Clustered() || step.Kind != stack.StepStart && step.Kind != stack.StepData {
		return x.apply(ctx, step)
	}
	watched, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { x.watchRoom(watched, cancel) })
	detail, err := x.apply(watched, step)
	if err != nil && errors.Is(context.Cause(watched), errNoRoom) {
		err = stack.Fault(stack.CauseStep, "take step "+string(step.Kind), errNoRoom, "")
	}
	cancel(nil)
	watch.Wait()
	return detail, err
}

// watchRoom cancels a start with errNoRoom when a disk gets full; it returns when that is over.
func (x *executor) watchRoom(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(roomLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if full, _ := x.cramped(ctx); full { // a node that does not answer is seen elsewhere
			cancel(errNoRoom)
			return
		}
	}
}

// roomLook is how often a start is looked at for a disk that gets full.
const roomLook = 2 * time.Second

// errNoRoom ends a start for which a disk has no room any more.
var errNoRoom = errors.New("a disk got full meanwhile")

// noSpace is what programs say of ENOSPC.
const noSpace = "no space left on device"

// fullDisk says so where something failed while a disk of the host had no room: an
// engine or a store that cannot write fails in many ways.
func fullDisk(ctx context.Context, server node.Server, t stack.Target, failure error) error {
	ctx, cancel := node.Aside(ctx)
	defer cancel()
	host, err := node.Facts(ctx, server, t)
	if err != nil {
		return failure // that it is out of reach shows elsewhere
	}
	for _, d := range node.Disks(host, t.Path) {
		if little := d.Below(deployRoom); little != "" {
			return filled(failure, fmt.Sprintf("the disk of %s is full (%s in %s)", cmp.Or(d.Node, t.Where()), little, d.Dir), d.Remedy(deployRoom))
		}
	}
	if failure != nil && strings.Contains(failure.Error(), noSpace) { // what was begun is removed again
		return filled(failure, "the disk of "+t.Where()+" got full", node.FreeSpace)
	}
	return failure
}

func filled(failure error, what, fix string) error {
	return stack.Fault(stack.CauseOf(failure), what, failure, fix+"; then run the same command again")
}

// room is about how much the images that a plan sends to a host take while they are
// loaded: the archive, which the Engine unpacks first, and what comes out of
// it. Archives hold layers compressed to a third or so.
func room(plan stack.Plan, r stack.Release, node string) int64 {
	sizes := map[string]int64{}
	for _, step := range plan.Steps {
		if step.Kind != stack.StepShipImage || node != "" && !slices.Contains(step.Nodes, node) {
			continue
		}
		for _, i := range r.Images {
			if i.Reference == step.Subject {
				sizes[i.ID] = 4 * i.Bytes
			}
		}
	}
	var need int64
	for _, n := range sizes {
		need += n
	}
	return need
}

// archOf takes the architecture out of linux/amd64 and linux/arm64/v8.
func archOf(platform string) string {
	parts := strings.Split(platform, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}
