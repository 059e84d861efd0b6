package release_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

func TestMistakesOfManyFilesAreToldInPlainWords(t *testing.T) {
	for text, want := range map[string]string{
		"services:\n  web:\n    image: acme/web:1\n    networks: {\"${NET}\": {}}\nnetworks: {front: }\n":                                                           "compose.yaml:4: services.web.networks has the key '${NET}', and Compose puts no variable into a key; write the name itself",
		"x-env: &env\nservices:\n  web:\n    image: acme/web:1\n    environment: {<<: *env, MODE: api}\n":                                                           "compose.yaml:1: what begins here is merged elsewhere by `<<`, and has no keys; write keys below it",
		"services:\n  web:\n    image: acme/web:1\n    networks:\n      - front\n      - \"${NET}\"\nnetworks: {front: }\n":                                         `compose.yaml:6: service web names the network "${NET}", and the variable NET has no value; set it in the env file`,
		"services:\n  web:\n    image: acme/web:1\n    depends_on:\n      - \"${STORE}\"\n  db:\n    image: postgres:16\n    volumes: [\"dd:/d\"]\nvolumes: {dd: }": `compose.yaml:5: service web names the service "${STORE}", and the variable STORE has no value`,
		"services:\n  web:\n    image: acme/web:1\n    networks: [\"${NET-}\"]\nnetworks: {front: }\n":                                                              `compose.yaml:4: service web names the network "", which is not defined`,
		"services:\n  web:\n    image: acme/web:1\nx-deep: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n":                                           "compose.yaml:4: its values lie more than 100 deep in each other",
		"services:\n  web:\n  db: {image: 'postgres:16'}\n":                                                                                                         "compose.yaml:2: service web has no settings; indent what belongs to it below its name",
		"services:\n  web:\n    ports: [\"80:80\"]\n":                                                                                                               "compose.yaml:2: service web has neither an image nor a build section; give it `image: NAME:VERSION`",
		"services:\n  web:\n    image: acme/web:1\n    ports: 80\n":                                                                                                 "compose.yaml:4: services.web.ports must be a list; write each entry on a line of its own",
		"services:\n  - web: {image: nginx}\n":                                                                                                                      "compose.yaml:1: services must be a mapping; write NAME: and its settings below it",
		"services: {}\n":                                                                                                                                            "the file has no services; write them below `services:`",
		"services:\n<<<<<<< HEAD\n  web:\n    image: a:1\n=======\n  web:\n    image: a:2\n>>>>>>> other\n":                                                         "compose.yaml:2: the file has the marks of a merge that is not done",
		"services:\n  web:\n    image: acme/web:1\n\tports: [\"80:80\"]\n":                                                                                          "compose.yaml:4: the line is indented with a tab",
		"services:\n  a:\n    image: a:1\n    command: |\n      run\n      \tthis\n  b:\n\timage: b:1\n":                                                            "compose.yaml:8: the line is indented with a tab",
		"services:\n  web:\n    image: @acme/web\n":                                                                                                                 "compose.yaml:3: a value begins with @, % or `",
		"services:\n  web:\n    image: acme/web:1\n    command: run: it\n":                                                                                          "compose.yaml:4: a value has a colon with a space after it; write the value in quotes",
		"services:\n  web:\n    image: acme/web:1\n    networks: [${NET:-a}]\n":                                                                                     "a list in brackets, or a mapping in braces, does not end",
		"services:\n  web:\n    image: acme/web:1\n   ports: [\"80:80\"]\n":                                                                                         "a line is indented as no other, or a quote is not closed",
		"services:\n  web:\n    image: acme/web:1\n    ports: *ports\n":                                                                                             "compose.yaml:4: there is no anchor &ports before this",
		"services:\n  web:\n    image: acme/web:1\n    labels: {a: \"caf\xe9\"}\n":                                                                                  "compose.yaml:4: the line has bytes that are no UTF-8",
		"services:\n  web:\n    image: acme/web:1\x01\n":                                                                                                            "compose.yaml:3: the line has a control character",
		"services:\n  web:\n    image: {{ image }}\n":                                                                                                               "compose.yaml:3: a mapping stands where a name belongs: a template",
		"services:\n  web:\n    image: acme/web:1\n    environment:\n      - A: 1\n":                                                                                "compose.yaml:4: services.web.environment is a list with a mapping in it; write \"NAME=value\"",
		"services:\n  web:\n    image: acme/web:1\n    network_mode: host\n    networks: [a]\nnetworks: {a: }\n":                                                    "compose.yaml:2: service web has both `network_mode` and `networks`; keep one of them",
		"services:\n  a:\n    image: a:1\n    depends_on: [b]\n  b:\n    image: b:1\n    depends_on: [a]\n":                                                         "compose.yaml:4: services wait for each other: a -> b -> a",
		"services:\n  a:\n    image: a:1\n    extends: a\n":                                                                                                         "compose.yaml:4: services extend each other in a circle: a of compose.yaml -> a of compose.yaml; remove one of these extends",
		"services:\n  web:\n    image: acme/web:1\n    environment: {A: \"${}\"}\n":                                                                                 "compose.yaml:4: the value of services.web.environment.A has a dollar sign with which no variable begins: ${}; write ${NAME}, or $$",
		"services:\n  web:\n    image: acme/web:1\n  db:\n    image: acme/db:1\n    healthcheck:\n      test: [\"curl\", \"localhost\"]\n":                          "compose.yaml:7: the health check of service db does not say how it is run; begin the list with \"CMD\"",
		"services:\n  web:\n    image: acme/web:1\n    healthcheck:\n      test: exit 0\n      interval: 30\n":                                                      "compose.yaml:6: services.web.healthcheck.interval must be a string; write it with its unit, such as \"30s\"",
		"services:\n  web:\n    image: acme/web:1\n    hostname: 5\n":                                                                                               "compose.yaml:4: services.web.hostname must be a string; write the value in quotes",
		"services:\n  web:\n    image: acme/web:1\n    container_name: front\n    scale: 2\n":                                                                       "compose.yaml:4: service web has a container_name, which one container alone can have, and more than one container; remove container_name",
		"services:\n  web:\n    image: acme/web:1\n    container_name: front\n    deploy: {replicas: 2}\n":                                                          "compose.yaml:4: service web has a container_name",
		"version: 2\nservices:\n  web:\n    image: acme/web:1\n":                                                                                                    "compose.yaml:1: version must be a string; correct it, or remove it",
	} {
		s := newProject(t, map[string]string{"compose.yaml": text})
		_, err := release.Look(context.Background(), s.config, s.target.Domain)
		if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestImagesWithoutANameAreRefused(t *testing.T) {
	for _, image := range []string{"Acme/Web:1", "acme web", "/web:1"} {
		newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: \"" + image + "\"\n"}).refused(t, `compose.yaml:3: service web has the image "`+image+`", and no image is called so`)
	}
}

func TestInitTellsWhatNoReleaseCarries(t *testing.T) {
	notes := newProject(t, map[string]string{"compose.yaml": "services:\n  db:\n    provider: {type: cloud}\n  web:\n    image: acme/web:1\n    models: [m]\nmodels: {m: {model: acme/m}}\n"}).look(t).Notes
	if !strings.Contains(strings.Join(notes["db"], " "), "check refuses it: it is run by the provider cloud") || !strings.Contains(strings.Join(notes["web"], " "), "check refuses it: it uses models") {
		t.Errorf("notes are %v", notes)
	}
}

func TestAComposeFileOfAnotherNameIsTold(t *testing.T) {
	root := t.TempDir()
	if _, err := release.Find(root, nil); err == nil || !strings.Contains(err.Error(), "name it with --file") {
		t.Errorf("an empty folder: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(root, "docker-compose.prod.yml"), nil, 0o600))
	if _, err := release.Find(root, nil); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "--file docker-compose.prod.yml") {
		t.Errorf("%v", err)
	}
}

func TestFilesAndServicesInACircleAreToldWithTheirPlace(t *testing.T) {
	web := "services:\n  web:\n    image: acme/web:1\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a file of itself": {map[string]string{"compose.yaml": "include:\n  - compose.yaml\n" + web}, "compose.yaml:2: compose files include each other in a circle: compose.yaml -> compose.yaml; remove one of these include"},
		"three files": {map[string]string{"compose.yaml": "include: [b.yaml]\n" + web, "b.yaml": "include:\n  - path: sub/c.yaml\n", "sub/c.yaml": "\ninclude:\n  - ../b.yaml\n"},
			"sub/c.yaml:3: compose files include each other in a circle: b.yaml -> c.yaml -> b.yaml"},
		"services": {map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    extends: b\n  b:\n    extends: {service: a}\n"},
			"services extend each other in a circle: a of compose.yaml -> b of compose.yaml -> a of compose.yaml"},
		"services of two files": {map[string]string{"compose.yaml": "services:\n  a:\n    extends:\n      file: b.yaml\n      service: b\n", "b.yaml": "services:\n  b:\n    extends:\n      file: compose.yaml\n      service: a\n"},
			"services extend each other in a circle: a of compose.yaml -> b of b.yaml -> a of compose.yaml"},
	} {
		s := newProject(t, c.files)
		_, err := release.Look(context.Background(), s.config, s.target.Domain)
		_, again := release.Read(context.Background(), s.config, s.target)
		for _, err := range []error{err, again} {
			if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q in it", name, err, c.want)
			}
		}
	}
	diamond := newProject(t, map[string]string{"compose.yaml": "include: [b.yaml, c.yaml]\n" + web, "b.yaml": "include: [d.yaml]\n", "c.yaml": "include: [d.yaml]\n", "d.yaml": "services: {d: {image: \"d:1\"}}\n"})
	if _, err := release.Look(context.Background(), diamond.config, diamond.target.Domain); err != nil {
		t.Errorf("the same file twice: %v", err)
	}
}
