package node

import (
	"context"
	"encoding/json"

	"stackctl/pkg/stackctl/stack"
)

// ReadRelease reads a frozen release back from the host. It lacks what only the
// operator has, such as the values of secrets, and its Files: they are there.
func ReadRelease(ctx context.Context, server Host, t stack.Target, id string) (stack.Release, error) {
	r, err := ReadFrozen(ctx, server, t, id)
	for _, part := range []struct {
		name string
		into *[]byte
	}{{stack.BaseFile, &r.Base}, {stack.AppFile, &r.App}, {stack.ContractFile, &r.Contract}} {
		if err == nil {
			*part.into, err = server.ReadFile(ctx, t.At(stack.ReleasePath(id, part.name)))
		}
	}
	if err != nil {
		return r, stack.Fault(stack.CauseStep, "read release "+id+" on "+t.Where(), err, "deploy again: what the host kept of it is not whole")
	}
	return r, nil
}

// ReadFrozen reads what the host keeps of a release without its compose files.
func ReadFrozen(ctx context.Context, server Host, t stack.Target, id string) (stack.Release, error) {
	var r stack.Release
	raw, err := server.ReadFile(ctx, t.At(stack.ReleasePath(id, stack.FrozenFile)))
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, err
}
