package stack

import (
	"slices"
	"time"
)

const (
	// longestStart bounds what a start_period is heeded for: one of days is a mistake,
	// and what never gets up would hold the deploy for as long.
	longestStart = time.Hour
	// startMargin is what a service may take beside its start_period.
	startMargin = time.Minute
)

// StartOf returns how long the named services of a release may take to be ready:
// what the settings allow, or the longest start_period that the file asks for.
func (t Timeouts) StartOf(r Release, names []string) time.Duration {
	limit := t.Start
	for _, s := range r.Services {
		if s.Healthcheck != nil && s.Healthcheck.StartPeriod > 0 && slices.Contains(names, s.Name) {
			limit = max(limit, min(s.Healthcheck.StartPeriod, longestStart)+startMargin)
		}
	}
	return limit
}
