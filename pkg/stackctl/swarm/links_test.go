package swarm

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"

	"stackctl/pkg/stackctl/provision"
)

func TestALinkThatIsNarrowerThanANetworkIsTold(t *testing.T) {
	net := func(name, size string) network.Summary {
		n := network.Summary{Network: network.Network{Name: name, Options: map[string]string{}}}
		if size != "" {
			n.Options[mtuOption] = size
		}
		return n
	}
	links := []provision.Link{{From: "one", To: "two", MTU: 1500}, {From: "one", To: "three", MTU: 1400}, {From: "three", To: "two", MTU: 0}}
	const told = "packets from one to three arrive whole up to 1400 bytes, and the project's networks were made for 1500"
	for name, c := range map[string]struct {
		networks []network.Summary
		want     string
	}{
		"none yet":                {nil, ""},
		"made for what passes":    {[]network.Summary{net("shop_data", "1400"), net("shop_app", "1280")}, ""},
		"made for a wider one":    {[]network.Summary{net("shop_data", ""), net("shop_app", "1450"), net("fits", "1400")}, told},
		"an option without sense": {[]network.Summary{net("shop_data", "x"), net("shop_app", "")}, told},
	} {
		if got := strings.Join(tooNarrow(links, c.networks), "\n"); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
