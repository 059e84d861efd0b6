package release_test

import (
	"strings"
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

func TestAStoreIsNotStartedTwiceOnItsData(t *testing.T) {
	for text, refused := range map[string]bool{
		"{image: 'postgres:16', volumes: ['pg:/data'], deploy: {replicas: 2}}":                                    true,
		"{image: 'postgres:16', volumes: ['./pg:/data'], scale: 2}":                                               true,
		"{image: 'a:1', volumes: ['pg:/data'], deploy: {replicas: 2}, x-stackctl: {layer: data}}":                 true,
		"{image: 'a:1', volumes: ['pg:/data'], deploy: {replicas: 2}, x-stackctl: {layer: data, shared: [pg]}}":   false,
		"{image: 'postgres:16', volumes: ['pg:/data'], deploy: {replicas: 1}}":                                    false,
		"{image: 'redis:7', volumes: ['/data'], deploy: {replicas: 2}}":                                           false,
		"{image: 'redis:7', volumes: ['pg:/data:ro'], deploy: {replicas: 2}}":                                     false,
		"{image: 'a:1', volumes: ['pg:/uploads'], deploy: {replicas: 2}, x-stackctl: {layer: app, shared: [pg]}}": false,
		"{image: 'a:1', volumes: ['pg:/uploads'], deploy: {replicas: 2}, x-stackctl: {layer: app}}":               false,
	} {
		s := newProject(t, map[string]string{"compose.yaml": "services:\n  db: " + text + "\nvolumes: {pg: {}}\n"})
		if !refused {
			if _, err := s.read(); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		s.refused(t, "compose.yaml:2: service db keeps data in ", "give it one container")
	}
}

// A service is recreated because the file says so alone: it has the name by which it
// is reached for all that.
func TestAServiceThatIsRecreatedByItsOwnWordHasALastingName(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    x-stackctl: {strategy: recreate}\n  b:\n    image: a:1\n    x-stackctl: {strategy: overlap}\n    volumes: ['vv:/v']\nvolumes: {vv: {}}\n"})
	r, err := s.read()
	must(t, err)
	for name, lasts := range map[string]bool{"a": true, "b": false} {
		svc, _ := r.Service(name)
		alias := stack.LastingUpstream(r.Project, name)
		if (svc.Upstream == alias) != lasts || strings.Contains(string(r.App), "- "+alias+"\n") != lasts {
			t.Errorf("%s is reached by %q, and has\n%s", name, svc.Upstream, r.App)
		}
	}
}
