package operate

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// usageLimit bounds how long the disk may be looked at.
const usageLimit = 10 * time.Second

// Host is a server of a target: how full it is, and what of the project is there.
type Host struct {
	// Node is its name in a cluster; empty: the target is one server.
	Node    string        `json:"node,omitempty"`
	Address string        `json:"address"`
	Labels  []string      `json:"labels,omitempty"`
	Drained bool          `json:"drained,omitempty"`
	Disk    stack.DiskUse `json:"disk"`
	Memory  int64         `json:"memory_bytes"`
	// FreeMemory is with free swap; 0: not known.
	FreeMemory int64 `json:"free_memory_bytes"`
	// Running is how many of the project's containers run there.
	Running int `json:"running"`
	// NearlyFull is what is left of a disk there that will soon be full; empty: none will.
	NearlyFull string `json:"nearly_full,omitempty"`
}

// hosts reads how full each server of a target is and what of it is the project's.
// What cannot be read in time is below zero.
func hosts(ctx context.Context, server node.Server, c stack.Config, t stack.Target, seen stack.Observed) []Host {
	ctx, cancel := context.WithTimeout(ctx, usageLimit)
	defer cancel()
	mine := ours(c, seen)
	uses, err := server.Usage(ctx, c.Project, imagesOf(mine, seen), volumesOf(mine))
	if err != nil {
		uses = nil
	}
	out := hostsOf(t, seen.Host, mine, uses)
	var all sync.WaitGroup
	for _, m := range server.Members() {
		for i := range out {
			if h := &out[i]; h.Node == m.Name {
				h.Drained = m.Drained
				all.Go(func() { h.Disk.Files = filesSize(ctx, m, t.Path) })
			}
		}
	}
	all.Wait()
	return out
}

// hostsOf puts together what was observed of each server of a target.
func hostsOf(t stack.Target, seen stack.HostFacts, mine []stack.Container, uses []stack.DiskUse) []Host {
	var out []Host
	for _, f := range seen.Each() {
		h := Host{Node: f.Node, Address: t.Host, Memory: f.MemoryBytes, FreeMemory: f.FreeMemory, Disk: stack.DiskUse{Images: -1, Volumes: -1, Files: -1}}
		for _, u := range uses {
			if u.Node == f.Node {
				h.Disk.Images, h.Disk.Volumes = u.Images, u.Volumes
			}
		}
		h.Disk.Total, h.Disk.Free = f.DiskBytes, f.FreeBytes
		for _, n := range t.Nodes {
			if n.Name == f.Node {
				h.Address, h.Labels = n.Host, n.Labels
			}
		}
		for _, x := range mine {
			if x.State == "running" && x.Node == f.Node {
				h.Running++
			}
		}
		for _, d := range node.Disks(seen, t.Path) {
			if d.Node == f.Node {
				h.NearlyFull = cmp.Or(h.NearlyFull, d.NearlyFull())
			}
		}
		out = append(out, h)
	}
	return out
}

// sumOf adds up the disks of hosts. A part that one of them does not tell is not known.
func sumOf(list []Host) stack.DiskUse {
	var sum stack.DiskUse
	for _, h := range list {
		sum = stack.DiskUse{Total: plus(sum.Total, h.Disk.Total), Free: plus(sum.Free, h.Disk.Free), Images: plus(sum.Images, h.Disk.Images),
			Volumes: plus(sum.Volumes, h.Disk.Volumes), Files: plus(sum.Files, h.Disk.Files)}
	}
	return sum
}

func plus(a, b int64) int64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// filesSize is how many bytes the files below a folder of a host take; -1 is not known.
func filesSize(ctx context.Context, h node.Host, dir string) int64 {
	out, err := h.Run(ctx, "sh", "-c", `du -sb "$1" 2>/dev/null | cut -f1`, "sh", dir)
	if err != nil {
		return -1
	}
	return count(strings.TrimSpace(string(out.Stdout)))
}

// count reads a number of bytes; -1 is not known.
func count(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// imagesOf are the images of the kept releases and of the project's containers.
func imagesOf(mine []stack.Container, seen stack.Observed) []string {
	var ids []string
	for _, r := range seen.Releases {
		for _, i := range r.Images {
			ids = append(ids, i.ID)
		}
	}
	for _, x := range mine {
		ids = append(ids, x.ImageID)
	}
	return ids
}

// volumesOf are the volumes that containers write to: a Swarm's have no label of Compose.
func volumesOf(mine []stack.Container) []string {
	var names []string
	for _, x := range mine {
		names = append(names, x.Writes...)
	}
	return names
}
