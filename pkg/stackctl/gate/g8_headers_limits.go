package gate

import (
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// No client of a site reaches these: a limit above them limits nobody.
const (
	mostPerSecond = 10_000
	mostAtOnce    = 100_000
)

// limit judges by whom a rate is counted, and whether it can ever be reached.
func (j *headerJudge) limit(mw edgeMiddleware, finding func(problem, expected, observed, fix string)) {
	by := mw.node.first("sourceCriterion")
	if name := by.text("requestHeaderName"); name != "" {
		finding("clients choose by whom their rate is counted", "the address of the connection", "sourceCriterion.requestHeaderName: "+shorten(name), "remove sourceCriterion: who changes the header begins anew")
	}
	if by.truth("requestHost") {
		finding("all clients share one rate", "the address of the connection", "sourceCriterion.requestHost", "remove sourceCriterion: one client could shut out all others")
	}
	if claimed(by.first("ipStrategy")) {
		finding("the rate believes what clients say of their address", "the address of the connection", "sourceCriterion.ipStrategy", "remove ipStrategy")
	}
	if mw.kind != "ratelimit" {
		return
	}
	if rate := perSecond(mw.node); rate > mostPerSecond {
		finding("the rate limits nobody", strconv.Itoa(mostPerSecond)+" requests a second and client at most", strconv.FormatFloat(rate, 'f', -1, 64), "write what one client may need")
	}
	if burst, _ := strconv.ParseFloat(mw.node.text("burst"), 64); burst > mostAtOnce {
		finding("the rate limits nobody", "a burst of "+strconv.Itoa(mostAtOnce)+" at most", mw.node.text("burst"), "write what one client may need at once")
	}
}

// claimed says that an ipStrategy takes the address from a header that
// clients send too.
func claimed(strategy *edgeNode) bool {
	depth, _ := strconv.Atoi(strategy.text("depth"))
	return depth > 0 || len(strategy.list("excludedIPs")) > 0
}

// perSecond is the rate of a rateLimit middleware; 0: it has none.
func perSecond(n *edgeNode) float64 {
	average, err := strconv.ParseFloat(n.text("average"), 64)
	if err != nil || average <= 0 {
		return 0
	}
	period := time.Second
	if text := n.text("period"); text != "" {
		if d, err := time.ParseDuration(text); err == nil && d > 0 {
			period = d
		} else if s, err := strconv.ParseFloat(text, 64); err == nil && s > 0 {
			period = time.Duration(s * float64(time.Second))
		}
	}
	return average / period.Seconds()
}

// forwarded judges a guard that asks another service who the visitor is.
func (j *headerJudge) forwarded(mw edgeMiddleware, finding func(problem, expected, observed, fix string)) {
	if mw.node.truth("trustForwardHeader") {
		finding("the guard believes what clients say of themselves", "trustForwardHeader: false", "true", "remove trustForwardHeader")
	}
	if mw.node.truth("tls", "insecureSkipVerify") {
		finding("the guard believes any certificate", "insecureSkipVerify: false", "true", "remove it, and name the authority in tls.ca")
	}
	address := mw.node.text("address")
	plain, isPlain := strings.CutPrefix(strings.ToLower(address), "http://")
	host, _, _ := strings.Cut(strings.SplitN(plain, "/", 2)[0], ":")
	if _, own := j.subject.Release.Service(host); isPlain && !own {
		finding("passwords go to the guard unencrypted", "https, or a service of the compose files", shorten(address), "write https://")
	}
}

// timeouts sees that a client that sends nothing is let go.
func (j *headerJudge) timeouts(e edgeEntryPoint, at func(subject, problem, expected, observed, fix string, line int)) {
	n := e.node.first("transport", "respondingTimeouts", "readTimeout")
	if n == nil || n.value == "" {
		return
	}
	d, err := time.ParseDuration(n.value)
	if err != nil {
		seconds, _ := strconv.ParseFloat(n.value, 64)
		d = time.Duration(seconds * float64(time.Second))
	}
	if d <= 0 {
		at("entry point "+e.name, "a client that sends nothing is waited for without end", "a readTimeout above 0", n.value, "write readTimeout: 60s", n.line)
	}
}

// traced finds headers with passwords and sessions among what is traced.
func (j *headerJudge) traced(at func(subject, problem, expected, observed, fix string, line int)) {
	for _, n := range j.model.static.root.find("tracing") {
		for _, key := range []string{"capturedRequestHeaders", "capturedResponseHeaders"} {
			for _, name := range n.list(key) {
				if secretHeader(name) {
					at("edge tracing", "passwords and sessions are sent to the traces", "no "+name+" in "+key, name, "remove it", n.line)
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
func (j *headerJudge) transports() {
	for _, src := range j.model.dynamic {
		for _, all := range src.root.find("http", "serversTransports") {
			for _, n := range all.kids {
				if n.truth("insecureSkipVerify") {
					j.add(stack.Finding{Subject: "transport " + n.name, Problem: "the edge believes any certificate of its services", Expected: "insecureSkipVerify: false",
						Observed: "true", Fix: "remove it, and name the authority in rootCAs", File: src.where, Line: n.line})
				}
			}
		}
		for _, all := range src.root.find("http", "services") {
			for _, n := range all.kids {
				j.sticky(src, n)
			}
		}
	}
}

// sticky sees that the edge's own cookie is kept like the app's.
func (j *headerJudge) sticky(src edgeSource, service *edgeNode) {
	for _, kind := range []string{"loadBalancer", "weighted"} {
		for _, c := range service.find(kind, "sticky", "cookie") {
			if !c.truth("secure") || !c.truth("httpOnly") {
				j.add(stack.Finding{Subject: "service " + service.name, Problem: "the edge sets a cookie that anybody on the way can read", Expected: "secure: true and httpOnly: true",
					Observed: "sticky.cookie without one of them", Fix: "write both", File: src.where, Line: c.line})
			}
		}
	}
}
