package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"stackctl/pkg/stackctl/stack"
)

// The exit codes of stackctl (SPEC §6).
const (
	ExitDone        = 0
	ExitGate        = 1
	ExitUsage       = 2
	ExitUnreachable = 3
	ExitStep        = 4
	ExitUnjudged    = 5
	ExitLocked      = 6
	ExitInterrupted = 130
)

// ExitCode is the only place where an error becomes an exit code.
func ExitCode(ctx context.Context, err error) int {
	if err == nil {
		return ExitDone
	}
	// exec ends as the command did that it ran.
	if own := new(ended); errors.As(err, &own) {
		return own.code
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ExitInterrupted
	}
	switch stack.CauseOf(err) {
	case stack.CauseGate:
		return ExitGate
	case stack.CauseUsage:
		return ExitUsage
	case stack.CauseUnreachable:
		return ExitUnreachable
	case stack.CauseUnjudged:
		return ExitUnjudged
	case stack.CauseLocked:
		return ExitLocked
	case stack.CauseInterrupted:
		return ExitInterrupted
	case stack.CauseStep:
	}
	return ExitStep
}

// worstFirst is the order in which the ends of several runs count: what may
// have left a server in need of attention before what left it alone.
var worstFirst = []stack.Cause{
	stack.CauseInterrupted, stack.CauseStep, stack.CauseGate, stack.CauseUnjudged,
	stack.CauseUnreachable, stack.CauseLocked, stack.CauseUsage,
}

// Worst is the error that decides the exit code of several runs; nil where
// there are none.
func Worst(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return slices.MinFunc(errs, func(a, b error) int {
		return slices.Index(worstFirst, stack.CauseOf(a)) - slices.Index(worstFirst, stack.CauseOf(b))
	})
}

// enough takes no offence at output that nobody reads any more, as after head:
// who reads has seen enough, and nothing is wrong. It is for verbs that pass
// words on and give no verdict. A connection that breaks says EPIPE too, but not
// of a file.
func enough(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) && file.Op == "write" && file.Path == os.Stdout.Name() && errors.Is(file, syscall.EPIPE) {
		return nil
	}
	return err
}
