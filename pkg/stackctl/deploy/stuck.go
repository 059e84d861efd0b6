package deploy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// nobodysHost is a host that no route is for (RFC 6761, section 6.4): the edge
// answers for it by itself, however slow the application is.
const nobodysHost = "stackctl.invalid"

// markStuck takes an edge for unhealthy that takes visitors' requests and finishes
// none within a time, whatever its health check says: the plan then starts it anew. An Engine that
// is restarted under live-restore may read a container's log no more, and a program
// that logs its requests waits for it for ever. On an overloaded server an edge that
// is late is left as it is.
func (x *executor) markStuck(ctx context.Context, patience time.Duration) {
	for i, c := range x.seen.Containers {
		if c.Layer != stack.LayerEdge || c.Project != x.want.Release.Project || c.State != "running" || c.Health == "unhealthy" {
			continue
		}
		if !x.stuck(ctx, c, patience) || overloaded(ctx, x.server, x.seen.Host.CPUs) != "" || !x.stuck(ctx, c, patience) {
			continue
		}
		x.note(c.Service + " takes requests and finishes none, though its health check passes: it is started anew. " +
			"An Engine that was restarted may read a container's log no more")
		x.seen.Containers[i].Health = "unhealthy"
	}
}

// stuck reports whether an edge takes a request that it must answer by itself, and
// lets its time pass. Whatever else it does, an error included, is not stuck.
func (x *executor) stuck(ctx context.Context, c stack.Container, patience time.Duration) bool {
	limit, cancel := context.WithTimeout(ctx, x.stretch(patience))
	defer cancel()
	for _, address := range c.Addresses {
		if address == "" {
			continue
		}
		req, err := http.NewRequestWithContext(limit, http.MethodGet, "https://"+net.JoinHostPort(address, securePort(c))+"/", http.NoBody)
		if err != nil {
			return false
		}
		req.Host = nobodysHost
		transport := &http.Transport{DialContext: x.server.DialContext, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{ServerName: x.d.Target.Domain, InsecureSkipVerify: true}} //nolint:gosec // G1 judges the certificate; this asks whether there is an answer
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
			_ = resp.Body.Close()
		}
		return ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
	}
	return false
}

// securePort is the port in an edge's container that visitors reach as 443.
func securePort(c stack.Container) string {
	for _, p := range c.Ports {
		if p.Published == "443" && p.Protocol != "udp" {
			return strconv.Itoa(int(p.Target))
		}
	}
	return "443"
}
