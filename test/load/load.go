// Package load sends requests to a site at a fixed rate, whatever the site
// does, and counts those that are not answered well. It owns how requests are
// sent and counted; it must not know what happens to the site meanwhile. It is
// for sites on this machine and bounds its own time.
package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Call makes one request and returns why it was not answered well: ErrBusy
// where it was refused for a while.
type Call func(ctx context.Context, c *http.Client) error

// ErrBusy is the answer of a site that has no room: 503 with Retry-After.
var ErrBusy = errors.New("503 with Retry-After")

// Options say what is sent.
type Options struct {
	// Rate is how many requests a second are sent.
	Rate int
	// Clients send in turns, Calls are made in turns. Their numbers should have
	// no common divisor, so that each client makes each call.
	Clients []*http.Client
	Calls   []Call
	// Slow is started every SlowEvery beside them; nil: nothing is.
	Slow      Call
	SlowEvery time.Duration
	// Limit bounds the whole load.
	Limit time.Duration
}

// inFlight bounds how many requests wait for an answer; one more is lost.
const inFlight = 4000

// Result is what a load saw.
type Result struct {
	Sent, Slow int
	// Lost are the requests without a good answer; Reasons says why, by text.
	// Busy are those among them that were answered ErrBusy.
	Lost    int
	Busy    int
	Reasons map[string]int
	// Gap is the longest time in which no fast request was answered well.
	Gap time.Duration
	// Worst is the longest that one of the fast requests took, P99 what 99 of
	// 100 took at most.
	Worst, P99 time.Duration
	Took       time.Duration
}

// Rate is how many requests a second were really sent.
func (r Result) Rate() float64 { return float64(r.Sent) / r.Took.Seconds() }

func (r Result) String() string {
	s := fmt.Sprintf("%d requests in %.1f s (%.0f/s), %d of 5 s, %d lost (%d told to come again), longest gap %d ms, p99 %d ms, slowest %d ms",
		r.Sent, r.Took.Seconds(), r.Rate(), r.Slow, r.Lost, r.Busy, r.Gap.Milliseconds(), r.P99.Milliseconds(), r.Worst.Milliseconds())
	for i, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		if i == 20 {
			return s + fmt.Sprintf("\n  and %d more", len(r.Reasons)-i)
		}
		s += fmt.Sprintf("\n  %d × %s", r.Reasons[reason], reason)
	}
	return s
}

// Load is a load that goes on.
type Load struct {
	options Options
	cancel  context.CancelFunc
	stop    chan struct{}
	done    chan struct{}
	began   time.Time
	flying  atomic.Int64
	waiting sync.WaitGroup

	lock   sync.Mutex
	result Result
	last   time.Time
	took   []time.Duration
}

// Start begins to send.
func Start(ctx context.Context, o Options) *Load {
	ctx, cancel := context.WithTimeout(ctx, o.Limit)
	l := &Load{options: o, cancel: cancel, stop: make(chan struct{}), done: make(chan struct{}), began: time.Now()}
	l.last, l.result.Reasons = l.began, map[string]int{}
	go l.run(ctx)
	return l
}

// run sends by the clock: a request that is late because the sender was busy
// is sent at once, so that the rate does not follow the site.
func (l *Load) run(ctx context.Context) {
	defer close(l.done)
	o := l.options
	interval := time.Second / time.Duration(o.Rate)
	for sent := 0; ; {
		next := l.began.Add(time.Duration(sent) * interval)
		select {
		case <-ctx.Done():
			return
		case <-l.stop:
			return
		case <-time.After(time.Until(next)):
		}
		for due := int(time.Since(l.began)/interval) + 1; sent < due; sent++ {
			l.send(ctx, o.Calls[sent%len(o.Calls)], o.Clients[sent%len(o.Clients)], false)
		}
		if o.Slow != nil && time.Since(l.began) >= time.Duration(l.slow())*o.SlowEvery {
			l.send(ctx, o.Slow, o.Clients[l.slow()%len(o.Clients)], true)
		}
	}
}

func (l *Load) slow() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.result.Slow
}

func (l *Load) send(ctx context.Context, call Call, c *http.Client, slow bool) {
	l.lock.Lock()
	if slow {
		l.result.Slow++
	} else {
		l.result.Sent++
	}
	l.lock.Unlock()
	if l.flying.Add(1) > inFlight {
		l.flying.Add(-1)
		l.count(0, errors.New("too many requests wait for an answer"), slow)
		return
	}
	l.waiting.Add(1)
	go func() {
		defer l.waiting.Done()
		defer l.flying.Add(-1)
		began := time.Now()
		err := call(ctx, c)
		l.count(time.Since(began), err, slow)
	}()
}

func (l *Load) count(took time.Duration, err error, slow bool) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if err != nil {
		l.result.Lost++
		if errors.Is(err, ErrBusy) {
			l.result.Busy++
		}
		l.result.Reasons[fmt.Sprintf("%s at %.1f s, after %.1f s", err, time.Since(l.began).Seconds(), took.Seconds())]++
		return
	}
	if slow { // after the last fast request they come one by one: no gap of the site's
		return
	}
	now := time.Now()
	l.result.Gap = max(l.result.Gap, now.Sub(l.last))
	l.last = now
	l.took = append(l.took, took)
}

// Answered is how many requests were answered well so far.
func (l *Load) Answered() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return len(l.took)
}

// Rate is how many requests a second are to be sent.
func (l *Load) Rate() int { return l.options.Rate }

// Stop sends no more, waits for the answers and tells what was seen.
func (l *Load) Stop() Result {
	close(l.stop)
	<-l.done
	took := time.Since(l.began)
	l.waiting.Wait()
	l.cancel()
	for _, c := range l.options.Clients {
		c.CloseIdleConnections()
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	r := l.result
	r.Took = took
	slices.Sort(l.took)
	if n := len(l.took); n > 0 {
		r.P99, r.Worst = l.took[n*99/100], l.took[n-1]
	}
	return r
}
