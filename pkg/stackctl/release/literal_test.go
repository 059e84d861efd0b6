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

func TestSecretsAmongTheSettingsInAVariableAreFoundAndMasked(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": `services:
  board:
    image: acme/board:1
    environment:
      SETTINGS: |
        sasl:
          password: eitahX7ohM9o
`})
	literals := s.look(t).Literals
	if len(literals) != 1 || literals[0].Name != "password" || literals[0].Line != 7 {
		t.Errorf("found %v", literals)
	}
	r, err := s.read()
	must(t, err)
	if got := r.Known["password in SETTINGS"]; got != "eitahX7ohM9o" {
		t.Errorf("known are %v", r.Known)
	}
}

// A user who is called as the project stands in every path.
func TestASecretFileThatHoldsTheProjectsNameMasksNothing(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  a:\n    image: a:1\n    secrets: [user, password]\nsecrets: {user: {file: ./user}, password: {file: ./password}}\n",
		"user":         "monitor\n", "password": "eitahX7ohM9o\n",
	})
	s.config.Project = "monitor"
	r, err := s.read()
	must(t, err)
	if _, masked := r.Known["user"]; masked || r.Known["password"] != "eitahX7ohM9o" {
		t.Errorf("known are %v", r.Known)
	}
}
