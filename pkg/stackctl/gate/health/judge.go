package health

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// body is what is wrong with one answer's body.
func body(s gate.Subject, e stack.HealthEndpoint, reply probe.Reply) []string {
	if e.Release == "" && e.Status == "" && len(e.Dependencies) == 0 {
		return nil
	}
	if age := reply.Header.Get("Age"); age != "" && age != "0" {
		// RFC 9111 §5.1: seconds since the service itself said so.
		return []string{"the answer comes from a cache, " + stack.Short(age, 20) + " s old"}
	}
	kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return []string{fmt.Sprintf("the content type is %q, not JSON", kind)}
	}
	var body map[string]any
	if reply.Cut || json.Unmarshal(reply.Body, &body) != nil {
		return []string{"the body is not one JSON object"}
	}
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if e.Status != "" && body[e.Status] != "ok" {
		say("%s is %s, not \"ok\"", e.Status, show(body, e.Status))
	}
	if e.Release != "" {
		if body[e.Release] != s.Release.ID {
			say("%s is %s, not %q", e.Release, show(body, e.Release), s.Release.ID)
		}
		// The commit that the image was built from, not that of the deployed
		// files: an image may come from another repository.
		if built := s.Release.Revision(s.Config.Contract.Service); hex(built) != "" && !sameCommit(body["commit"], built) {
			say("commit is %s, not %q", show(body, "commit"), built)
		}
	}
	return append(problems, dependencies(e, body)...)
}

// looped is the failure of an endpoint that sends visitors round for ever.
const looped = "it redirects to its own address"

// closedPort is the failure of a service that does not listen where it is asked.
const closedPort = "nothing listens on that port for others than the container itself"

// loops reports whether an answer leads back to the address that was asked. One
// that sets a cookie may answer otherwise when it gets it back.
func loops(asked string, reply probe.Reply) bool {
	if reply.Status/100 != 3 || reply.Header.Get("Set-Cookie") != "" || reply.Header.Get("Location") == "" {
		return false
	}
	from, err := url.Parse(asked)
	if err != nil {
		return false
	}
	to, err := from.Parse(reply.Header.Get("Location"))
	return err == nil && address(from) == address(to)
}

// address is a URL without what browsers leave out of comparisons.
func address(u *url.URL) string {
	host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), ":443"), ":80")
	return strings.ToLower(u.Scheme) + "://" + host + "/" + strings.TrimPrefix(u.EscapedPath(), "/") + "?" + u.RawQuery
}

// refused returns how a request was refused, and by which dependency where
// the body names it.
func refused(e stack.HealthEndpoint, reply probe.Reply) string {
	said := fmt.Sprintf("answered %d", reply.Status)
	var body map[string]any
	if reply.Cut || json.Unmarshal(reply.Body, &body) != nil || body["checks"] == nil {
		return said
	}
	if problems := dependencies(e, body); len(problems) > 0 {
		said += ", " + strings.Join(problems[:min(len(problems), 4)], ", ")
	}
	return said
}

// dependencies judges the named dependencies, and every other one that
// the answer names itself.
func dependencies(e stack.HealthEndpoint, body map[string]any) []string {
	checks, _ := body["checks"].(map[string]any)
	names := slices.Clone(e.Dependencies)
	for name := range checks {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var problems []string
	for _, name := range names {
		state := checks[name]
		if m, ok := state.(map[string]any); ok {
			state = m["status"]
		}
		if state == nil {
			problems = append(problems, fmt.Sprintf("dependency %s is not named", name))
		} else if state != "ok" {
			problems = append(problems, fmt.Sprintf("dependency %s is %q, not \"ok\"", name, stack.Short(fmt.Sprint(state), 60)))
		}
	}
	return problems
}

// sameCommit compares commits; one may be the short form of the other,
// and either may say behind it that the tree had changes.
func sameCommit(got any, want string) bool {
	text, _ := got.(string)
	g, w := hex(text), hex(want)
	return len(g) >= 7 && (strings.HasPrefix(g, w) || strings.HasPrefix(w, g))
}

// hex is the commit at the start of a text; empty where there is none.
func hex(text string) string {
	n := 0
	for n < len(text) && strings.IndexByte("0123456789abcdef", text[n]) >= 0 {
		n++
	}
	if n < 7 {
		return ""
	}
	return text[:n]
}

func show(body map[string]any, member string) string {
	v, ok := body[member]
	if !ok {
		return "missing"
	}
	return stack.Short(string(probe.Encode(v)), 80)
}

func judge(r record, p look) []stack.Finding {
	var list []stack.Finding
	add := func(rule stack.Rule, problem, expected, observed, fix string) {
		list = append(list, stack.Finding{Subject: p.label, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Evidence: artifact, Fix: fix})
	}
	if r.Errors > 0 {
		expected := "every request answered with 200"
		if p.endpoint.Reachable {
			expected = "every request answered below 500"
		}
		fix, meanwhile := "read the service's log for these requests", ""
		switch {
		case r.Ended:
			fix, meanwhile = "see its log for why the program ends", ", and the program ended by itself before it answered"
		case r.Failures[closedPort] > 0:
			fix = "let the program listen on all addresses (0.0.0.0, not 127.0.0.1) and on the port that the route and the endpoint name; its log may say where it listens"
		case r.Failures[looped] > 0:
			fix = "the service redirects to HTTPS what the edge brought by HTTPS: let it believe X-Forwarded-Proto, or serve plain HTTP behind the edge"
		}
		add(answersRule, "requests fail", expected,
			fmt.Sprintf("%d of %d failed: %s%s", r.Errors, r.Errors+len(r.Samples), healthList(r.Failures), meanwhile), fix)
	}
	if n := len(r.Samples); n > 0 && r.P95 > r.Threshold {
		add(latencyRule, "too slow", fmt.Sprintf("95th percentile at most %s", r.Threshold),
			fmt.Sprintf("%s over %d samples (median %s, slowest %s)", r.P95.Round(time.Millisecond), n, r.P50.Round(time.Millisecond), r.Max.Round(time.Millisecond)),
			"find what the slow requests wait for, or set the endpoint's p95 in stackctl.yaml")
	}
	if len(r.Samples) < r.Wanted && len(list) == 0 {
		add(samplesRule, "too few samples", fmt.Sprintf("%d samples within %s", r.Wanted, wall), fmt.Sprintf("%d", len(r.Samples)),
			"find what the endpoint waits for")
	}
	for _, problem := range r.Problems {
		add(identityRule, "the answer is not that of this release in good health", "ready, of this release and commit, each dependency ok", problem,
			"see which container answers, and what it says in its log")
	}
	return list
}

func healthList(m map[string]int) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for i, k := range keys {
		keys[i] = fmt.Sprintf("%s (%d)", k, m[k])
	}
	return strings.Join(keys, ", ")
}
