package deploy

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// logLines is how many last lines of a service are kept in the report.
const logLines = 50

// logs keeps the last lines of a project's containers that are not well, or ended
// meanwhile: of those it also notes how often. A container that has just been
// started again looks well.
func (x *executor) logs(ctx context.Context, project string) {
	ctx, cancel := node.Aside(ctx)
	defer cancel()
	containers, err := x.server.Containers(ctx)
	if err != nil {
		return
	}
	for _, c := range containers {
		well := c.State == "running" && (c.Health == "healthy" || c.Health == "none" || c.Health == "")
		if c.Project != project || well && c.Restarts == 0 {
			continue
		}
		var out bytes.Buffer
		err := x.server.Logs(ctx, c.ID, stack.LogOptions{Tail: logLines}, &out, &out)
		if first := err == nil && x.keepLog(c.Service, out.String()); first && c.Restarts > 0 {
			x.note(ended(c))
		}
	}
}

// ended returns how often a container ended by itself, and what the engine knows of it.
func ended(c stack.Container) string {
	said := fmt.Sprintf("%s of release %s ended by itself and was started again (restarts so far: %d)", c.Service, c.Release, c.Restarts)
	if c.OutOfMemory {
		said += "; it was killed for want of memory: raise its mem_limit, or let it use less"
	}
	return said
}

// keepLog keeps the last lines of a service, and reports whether they are its first
// ones. What they tell of a store is noted.
func (x *executor) keepLog(service, text string) bool {
	x.mu.Lock()
	_, there := x.report.Logs[service]
	x.report.Logs[service] = lastLines(text, logLines)
	x.mu.Unlock()
	if !there {
		for _, sign := range readSigns(service, text) {
			x.note(sign)
		}
	}
	return !there
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// staffPassword is the clear password of the edge's guarded API.
func (x *executor) staffPassword() string {
	raw, err := given.Read(x.d.Config.Traefik.Staff.PasswordFile, given.Most)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}
