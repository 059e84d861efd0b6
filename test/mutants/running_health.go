package main

import "stackctl/test/mutants/fault"

const readyPath = "/health/ready"

// ready changes the readiness answer.
func ready(r fault.Rule) []fault.Rule {
	r.Path = readyPath
	return []fault.Rule{r}
}

// healths make the release slow, ill, or another one.
var healths = []mutant{
	{name: "one answer in ten takes 6 s", row: 13, gates: "G3", rule: "health/latency", faults: ready(fault.Rule{Every: 10, Delay: 6000})},
	{name: "every probe errs", row: 13, gates: "G3", rule: "health/answers", faults: ready(fault.Rule{Status: 500})},
	{name: "one probe in ten errs, quickly", gates: "G3", rule: "health/answers", faults: ready(fault.Rule{Every: 10, Status: 502})},
	{name: "one probe in twenty errs", gates: "G3", rule: "health/answers", faults: []fault.Rule{{Path: "/health/live", Every: 20, Status: 500}}},
	{name: "the home page errs now and then", gates: "G3", rule: "health/answers", faults: []fault.Rule{{Path: "/", Every: 8, Status: 503}}},
	{name: "readiness says ok with another release", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Set: map[string]any{"release": "000000000000"}})},
	{name: "readiness of the right release from another commit", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Set: map[string]any{"commit": "0123456789abcdef0123456789abcdef01234567"}})},
	{name: "every second answer is of another release", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Every: 2, Set: map[string]any{"release": "old"}})},
	{name: "200, but the body says degraded", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Set: map[string]any{"status": "degraded"}})},
	{name: "200, but a dependency is ill", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Set: map[string]any{"checks/redis/status": "unavailable"}})},
	{name: "a dependency is not named", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Remove: []string{"checks/database"}})},
	{name: "a dependency that nobody named is ill", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Set: map[string]any{"checks/mail": map[string]any{"status": "down"}}})},
	{name: "readiness is a page", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Body: text("<h1>ok</h1>"), Header: map[string]string{"Content-Type": "text/html"}})},
	{name: "readiness is empty", gates: "G3", rule: "health/identity", faults: ready(fault.Rule{Body: text("")})},
	{name: "readiness redirects to itself", gates: "G3", rule: "health/answers", faults: ready(fault.Rule{Status: 302, Header: map[string]string{"Location": "/api/health/ready"}})},
	{name: "readiness answers 204", gates: "G3", rule: "health/answers", faults: ready(fault.Rule{Status: 204, Body: text("")})},
	{name: "readiness trickles", gates: "G3", rule: "health/answers", faults: ready(fault.Rule{Trickle: true})},
	{name: "readiness hangs", gates: "G3", rule: "health/answers", faults: ready(fault.Rule{Hang: true})},
	{name: "readiness is cut off half way", gates: "G3", rule: "health/answers", faults: ready(fault.Rule{Half: true})},
	{name: "every answer takes 6 s", gates: "G3", rule: "health/latency", faults: ready(fault.Rule{Delay: 6000})},
	{name: "Redis is down", gates: "G3", rule: "health/answers", server: func(s *server) {
		s.change("docker stop -t 1 "+s.container("redis"), "docker start "+s.container("redis"))
	}},
	{name: "PostgreSQL is frozen", gates: "G3", rule: "health/answers", server: func(s *server) {
		s.change("docker pause "+s.container("postgres"), "docker unpause "+s.container("postgres"))
	}},
	{name: "the API is stopped", gates: "G3 G9", rule: "health/answers", server: func(s *server) {
		s.change("docker stop -t 1 "+s.container("api"), "docker start "+s.container("api"))
	}},
}
