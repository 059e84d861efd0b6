package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress prints one line per event, with the time since the start.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

func newProgress(w io.Writer) *progress { return &progress{w: w, start: time.Now()} }

func (p *progress) say(name, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "%6.1fs  %-9s %s\n", time.Since(p.start).Seconds(), name, fmt.Sprintf(format, args...))
}

// heartbeat says now and then that a long task still runs, until stop is called.
func (p *progress) heartbeat(name, what string) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(20 * time.Second)
		defer t.Stop()
		began := time.Now()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				p.say(name, "still %s (%s)", what, time.Since(began).Round(time.Second))
			}
		}
	})
	return func() { close(done); wg.Wait() }
}
