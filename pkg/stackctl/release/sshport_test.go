package release_test

import (
	"strings"
	"testing"
)

func TestTheServersOwnSSHKeepsItsPort(t *testing.T) {
	for ports, c := range map[string]struct {
		at      int
		refused bool
	}{"22:22": {0, true}, "0.0.0.0:22:2222": {0, true}, "127.0.0.1:22:22": {0, false}, "2222:22": {0, false}, "22:22/udp": {0, false}, "2222:2222": {2222, true}, "22:22 ": {2222, false}} {
		s := newProject(t, map[string]string{"compose.yaml": "services:\n  git:\n    image: acme/git:1\n    ports: [\"" + strings.TrimSpace(ports) + "\"]\n"})
		s.target.Port = c.at
		_, err := s.read()
		if c.refused != (err != nil && strings.Contains(err.Error(), "compose.yaml:4: service git publishes the port of the server at which its own SSH answers")) {
			t.Errorf("%s beside SSH at %d: %v", ports, c.at, err)
		}
		if noted := strings.Contains(strings.Join(s.look(t).Notes["git"], " "), "its own SSH"); c.at == 0 && noted != c.refused {
			t.Errorf("%s: init notes it: %v", ports, noted)
		}
	}
}
