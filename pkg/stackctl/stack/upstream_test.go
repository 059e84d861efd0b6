package stack_test

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// A name by which the edge reaches a service is one that a resolver looks up, and no
// two services have one.
func TestALongServiceHasAHostName(t *testing.T) {
	const id = "0123456789ab"
	if got := stack.Upstream("api", id); got != "api-"+id {
		t.Errorf("api is reached as %s", got)
	}
	seen := map[string]bool{}
	for _, service := range []string{strings.Repeat("a", 50), strings.Repeat("a", 51), strings.Repeat("a", 70), strings.Repeat("a", 69) + "b"} {
		for _, name := range []string{stack.Upstream(service, id), stack.LastingUpstream("shop", service)} {
			if len(name) > stack.MostLabel || seen[name] {
				t.Errorf("%s has %d letters, or is another one's", name, len(name))
			}
			seen[name] = true
		}
		if !strings.HasSuffix(stack.Upstream(service, id), "-"+id) {
			t.Errorf("%s names no release", stack.Upstream(service, id))
		}
	}
}
