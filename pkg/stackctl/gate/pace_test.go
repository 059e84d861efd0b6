package gate

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// slowLister is a server on a slow line.
type slowLister struct {
	Server
	calls atomic.Int32
	takes time.Duration
}

func (s *slowLister) Containers(ctx context.Context) ([]stack.Container, error) {
	s.calls.Add(1)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.takes):
	}
	return []stack.Container{{ID: "a"}}, nil
}

func TestGatesThatAskAtTheSameTimeShareAList(t *testing.T) {
	s := &slowLister{takes: 100 * time.Millisecond}
	l := listed(s)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if list, err := l.Containers(t.Context()); err != nil || len(list) != 1 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
	all.Wait()
	if n := s.calls.Load(); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	s.takes = time.Hour
	l = listed(s)
	if _, err := l.Containers(gone); err == nil {
		t.Error("no error when the time is up")
	}
	s.takes = 0
	if list, err := l.Containers(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("after an error: %v, %v", list, err)
	}
}

func TestASlowLineGivesGatesMoreTimeAndLetsThemLookOneByOne(t *testing.T) {
	var at, most atomic.Int32
	look := func(ctx context.Context, _ Subject) (Answer, error) {
		most.Store(max(most.Load(), at.Add(1)))
		defer at.Add(-1)
		select {
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		case <-time.After(60 * time.Millisecond):
			return Answer{Inspected: 1}, nil
		}
	}
	gates := []Gate{{ID: "G3", Budget: 20 * time.Millisecond, Check: look}, {ID: "G6", Budget: 20 * time.Millisecond, Check: look}}
	for pace, want := range map[float64]stack.Status{0: stack.CouldNotJudge, 10: stack.Passed} {
		most.Store(0)
		for _, r := range Run(t.Context(), gates, Subject{Pace: pace}, nil) {
			if r.Status != want {
				t.Errorf("pace %v: %s, %s", pace, r.Status, r.Reason)
			}
		}
		if pace > 0 && most.Load() != 1 {
			t.Errorf("%d gates looked at the same time", most.Load())
		}
	}
}
