package node

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/stack"
)

// Facts are what the engine knows of its host, and the free space and memory there; in a
// cluster of each node that answers.
func Facts(ctx context.Context, server Server, t stack.Target) (stack.HostFacts, error) {
	f, err := server.Facts(ctx)
	if err != nil {
		return f, err
	}
	hosts := slices.Clone(f.Each())
	group, ctx := errgroup.WithContext(ctx)
	for i := range hosts {
		h := memberOf(server, hosts[i].Node)
		group.Go(func() error { return measure(ctx, h, t, &hosts[i]) })
		group.Go(func() (err error) { hosts[i].FreeMemory, err = FreeMemory(ctx, h); return })
	}
	if err := group.Wait(); err != nil {
		return f, err
	}
	return together(f, hosts), nil
}

// memberOf is the host of a server that has a name.
func memberOf(server Server, name string) Host {
	for _, m := range server.Members() {
		if m.Name == name {
			return m
		}
	}
	return server
}

// together returns the facts of a server whose hosts were measured: of the room what the
// fullest has, of the memory all.
func together(f stack.HostFacts, hosts []stack.HostFacts) stack.HostFacts {
	if len(f.Nodes) == 0 {
		return hosts[0]
	}
	f.Nodes = hosts
	f.FreeBytes, f.FreeFiles, f.DockerFree, f.DockerFiles, f.FreeMemory = hosts[0].FreeBytes, hosts[0].FreeFiles, hosts[0].DockerFree, hosts[0].DockerFiles, 0
	for _, h := range hosts {
		f.FreeBytes, f.FreeFiles = min(f.FreeBytes, h.FreeBytes), min(f.FreeFiles, h.FreeFiles)
		f.DockerFree, f.DockerFiles = min(f.DockerFree, h.DockerFree), min(f.DockerFiles, h.DockerFiles)
		f.FreeMemory += h.FreeMemory
	}
	return f
}
