package release_test

import (
	"context"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

func TestMistakesOfManyFilesAreToldInPlainWords(t *testing.T) {
	for text, want := range map[string]string{
		"services:\n  web:\n    image: acme/web:1\n    networks: {\"${NET}\": {}}\nnetworks: {front: }\n":                                                         "compose.yaml:4: services.web.networks has the key '${NET}', and Compose puts no variable into a key; write the name itself",
		"x-env: &env\nservices:\n  web:\n    image: acme/web:1\n    environment: {<<: *env, MODE: api}\n":                                                         "compose.yaml:1: what begins here is merged elsewhere by `<<`, and has no keys; write keys below it",
		"services:\n  web:\n    image: acme/web:1\n    networks:\n      - front\n      - \"${NET}\"\nnetworks: {front: }\n":                                       `compose.yaml:6: service web names the network "${NET}", and the variable NET has no value; set it in the env file`,
		"services:\n  web:\n    image: acme/web:1\n    depends_on:\n      - \"${STORE}\"\n  db:\n    image: postgres:16\n    volumes: [\"d:/d\"]\nvolumes: {d: }": `compose.yaml:5: service web names the service "${STORE}", and the variable STORE has no value`,
		"services:\n  web:\n    image: acme/web:1\n    networks: [\"${NET-}\"]\nnetworks: {front: }\n":                                                            `compose.yaml:2: service web names the network "", which is not defined`,
		"services:\n  web:\n    image: acme/web:1\nx-deep: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n":                                         "compose.yaml:4: its values lie more than 100 deep in each other",
	} {
		s := newProject(t, map[string]string{"compose.yaml": text})
		_, err := release.Look(context.Background(), s.config, s.target.Domain)
		if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
