package gate

import "testing"

func TestRuleMeets(t *testing.T) {
	site := ruleAsk{"example.org", "/api/auth/login", "POST"}
	for rule, want := range map[string]may{
		"Host(`example.org`)":                                       mayYes,
		"Host(`EXAMPLE.org`) && PathPrefix(`/api/`)":                mayYes,
		"Host(`other.org`) || PathPrefix(`/api/`)":                  mayYes,
		"Host(`other.org`) && (PathPrefix(`/api/`) || Path(`/`))":   mayNo,
		"!Host(`example.org`)":                                      mayNo,
		"!(Host(`other.org`) && Path(`/`))":                         mayYes,
		"HostRegexp(`.+`)":                                          mayYes,
		"HostRegexp(`^[a-z]+\\.example\\.net$`)":                    mayNo,
		"Host(`example.org`) && Method(`GET`)":                      mayNo,
		"Host(`example.org`) && Method(\"POST\")":                   mayYes,
		"Host(`example.org`) && Header(`X-A`, `1`)":                 mayPerhaps,
		"Header(`X-A`, `1`)":                                        mayPerhaps,
		"PathRegexp(`^/api/(auth|users)/`) && ClientIP(`10.0.0.1`)": mayPerhaps,
		"Host(`example.org`":                                        mayPerhaps,
		"Host(`a`) Host(`b`)":                                       mayPerhaps,
	} {
		if got := ruleMeets(rule, site); got != want {
			t.Errorf("%s: %d, want %d", rule, got, want)
		}
	}
	if got := ruleMeets("Host(`example.org`) && Path(`/only`)", ruleAsk{host: "example.org"}); got != mayPerhaps {
		t.Errorf("any path: %d", got)
	}
}
