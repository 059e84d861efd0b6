package traefik

import (
	"testing"
)

func TestRuleMeets(t *testing.T) {
	site := Request{"example.org", "/api/auth/login", "POST"}
	for rule, want := range map[string]answer{
		"Host(`example.org`)":                                       Yes,
		"Host(`EXAMPLE.org`) && PathPrefix(`/api/`)":                Yes,
		"Host(`other.org`) || PathPrefix(`/api/`)":                  Yes,
		"Host(`other.org`) && (PathPrefix(`/api/`) || Path(`/`))":   No,
		"!Host(`example.org`)":                                      No,
		"!(Host(`other.org`) && Path(`/`))":                         Yes,
		"HostRegexp(`.+`)":                                          Yes,
		"HostRegexp(`^[a-z]+\\.example\\.net$`)":                    No,
		"Host(`example.org`) && Method(`GET`)":                      No,
		"Host(`example.org`) && Method(\"POST\")":                   Yes,
		"Host(`example.org`) && Header(`X-A`, `1`)":                 Perhaps,
		"Header(`X-A`, `1`)":                                        Perhaps,
		"PathRegexp(`^/api/(auth|users)/`) && ClientIP(`10.0.0.1`)": Perhaps,
		"Host(`example.org`":                                        Perhaps,
		"Host(`a`) Host(`b`)":                                       Perhaps,
	} {
		if got := Meets(rule, site); got != want {
			t.Errorf("%s: %d, want %d", rule, got, want)
		}
	}
	if got := Meets("Host(`example.org`) && Path(`/only`)", Request{Host: "example.org"}); got != Perhaps {
		t.Errorf("any path: %d", got)
	}
}
