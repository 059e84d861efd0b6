package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// ServiceError says how a service failed to become ready. Find it in an error
// with errors.As; Container is what Logs takes.
type ServiceError struct {
	Service   string
	Container string
	// Problem is one clause: "is unhealthy", "exited".
	Problem  string
	State    string
	Health   string
	ExitCode int
	Restarts int
	// Output is what the last health check printed.
	Output string
	// Reason is what the engine itself reported, or that memory ran out.
	Reason string
	// Err is why the wait ended, where it was not the service.
	Err error
}

// Unwrap gives what ended the wait.
func (e *ServiceError) Unwrap() error { return e.Err }

func (e *ServiceError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "service %s %s (container %s, state %s, health %s, exit code %d, %d restarts)",
		e.Service, e.Problem, e.Container, e.State, e.Health, e.ExitCode, e.Restarts)
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	if e.Output != "" {
		fmt.Fprintf(&b, "; last health check printed: %s", e.Output)
	}
	return b.String()
}

// MissingImageError names images that the host lacks.
type MissingImageError struct{ Images []string }

func (e *MissingImageError) Error() string {
	return "image not on the host: " + strings.Join(e.Images, ", ")
}

// stepFault wraps why a step failed; a cancelled context is an interruption.
func stepFault(ctx context.Context, what string, err error, fix string) error {
	if err == nil {
		return nil
	}
	var done *stack.Error
	if errors.As(err, &done) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return stack.Fault(stack.CauseInterrupted, what, err, "")
	}
	return stack.Fault(stack.CauseStep, what, err, fix)
}
