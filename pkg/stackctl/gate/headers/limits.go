package headers

import (
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// No client of a site reaches these: a limit above them limits nobody.
const (
	mostPerSecond = 10_000
	mostAtOnce    = 100_000
)

// limit judges by whom a rate is counted, and whether it can ever be reached.
func (j *judge) limit(mw traefik.Middleware, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	by := mw.Node.First("sourceCriterion")
	if name := by.Text("requestHeaderName"); name != "" {
		finding(rateLimitRule, "clients choose by whom their rate is counted", "the address of the connection", "sourceCriterion.requestHeaderName: "+probe.Shown(name), "remove sourceCriterion: who changes the header begins anew")
	}
	if by.Truth("requestHost") {
		finding(rateLimitRule, "all clients share one rate", "the address of the connection", "sourceCriterion.requestHost", "remove sourceCriterion: one client could shut out all others")
	}
	if claimed(by.First("ipStrategy")) {
		finding(clientAddressRule, "the rate believes what clients say of their address", "the address of the connection", "sourceCriterion.ipStrategy", "remove ipStrategy")
	}
	if mw.Kind != "ratelimit" {
		return
	}
	if rate := perSecond(mw.Node); rate > mostPerSecond {
		finding(rateLimitRule, "the rate limits nobody", strconv.Itoa(mostPerSecond)+" requests a second and client at most", strconv.FormatFloat(rate, 'f', -1, 64), "write what one client may need")
	}
	if burst, _ := strconv.ParseFloat(mw.Node.Text("burst"), 64); burst > mostAtOnce {
		finding(rateLimitRule, "the rate limits nobody", "a burst of "+strconv.Itoa(mostAtOnce)+" at most", mw.Node.Text("burst"), "write what one client may need at once")
	}
}

// claimed reports whether an ipStrategy takes the address from a header that
// clients send too.
func claimed(strategy *traefik.Node) bool {
	depth, _ := strconv.Atoi(strategy.Text("depth"))
	return depth > 0 || len(strategy.List("excludedIPs")) > 0
}

// perSecond is the rate of a rateLimit middleware; 0: it has none.
func perSecond(n *traefik.Node) float64 {
	average, err := strconv.ParseFloat(n.Text("average"), 64)
	if err != nil || average <= 0 {
		return 0
	}
	period := time.Second
	if text := n.Text("period"); text != "" {
		if d, err := time.ParseDuration(text); err == nil && d > 0 {
			period = d
		} else if s, err := strconv.ParseFloat(text, 64); err == nil && s > 0 {
			period = time.Duration(s * float64(time.Second))
		}
	}
	return average / period.Seconds()
}

// forwarded judges a guard that asks another service who the visitor is.
func (j *judge) forwarded(mw traefik.Middleware, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	if mw.Node.Truth("trustForwardHeader") {
		finding(clientAddressRule, "the guard believes what clients say of themselves", "trustForwardHeader: false", "true", "remove trustForwardHeader")
	}
	if mw.Node.Truth("tls", "insecureSkipVerify") {
		finding(upstreamTrustRule, "the guard believes any certificate", "insecureSkipVerify: false", "true", "remove it, and name the authority in tls.ca")
	}
	address := mw.Node.Text("address")
	plain, isPlain := strings.CutPrefix(strings.ToLower(address), "http://")
	host, _, _ := strings.Cut(strings.SplitN(plain, "/", 2)[0], ":")
	if _, own := j.subject.Release.Service(host); isPlain && !own {
		finding(usersFileRule, "passwords go to the guard unencrypted", "https, or a service of the compose files", probe.Shown(address), "write https://")
	}
}

// timeouts sees that a client that sends nothing is let go.
func (j *judge) timeouts(e traefik.EntryPoint, at func(rule stack.Rule, subject, problem, expected, observed, fix string, line int)) {
	n := e.Node.First("transport", "respondingTimeouts", "readTimeout")
	if n == nil || n.Value == "" {
		return
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil {
		seconds, _ := strconv.ParseFloat(n.Value, 64)
		d = time.Duration(seconds * float64(time.Second))
	}
	if d <= 0 {
		at(timeoutsRule, "entry point "+e.Name, "a client that sends nothing is waited for without end", "a readTimeout above 0", n.Value, "write readTimeout: 60s", n.Line)
	}
}

// traced finds headers with passwords and sessions among what is traced.
func (j *judge) traced(at func(rule stack.Rule, subject, problem, expected, observed, fix string, line int)) {
	for _, n := range j.model.Static.Root.Find("tracing") {
		for _, key := range []string{"capturedRequestHeaders", "capturedResponseHeaders"} {
			for _, name := range n.List(key) {
				if secretHeader(name) {
					at(loggedSecretsRule, "edge tracing", "passwords and sessions are sent to the traces", "no "+name+" in "+key, name, "remove it", n.Line)
				}
			}
		}
	}
}

// secretHeaders carry what lets in whoever has it.
var secretHeaders = []string{"Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization"}

func secretHeader(name string) bool {
	for _, h := range secretHeaders {
		if strings.EqualFold(h, strings.TrimSpace(name)) {
			return true
		}
	}
	return false
}

// transports judges whom the edge believes to be its services.
func (j *judge) transports() {
	for _, src := range j.model.Dynamic {
		for _, all := range src.Root.Find("http", "serversTransports") {
			for _, n := range all.Kids {
				// The own edge has one for routes that say scheme: https.
				if n.Truth("insecureSkipVerify") && !j.subject.Config.Traefik.Own {
					j.add(stack.Finding{Subject: "transport " + n.Name, Rule: upstreamTrustRule.ID, Problem: "the edge believes any certificate of its services", Expected: "insecureSkipVerify: false",
						Observed: "true", Fix: "remove it, and name the authority in rootCAs", File: src.Where, Line: n.Line})
				}
			}
		}
		for _, all := range src.Root.Find("http", "services") {
			for _, n := range all.Kids {
				j.sticky(src, n)
			}
		}
	}
}

// sticky sees that the edge's own cookie is kept like the app's.
func (j *judge) sticky(src traefik.Source, service *traefik.Node) {
	for _, kind := range []string{"loadBalancer", "weighted"} {
		for _, c := range service.Find(kind, "sticky", "cookie") {
			if !c.Truth("secure") || !c.Truth("httpOnly") {
				j.add(stack.Finding{Subject: "service " + service.Name, Rule: stickyCookieRule.ID, Problem: "the edge sets a cookie that anybody on the way can read", Expected: "secure: true and httpOnly: true",
					Observed: "sticky.cookie without one of them", Fix: "write both", File: src.Where, Line: c.Line})
			}
		}
	}
}
