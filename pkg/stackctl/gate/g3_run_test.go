package gate

import (
	"context"

	"stackctl/pkg/stackctl/stack"
)

// runAlone lets one gate look.
func runAlone(ctx context.Context, g Gate, s Subject) stack.GateResult {
	return Run(ctx, []Gate{g}, s, nil)[0]
}
