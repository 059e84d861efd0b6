package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Cause groups errors by what the operator can do about them; the command
// line maps it to an exit code.
type Cause string

// The causes.
const (
	CauseUsage       Cause = "usage"       // bad flags, files or settings
	CauseUnreachable Cause = "unreachable" // the host cannot be reached or refuses
	CauseStep        Cause = "step"        // a step failed; the old release serves
	CauseLocked      Cause = "locked"      // another deploy holds the lock
	CauseInterrupted Cause = "interrupted"
	CauseGate        Cause = "gate"     // a gate failed
	CauseUnjudged    Cause = "unjudged" // a gate could not judge
)

// Error is what was tried, why it failed and what to do next.
type Error struct {
	Cause Cause
	// What was tried and on what: "connect deploy@203.0.113.7".
	What string
	// Err is why it failed.
	Err error
	// Fix is what to do next; empty where Err says it.
	Fix string
}

// Reason is what was tried and why it failed, without the fix.
func (e *Error) Reason() string {
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + e.Err.Error()
}

func (e *Error) Error() string {
	s := e.Reason()
	if e.Fix != "" {
		s += "; " + e.Fix
	}
	return s
}

// Unwrap gives the error underneath.
func (e *Error) Unwrap() error { return e.Err }

// Fault makes an Error; fix may be empty.
func Fault(cause Cause, what string, err error, fix string) error {
	return &Error{Cause: cause, What: what, Err: err, Fix: fix}
}

// Usage makes a usage error at a place in a file; line 0 means the whole file.
func Usage(file string, line int, problem, fix string) error {
	where := file
	if line > 0 {
		where = fmt.Sprintf("%s:%d", file, line)
	}
	return &Error{Cause: CauseUsage, What: where, Err: errors.New(problem), Fix: fix}
}

// CauseOf finds the cause of an error; an error without one failed a step.
func CauseOf(err error) Cause {
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return CauseStep
}

// Explain splits an error into why it happened and what to do next: the fix of
// the outermost Error in it that has one.
func Explain(err error) (reason, fix string) {
	var e *Error
	for at := err; errors.As(at, &e); at = e.Err {
		if e.Fix != "" {
			return strings.Replace(err.Error(), e.Error(), e.Reason(), 1), e.Fix
		}
	}
	return err.Error(), ""
}

// Interrupted is the error of a part of a run that was told to stop; what is
// what it was at. Where the context ended for a reason of its own, as when the
// lock was lost, that is its cause.
func Interrupted(ctx context.Context, what string) error {
	var known *Error
	if errors.As(context.Cause(ctx), &known) {
		return Fault(known.Cause, what, context.Cause(ctx), "")
	}
	return Fault(CauseInterrupted, what, context.Cause(ctx), "run the same command again; it goes on from what is there")
}
