package release_test

import (
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// What a cluster cannot carry is told where the file has it, all at once.
func TestWhatAClusterCannotCarryIsToldWithItsLine(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml":      "include: [more/compose.yaml]\nservices:\n  a:\n    image: a:1\n    privileged: true\n    networks: {app: {ipv4_address: 10.1.2.3}}\n  b:\n    image: a:1\n    deploy: {replicas: 2}\nnetworks: {app: {ipam: {config: [{subnet: 10.1.2.0/24}]}}}\n",
		"more/compose.yaml": "services:\n  c:\n    image: a:1\n    volumes:\n      - ./kept:/kept\n    cpu_shares: 5\n",
	})
	if _, err := s.read(); err != nil {
		t.Fatalf("one server takes it: %v", err)
	}
	s.target.Nodes = []stack.Node{{Name: "one", Labels: []string{"edge", "data", "app"}}, {Name: "two", Labels: []string{"app"}}}
	s.refused(t, "compose.yaml:6: service a: networks.app: a Swarm service has no address of its own", "compose.yaml:5: service a: privileged: a Swarm service cannot have it",
		"more/compose.yaml:6: service c: cpuset, cpu_shares", "more/compose.yaml:4: service c: volumes: ", "/data/more/kept is written to", "deploy to a target without nodes")
}
