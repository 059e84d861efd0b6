package engine

import (
	"time"

	"github.com/moby/moby/api/types/container"
)

const (
	// defaultCheck is what the Engine takes for an interval or a timeout of a
	// health check that has none.
	defaultCheck = 30 * time.Second
	// defaultRetries is how many checks in a row must fail where none says.
	defaultRetries = 3
	// checkSlack is how much longer than it should take a check may be late.
	checkSlack = 5 * time.Second
)

// healthOf is a container's health by its checks. A pause makes the Engine call
// it unhealthy until a check ends well, whatever the ones before said: it counts
// as unhealthy when as many in a row have failed as its definition says.
func healthOf(c container.InspectResponse) container.HealthStatus {
	if c.State == nil || c.State.Health == nil || c.State.Health.Status == "" {
		return container.NoHealthcheck
	}
	h := c.State.Health
	if h.Status == container.Unhealthy && c.State.Status == container.StateRunning && h.FailingStreak < retriesOf(c) {
		return container.Starting
	}
	return h.Status
}

func retriesOf(c container.InspectResponse) int {
	if c.Config == nil || c.Config.Healthcheck == nil || c.Config.Healthcheck.Retries <= 0 {
		return defaultRetries
	}
	return c.Config.Healthcheck.Retries
}

// checksOf returns when a container was last checked, and how long after that it
// is checked again at the latest.
func checksOf(c container.InspectResponse) (last time.Time, every time.Duration) {
	if h := c.State.Health; h != nil && len(h.Log) > 0 && h.Log[len(h.Log)-1] != nil {
		last = h.Log[len(h.Log)-1].End
	}
	interval, timeout, start := time.Duration(0), time.Duration(0), time.Duration(0)
	if c.Config != nil && c.Config.Healthcheck != nil {
		interval, timeout, start = c.Config.Healthcheck.Interval, c.Config.Healthcheck.Timeout, c.Config.Healthcheck.StartInterval
	}
	if interval == 0 {
		interval = defaultCheck
	}
	if timeout == 0 {
		timeout = defaultCheck
	}
	return last, 2*max(interval, start) + timeout + checkSlack
}

// lastAndNext are the last health check of a running container since it was
// started, and when the next one has ended at the latest. Both are zero where
// there is none; on an Engine before 23 that was restarted the next never comes
// (see nudge).
func lastAndNext(c container.InspectResponse, started time.Time) (last, due time.Time) {
	if c.State.Status != container.StateRunning || healthOf(c) == container.NoHealthcheck {
		return last, due
	}
	last, every := checksOf(c)
	if last.Before(started) {
		return time.Time{}, started.Add(every)
	}
	return last, last.Add(every)
}
