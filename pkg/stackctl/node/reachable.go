package node

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// goingDown answers "down" on a host that shuts down. Its message bus may have ended
// before it is asked; that nobody may log in any more tells it then.
const goingDown = `case $(systemctl is-system-running 2>/dev/null) in
stopping) echo down ;;
initializing | starting | running | degraded | maintenance) ;;
*) [ ! -e /run/nologin ] || echo down ;;
esac`

// CheckReachable returns an error of [stack.CauseUnreachable] where the connection
// to a server is gone, or its host shuts down: what fails there fails for that, and
// nothing can be brought back. What else hinders the question is no answer to it.
func CheckReachable(ctx context.Context, server Host, t stack.Target) error {
	out, err := server.Run(ctx, "sh", "-c", goingDown)
	switch {
	case stack.CauseOf(err) == stack.CauseUnreachable:
		return err
	case err == nil && strings.TrimSpace(string(out.Stdout)) == "down":
		return stack.Fault(stack.CauseUnreachable, "work on "+t.Where(), errors.New("the host shuts down or reboots"),
			"wait until it answers again, then run the same command again: it goes on from what is there")
	}
	return nil
}

// ReadOnly returns the host of a server on which the file system that a project lies on
// takes no writes, as one becomes whose disk fails; empty: there is none.
func ReadOnly(ctx context.Context, server Server, t stack.Target) string {
	for _, m := range server.Members() {
		out, err := m.Run(ctx, "findmnt", "-no", "OPTIONS", "-T", t.Path)
		lines := strings.Split(strings.TrimSpace(string(out.Stdout)), "\n")
		if err == nil && out.Exit == 0 && slices.Contains(strings.Split(lines[len(lines)-1], ","), "ro") { // the last is on top
			return cmp.Or(m.Name, t.Where())
		}
	}
	return ""
}
