package health

import (
	"context"
	"errors"
	"net/http"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
)

// crashes is how often a service may end and be started again before it counts as
// one that will not come up, as where a release is started.
const crashes = 5

// await waits until a service that has no health check answers below 500, for as
// long as a service may take to start, and reports whether it ended by itself
// instead. One that does not run any more is not waited for, nor is one that keeps
// ending, or that visitors have already and that is broken; what it says then is
// judged as it is.
func (p look) await(ctx context.Context, s gate.Subject) (ended bool) {
	if p.unproven == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, s.Stretch(min(s.Config.Timeouts.Start, longestStart)))
	defer cancel()
	var broken time.Time // since when it answers that it is
	for begun := -1; ctx.Err() == nil; probe.Wait(ctx, again) {
		reply, _, err := ask(ctx, p)
		switch {
		case err == nil && good(p.endpoint, reply.Status):
			return false
		// 502 to 504 say "not yet"; 500 is the answer of a program that has started.
		case err != nil || reply.Status != http.StatusInternalServerError:
			broken = time.Time{}
		case broken.IsZero():
			broken = time.Now()
		case p.replaced && time.Since(broken) > s.Config.Timeouts.Hold:
			return false // visitors would have been let wait so long
		}
		running, err := probe.Containers(ctx, s, p.unproven)
		if err != nil {
			return ended || ctx.Err() == nil && errors.As(err, new(gate.NotRunning))
		}
		restarts := 0
		for _, c := range running {
			restarts += c.Restarts
		}
		if begun < 0 {
			begun = restarts
		}
		if ended = ended || restarts > begun; restarts-begun >= crashes {
			return true
		}
	}
	return ended
}
