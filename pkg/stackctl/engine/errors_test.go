package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestWhatTheHostIsToBlameForHasARemedy(t *testing.T) {
	for says, want := range map[string]string{
		"driver failed programming external connectivity on endpoint shop-edge-1: Bind for 0.0.0.0:443 failed: port is already allocated": "docker ps",
		"Error starting userland proxy: listen tcp4 0.0.0.0:443: bind: address already in use":                                            "ss -ltnp",
		`Conflict. The container name "/shop-edge-1" is already in use by container "406c". You have to remove (or rename) it`:            "somebody else's",
		"iptables --wait -t nat -A DOCKER -p tcp -d 0/0 --dport 443 -j DNAT: iptables: No chain/target/match by that name.":               "systemctl restart docker",
		"could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network":                      "docker network prune",
		"Pool overlaps with other one on this address space":                                                                              "another subnet",
		"the health check failed": "",
	} {
		if got := fixFor(errors.New(says)); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: the remedy is %q", says, got)
		}
	}
}
