package deploy

import (
	"context"
	"fmt"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// observe reads what is on the server, and learns how far the two clocks are apart.
func (s *story) observe(ctx context.Context, server node.Server, paths []string) (stack.Observed, error) {
	began := time.Now()
	seen, err := node.Observe(ctx, server, s.d.Target, paths, s.d.Now())
	if err != nil {
		return seen, err
	}
	seen = apart(seen, s.d.Config.Project)
	if s.d.Adopt {
		if seen.Adopted, err = measured(ctx, server, seen.Adopted); err != nil {
			return seen, err
		}
	}
	s.ahead = seen.At.Sub(s.d.Now())
	s.noteNearlyFull(seen.Host)
	took := time.Since(began)
	if s.pace = paceOf(took); s.pace >= slowPace {
		what := "the line or the server is slow"
		if load := overloaded(ctx, server, seen.Host.CPUs); load != "" {
			what = "the server is overloaded (" + load + ")"
		}
		s.note(fmt.Sprintf("%s: one look took %s, so %.0f times the usual time is given", what, took.Round(time.Second), s.pace))
	}
	return seen, nil
}

const (
	// goodLook is how long one look at a server takes at most on a good line.
	goodLook = time.Second
	// slowPace is worth a note; steepPace bounds how much time is given.
	slowPace, steepPace = 3, 10
)

// paceOf tells by how long one look took how much more time things need.
func paceOf(took time.Duration) float64 {
	return min(max(float64(took)/float64(goodLook), 1), steepPace)
}

// stretch is a bound on work over the line, at its pace.
func (s *story) stretch(d time.Duration) time.Duration {
	return time.Duration(float64(d) * max(1, s.pace))
}
