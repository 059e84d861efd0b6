package release_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestSecretsOfCommandsAreFoundInTheirLines(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": `services:
  search:
    image: acme/search:1
    command:
      - serve
      - --master-key
      - eitahX7ohM9ooz2y
  cache:
    image: acme/cache:1 # qX7y
    command:
      - --requirepass
      - qX7y
`})
	var found []string
	for _, l := range s.look(t).Literals {
		found = append(found, fmt.Sprint(l.Service, " ", l.Name, " ", l.Line))
	}
	// A short value stands in other lines by chance.
	if got := strings.Join(found, ", "); got != "search --master-key 7" {
		t.Errorf("found %q", got)
	}
}
