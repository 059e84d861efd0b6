package deploy

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// edgePatience is how long an edge may take to answer before it is started anew.
const edgePatience = 10 * time.Second

// spareEdge takes an edge for healthy whose health check says otherwise, but
// which answers: where a server has too little CPU its checks come late, and a
// start anew would end every connection. No step then touches it.
func (x *executor) spareEdge(ctx context.Context) {
	for i, c := range x.seen.Containers {
		if c.Layer != stack.LayerEdge || c.Project != x.want.Release.Project || c.State != "running" || c.Health != "unhealthy" && c.Health != "starting" {
			continue
		}
		api, reached := x.edgeOf(c)
		if !reached {
			continue // the plan starts it anew
		}
		ctx, cancel := context.WithTimeout(ctx, x.stretch(edgePatience))
		err := api.Answers(ctx)
		cancel()
		if err == nil {
			x.note(c.Service + " is " + c.Health + " by its health check, but answers: it is left as it is. The server may be overloaded; look at its CPU")
			x.seen.Containers[i].Health = "healthy"
		}
	}
}

// overloaded is the load of a server on whose cores more than twice as many
// programs wait as there are; empty: there are fewer, or it does not tell.
func overloaded(ctx context.Context, h node.Host, cores int) string {
	out, err := h.Run(ctx, "cat", "/proc/loadavg")
	if err != nil || out.Exit != 0 {
		return ""
	}
	minute, _, _ := strings.Cut(string(out.Stdout), " ")
	load, err := strconv.ParseFloat(minute, 64)
	if err != nil || cores < 1 || load <= 2*float64(cores) {
		return ""
	}
	return fmt.Sprintf("a load average of %s on %d cores", minute, cores)
}
