package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAnExternalNetworkThatIsMissingIsMade(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stack.Network, *stack.Observed)
		made   bool
	}{
		"missing":               {func(*stack.Network, *stack.Observed) {}, true},
		"there":                 {func(_ *stack.Network, s *stack.Observed) { s.Networks = append(s.Networks, "proxy") }, false},
		"the project's own":     {func(n *stack.Network, _ *stack.Observed) { n.External = false }, false},
		"that nobody is on":     {func(n *stack.Network, _ *stack.Observed) { n.Name = "other" }, false},
		"the server's ingress'": {func(n *stack.Network, _ *stack.Observed) { n.Real = stack.IngressProject }, false},
	} {
		want, seen := wantedShop(), done()
		n := stack.Network{Name: "front", Real: "proxy", External: true}
		c.change(&n, &seen)
		want.Release.Networks = append(want.Release.Networks, n)
		want.Release.Services[2].Networks = append([]string{"front"}, want.Release.Services[2].Networks...)
		const step = "[1] network proxy, the files call it external, and the server has none of that name\n"
		if got := planText(want, seen); strings.HasPrefix(got, step) != c.made || strings.Contains(got, "] network ") != c.made {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// An empty volume in the place of one with data looks like a loss of it.
func TestAnExternalVolumeThatIsMissingIsARefusal(t *testing.T) {
	mount := []stack.Mount{{Type: "volume", Source: "data", Target: "/data"}}
	r := stack.Release{Project: "shop", Volumes: []stack.Volume{{Name: "data", Real: "site_data", External: true}},
		Services: []stack.Service{{Name: "web", Deployed: true, Volumes: mount}}}
	target := stack.Target{Host: "203.0.113.7"}
	err := checkVolumes(r, target, stack.Observed{Volumes: []string{"shop_data"}})
	if err == nil || stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "there is no volume site_data") {
		t.Errorf("got %v", err)
	}
	if err := checkVolumes(r, target, stack.Observed{Volumes: []string{"site_data"}}); err != nil {
		t.Errorf("it is there: %v", err)
	}
	r.Volumes[0].External = false
	if err := checkVolumes(r, target, stack.Observed{}); err != nil {
		t.Errorf("a deploy makes it: %v", err)
	}
	r.Volumes[0].External, r.Services[0].Deployed = true, false
	if err := checkVolumes(r, target, stack.Observed{}); err != nil {
		t.Errorf("nobody mounts it: %v", err)
	}
}
