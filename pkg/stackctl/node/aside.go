package node

import (
	"context"
	"time"
)

// asideLimit bounds cleaning up after a run was told to stop.
const asideLimit = 90 * time.Second

// Aside returns a context that outlives an interruption, for a short look at a
// server, or for cleaning up there.
func Aside(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), asideLimit)
}
