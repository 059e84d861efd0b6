package node

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// lostContainer is a container that runs though the engine has lost sight of it, as it
// does where it is stopped in the middle of starting one. New containers get the
// address that it still has, and a worker among them goes on taking jobs.
type lostContainer struct{ id, process, command string }

func (s lostContainer) String() string {
	return fmt.Sprintf("%s (process %s, %s)", stack.ShortID(s.id), s.process, s.command)
}

// runningScript prints which processes are in a container's control group, and
// what all of them are called. Where the host is a container itself, all are.
const runningScript = `
in='^[0-9]+:[^:]*:(/system\.slice)?/docker[-/][0-9a-f]{64}'
! grep -qsE "$in" /proc/1/cgroup || exit 0
grep -HoEs "$in" /proc/[0-9]*/cgroup
grep -Hs . /proc/[0-9]*/comm
true`

var (
	groupLine = regexp.MustCompile(`^/proc/([0-9]+)/cgroup:.*([0-9a-f]{64})$`)
	nameLine  = regexp.MustCompile(`^/proc/([0-9]+)/comm:(.*)$`)
)

// lostContainers looks at the processes first and asks the engine then: it knows a
// container from before its first process until after its last.
func lostContainers(ctx context.Context, server Server) ([]lostContainer, error) {
	out, err := server.Run(ctx, "sh", "-c", runningScript)
	if err != nil {
		return nil, err
	}
	list := runningIn(string(out.Stdout))
	if len(list) == 0 {
		return nil, nil
	}
	containers, err := server.Containers(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, c := range containers {
		known[c.ID] = true
	}
	var gone []lostContainer
	for _, s := range list {
		if !known[s.id] {
			gone = append(gone, s)
		}
	}
	return gone, nil
}

// runningIn reads what runningScript prints: every container, with its first
// process. Where several engines run nobody can tell whose a container is.
func runningIn(text string) []lostContainer {
	var list []lostContainer
	names, seen, engines := map[string]string{}, map[string]bool{}, 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := groupLine.FindStringSubmatch(line); m != nil && !seen[m[2]] {
			seen[m[2]] = true
			list = append(list, lostContainer{id: m[2], process: m[1]})
		}
		if m := nameLine.FindStringSubmatch(line); m != nil {
			names[m[1]] = m[2]
			if m[2] == "dockerd" {
				engines++
			}
		}
	}
	if engines > 1 {
		return nil
	}
	for i := range list {
		list[i].command = cmp.Or(names[list[i].process], "ended")
	}
	return list
}

// LostContainers names the containers that the host's engine has lost sight of; empty: none.
func LostContainers(ctx context.Context, server Server, t stack.Target) string {
	list, err := lostContainers(ctx, server)
	if err != nil || len(list) == 0 {
		return "" // that the server is out of reach shows elsewhere
	}
	var names []string
	for _, s := range list {
		names = append(names, s.String())
	}
	return fmt.Sprintf("containers run on %s that its engine has lost sight of, and new ones get their addresses: %s", t.Where(), strings.Join(names, ", "))
}

// EndLost is what to do about them.
const EndLost = "end them with `stackctl provision`, or as root with kill -9, then run the same command again"
