package deploy

import (
	"cmp"
	"fmt"
	"slices"

	"stackctl/pkg/stackctl/node"
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

// checkMemory refuses a plan that starts more beside what runs than the host has
// memory for, before anything is changed; in a cluster more than a node has for what
// runs nowhere else, or all nodes for all.
func checkMemory(plan stack.Plan, want Wanted, seen stack.Observed) error {
	list := starts(plan, want.Release, seen)
	known := true
	for _, h := range seen.Host.Each() {
		known = known && h.FreeMemory > 0
		need, number := reckoned(list, want.Slots, h.Node)
		if err := fitsMemory(h.FreeMemory, need, number, ofNode(h.Node)); err != nil {
			return err
		}
	}
	if len(seen.Host.Nodes) == 0 || !known {
		return nil
	}
	need, number := reckoned(list, want.Slots, "")
	return fitsMemory(seen.Host.FreeMemory, need, number, " of all nodes together")
}

// reckoned returns how much memory the containers of services are reckoned with, and how
// many they are: those that run on one node alone, or all.
func reckoned(list []stack.Service, slots []stack.Slot, node string) (need int64, containers int) {
	for _, s := range list {
		n := 0
		for _, slot := range slots {
			if slot.Service == s.Name && (node == "" || slices.Equal(slot.Nodes, []string{node})) {
				n++
			}
		}
		if len(slots) == 0 { // one server
			n = 1
		}
		one := int64(memoryGuess)
		if s.MemoryLimit > 0 {
			one = s.MemoryLimit / memoryShare
		}
		need, containers = need+int64(n)*one, containers+n
	}
	return need, containers
}

func fitsMemory(free, need int64, containers int, whose string) error {
	if need == 0 || free <= 0 || free >= need+memoryReserve {
		return nil
	}
	return stack.Fault(stack.CauseStep, "check the memory"+cmp.Or(whose, " of the host"),
		fmt.Errorf("%s are free; %d services start beside what runs and are reckoned with %s, a quarter of their limits, and %s stay reserved; nothing was changed",
			node.Megabytes(free), containers, node.Megabytes(need), node.Megabytes(memoryReserve)),
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
			if ok && !runs && !inPlace(plan, name) {
				out = append(out, s)
			}
		}
	}
	return out
}

// inPlace reports whether a plan ends a service before its successor starts.
func inPlace(plan stack.Plan, service string) bool {
	return slices.ContainsFunc(plan.Steps, func(s stack.Step) bool {
		return (s.Kind == stack.StepStop || s.Kind == stack.StepRemove && s.Release != "") && slices.Contains(s.Services, service)
	})
}
