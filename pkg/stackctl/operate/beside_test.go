package operate

import (
	"slices"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAReleaseThatRunsBesideTheLiveOneIsTold(t *testing.T) {
	of := func(release, state string) stack.Container { return stack.Container{Release: release, State: state} }
	for name, c := range map[string]struct {
		live       string
		containers []stack.Container
		want       []string
	}{
		"the live one and the base":   {"new", []stack.Container{of("new", "running"), of("", "running")}, nil},
		"one that runs, and restarts": {"new", []stack.Container{of("new", "running"), of("old", "running"), of("old", "restarting"), of("bad", "paused")}, []string{"old", "bad"}},
		"one that has ended":          {"new", []stack.Container{of("new", "running"), of("old", "exited")}, nil},
		"nothing is live":             {"", []stack.Container{of("old", "running")}, nil},
	} {
		if got := besideOf(c.live, c.containers); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
