package deploy

import (
	"context"
	"errors"
	"io"
	"syscall"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// explained says what of the host's condition a failure may come from.
func explained(ctx context.Context, server node.Server, t stack.Target, failure error) error {
	if said := fullDisk(ctx, server, t, failure); said != failure { //nolint:errorlint // it comes back as it was
		return said
	}
	if brokenOff(failure) {
		return stack.Fault(stack.CauseOf(failure), "the Docker Engine of "+t.Where()+" went away in the middle", failure,
			"it was restarted or updated, or has ended (`systemctl status docker` there says); run the same command again")
	}
	ctx, cancel := node.Aside(ctx)
	defer cancel()
	if at := node.ReadOnly(ctx, server, t); at != "" && !errors.Is(failure, syscall.EROFS) {
		return stack.Fault(stack.CauseOf(failure), "the file system of "+t.Path+" on "+at+" is mounted read-only", failure,
			"`dmesg` and `findmnt -T "+t.Path+"` there tell why; make it writable, then run the same command again")
	}
	if what := node.LostContainers(ctx, server, t); what != "" {
		return stack.Fault(stack.CauseOf(failure), what, failure, node.EndLost)
	}
	return failure
}

// brokenOff reports whether an answer ended in the middle, or nobody answered, on a
// server whose own connection holds.
func brokenOff(failure error) bool {
	for _, sign := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(failure, sign) {
			return true
		}
	}
	return false
}

// advice is for a failure that does not say itself what to do, as what the engine
// says of its host does. What a service failed for, its own log lines tell.
func advice(err error, otherwise string) string {
	if s := new(engine.ServiceError); errors.As(err, &s) && s.Problem == "exited" && s.ExitCode == 0 && s.Reason == "" {
		return "it ended by itself, without an error: where it is meant to do something and end, give service " + s.Service + " `x-stackctl: {run: once}`; else " + otherwise
	}
	if _, fix := stack.Explain(err); fix != "" && !errors.As(err, new(*engine.ServiceError)) {
		return ""
	}
	return otherwise
}
