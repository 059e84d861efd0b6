package ratelimit

import (
	"sync"
	"time"

	"stackctl/pkg/server/app"
)

// most bounds the counters of this process.
const most = 50000

type window struct {
	count int
	ends  time.Time
}

// memory counts in this process, by half of each limit.
type memory struct {
	mu      sync.Mutex
	now     func() time.Time
	windows map[string]window
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, windows: map[string]window{}}
}

func (m *memory) take(limits []app.Limit) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if len(m.windows)+len(limits) > most {
		m.sweep(now)
	}
	for _, l := range limits {
		if w, ok := m.windows[l.Key]; ok && now.Before(w.ends) && w.count >= max(1, l.Max/2) {
			return w.ends.Sub(now)
		}
	}
	if len(m.windows)+len(limits) > most {
		return time.Second // full of live counters: somebody is flooding
	}
	for _, l := range limits {
		w := m.windows[l.Key]
		if !now.Before(w.ends) {
			w = window{ends: now.Add(l.Per)}
		}
		w.count++
		m.windows[l.Key] = w
	}
	return 0
}

func (m *memory) giveBack(key, own string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, mine := m.windows[key], m.windows[own]
	n := mine.count
	if mine.ends.Before(w.ends) {
		n = min(n, 1) // counted for an earlier window, but for the last one
	}
	delete(m.windows, own)
	if w.count -= n; w.count > 0 {
		m.windows[key] = w
	} else {
		delete(m.windows, key)
	}
}

func (m *memory) sweep(now time.Time) {
	for k, w := range m.windows {
		if !now.Before(w.ends) {
			delete(m.windows, k)
		}
	}
}
