package gate

import (
	"context"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// slowPace is the pace from which on gates look one after the other: side by
// side they would only wait for each other on the same line.
const slowPace = 3

// Stretch is a bound on a gate's own work on a line of the subject's pace.
func (s Subject) Stretch(d time.Duration) time.Duration {
	return time.Duration(float64(d) * max(1, s.Pace))
}

// lister is a Server whose list of containers serves all gates that ask at the
// same time, and for as long again as it took to get: on a slow line it is
// large.
type lister struct {
	Server
	turn chan struct{}
	list []stack.Container
	// until is how long the list may be given again.
	until time.Time
}

// listed puts a lister before a Server.
func listed(s Server) Server { return &lister{Server: s, turn: make(chan struct{}, 1)} }

// Containers lists all containers on the host.
func (l *lister) Containers(ctx context.Context) ([]stack.Container, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if time.Now().Before(l.until) {
		return l.list, nil
	}
	began := time.Now()
	list, err := l.Server.Containers(ctx)
	if err != nil {
		return nil, err
	}
	l.list, l.until = list, time.Now().Add(time.Since(began))
	return list, nil
}
