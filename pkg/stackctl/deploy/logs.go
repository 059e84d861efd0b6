package deploy

import (
	"bytes"
	"context"
	"strings"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// logLines is how many last lines of a service are kept in the report.
const logLines = 50

// logs keeps the last lines of a project's containers that are not well.
func (x *executor) logs(ctx context.Context, project string) {
	ctx, cancel := aside(ctx)
	defer cancel()
	containers, err := x.server.Containers(ctx)
	if err != nil {
		return
	}
	for _, c := range containers {
		if c.Project != project || c.State == "running" && (c.Health == "healthy" || c.Health == "none" || c.Health == "") {
			continue
		}
		var out bytes.Buffer
		if err := x.server.Logs(ctx, c.ID, stack.LogOptions{Tail: logLines}, &out, &out); err == nil {
			x.keepLog(c.Service, out.String())
		}
	}
}

func (x *executor) keepLog(service, text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.report.Logs[service] = lastLines(text, logLines)
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
