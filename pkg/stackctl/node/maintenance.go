package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// Maintenance reads whether the edge keeps visitors out; nil: it does not. A file
// that stackctl did not write is an error.
func Maintenance(ctx context.Context, h Host, t stack.Target) (*edge.Maintenance, error) {
	at := t.At(stack.DynamicPath(stack.MaintenanceFile))
	raw, err := h.ReadFile(ctx, at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := edge.ReadMaintenance(raw)
	if err != nil {
		return nil, stack.Fault(stack.CauseStep, "read "+at, fmt.Errorf("whether the site is in maintenance mode is not known: %w", err),
			"`stackctl maintenance off` removes the file")
	}
	return &m, nil
}
