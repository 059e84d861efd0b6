package headers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// errNoHTTP2 means that the edge does not speak HTTP/2, which is no fault.
var errNoHTTP2 = errors.New("the edge does not speak HTTP/2")

// exchangeHTTP2 makes one exchange over HTTP/2 (RFC 9113).
func (w *wire) exchangeHTTP2(ctx context.Context, a ask) reply {
	transport := &http.Transport{
		ForceAttemptHTTP2:  true,
		DisableCompression: true,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return w.dial(ctx, a)
		},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, a.method, "https://"+a.host+a.path, nil)
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("User-Agent", "stackctl-gate")
	for _, line := range a.lines {
		name, value, _ := strings.Cut(line, ":")
		req.Header.Add(name, strings.TrimSpace(value))
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, askBodyLimit))
	if err != nil {
		return reply{err: err}
	}
	return reply{status: res.StatusCode, header: res.Header, body: body}
}

// overHTTP2 asks again as browsers do: a rule of the edge can tell the
// protocols apart, by a header that only one of them has.
func (g *visit) overHTTP2(ctx context.Context, j *judge, login staffLogin) {
	places := g.places(j)
	if len(places) == 0 {
		return
	}
	first := g.wire.send(ctx, ask{label: "GET " + places[0].host + "/ {HTTP/2}", method: "GET", host: places[0].host, path: "/", h2: true})
	if errors.Is(first.err, errNoHTTP2) {
		g.note(errNoHTTP2.Error())
		return
	}
	each(places, func(p publicPlace) {
		missing := strings.TrimSuffix(p.prefix, "/") + "/zz-" + g.nonce
		for _, a := range []ask{
			{label: "{route, HTTP/2}", method: "GET", path: p.prefix},
			{label: "{missing, HTTP/2}", method: "GET", path: missing},
			{label: "{method, HTTP/2}", method: "DELETE", path: missing},
		} {
			a.host, a.h2 = p.host, true
			a.label = a.method + " " + p.host + p.prefix + " " + a.label
			g.judgePublic(ctx, a)
		}
	})
	each(g.staffPlaces(j), func(p staffPlace) { g.staffHTTP2(ctx, p, login) })
}

// staffHTTP2 sees that a guard that holds over HTTP/1.1 holds over HTTP/2.
func (g *visit) staffHTTP2(ctx context.Context, p staffPlace, login staffLogin) {
	try := func(what string, h2 bool, lines ...string) reply {
		a := ask{label: "GET " + p.host + p.path + " {" + what + "}", method: "GET", host: p.host, path: p.path, h2: h2, lines: lines}
		r := g.wire.send(ctx, a)
		if r.err != nil {
			g.fail("ask "+a.label, r.err)
			return r
		}
		g.saw(1)
		g.staffHeaders(p, r)
		return r
	}
	open := func(rule stack.Rule, r reply, problem string) {
		if r.err == nil && !refused(r.status) {
			g.finding(rule, "staff "+p.host+p.path, problem, "401 or 403", fmt.Sprintf("%d over HTTP/2", r.status), "guard the route with basicAuth and ipAllowList, by the host alone")
		}
	}
	open(staffPasswordRule, try("no password, HTTP/2", true), "no password is asked for")
	if !login.known {
		return
	}
	plain := try("right password, HTTP/1.1", false, basic(login.user, login.password))
	if plain.err != nil || plain.status != 403 {
		return // this address is let in
	}
	open(staffAllowlistRule, try("right password, HTTP/2", true, basic(login.user, login.password)), "the right password is taken from a wrong address")
	if i := slices.IndexFunc(spoofs(p.allowed), func(s spoof) bool { return s.what == "X-Forwarded-For" }); i >= 0 {
		open(clientAddressRule, try("X-Forwarded-For, HTTP/2", true, append([]string{basic(login.user, login.password)}, spoofs(p.allowed)[i].lines...)...), "a claimed address is believed: X-Forwarded-For")
	}
}
