package gate

import (
	"fmt"

	"stackctl/pkg/stackctl/stack"
)

// NotRunning says that a service of the release has no running container. The
// server was asked and told so: that is an answer, not a failure to look.
type NotRunning struct{ Service, Release string }

func (e NotRunning) Error() string {
	return fmt.Sprintf("no running container of service %s in release %s", e.Service, e.Release)
}

// finding is the answer of a gate that meets it.
func (e NotRunning) finding() stack.Finding {
	return stack.Finding{Rule: runningRule.ID, Subject: "service " + e.Service, Problem: "the service does not run", Expected: "a running container of release " + e.Release, Observed: "none",
		Fix: "see `stackctl logs " + e.Service + "`, then deploy again"}
}
