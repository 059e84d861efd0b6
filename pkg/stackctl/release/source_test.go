package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// included is a project whose parts come from other files.
func included(t *testing.T) shop {
	return newProject(t, map[string]string{
		"compose.yaml": `include:
  - queue/compose.yaml
  - path: [cache/compose.yaml]
    env_file: cache/vars
services:
  api:
    extends: {file: base/common.yaml, service: program}
    image: api:1
    depends_on: [rabbit]
`,
		"queue/compose.yaml": `services:
  rabbit:
    image: "rabbitmq:${RABBIT:-3}"
    secrets: [cookie]
    volumes: ["./data:/var/lib/rabbitmq", "./rabbit.conf:/etc/rabbitmq/rabbitmq.conf:ro"]
    env_file: rabbit.env
secrets:
  cookie: {file: ./cookie}
`,
		"queue/rabbit.conf": "a = 1\n", "queue/cookie": "correct horse battery", "queue/rabbit.env": "FROM=file\n", "queue/.env": "RABBIT=4\n",
		"cache/compose.yaml": "services:\n  cache:\n    image: \"redis:${REDIS}\"\n", "cache/vars": "REDIS=7\n",
		"base/common.yaml": "services:\n  program:\n    image: none:1\n    environment: {FROM: base}\n    env_file: base.env\n    label_file: base.labels\n    volumes: [\"./files:/files\"]\n  other:\n    image: \"other:${NOT_TAKEN}\"\n",
		"base/base.env":    "BASE=1\n", "base/base.labels": "team=base\n",
	})
}

func TestWhatOtherFilesBringIsReadFromThere(t *testing.T) {
	s := included(t)
	r, err := s.read()
	must(t, err)
	rabbit, api, cache := started(t, r, "rabbit"), started(t, r, "api"), started(t, r, "cache")
	if rabbit.Image != "rabbitmq:4" || cache.Image != "redis:7" || rabbit.Environment["FROM"] != "file" {
		t.Errorf("rabbit is %+v, cache %+v", rabbit, cache)
	}
	if f, ok := file(r, rabbit.at("/etc/rabbitmq/rabbitmq.conf")); !ok || string(f.Content) != "a = 1\n" {
		t.Errorf("mounted are %+v", rabbit.Volumes)
	}
	if rabbit.at("/var/lib/rabbitmq") != "/srv/shop/data/queue/data" || api.at("/files") != "/srv/shop/data/base/files" {
		t.Errorf("persistent are %+v", r.Persistent)
	}
	if api.Environment["FROM"] != "base" || api.Environment["BASE"] != "1" || api.Labels["team"] != "base" {
		t.Errorf("api is %+v", api)
	}
	svc, _ := r.Service("rabbit")
	if svc.File != filepath.Join(s.config.Root, "queue/compose.yaml") || svc.Line != 2 {
		t.Errorf("rabbit is defined at %s:%d", svc.File, svc.Line)
	}
	if r.Known["cookie"] != "correct horse battery" {
		t.Errorf("known are %v", r.Known)
	}
	files, err := release.SecretFiles(s.config)
	if want := filepath.Join(s.config.Root, "queue/cookie"); err != nil || files["cookie"] != want {
		t.Errorf("secrets are %v, %v", files, err)
	}
	if names := release.ServiceNames(s.config); strings.Join(names, " ") != "api cache rabbit" {
		t.Errorf("services are %v", names)
	}
}

func TestFaultsInOtherFilesAreToldWithThose(t *testing.T) {
	for name, c := range map[string]struct{ file, from, to, want string }{
		"included variable":  {"queue/compose.yaml", "rabbitmq:${RABBIT:-3}", "rabbitmq:3\"\n    command: \"amqp://${NOBODY}:5672", "queue/compose.yaml:4: the variable NOBODY is not defined"},
		"extended variable":  {"base/common.yaml", "none:1", "none:${NOBODY}", "base/common.yaml:3: the variable NOBODY is not defined"},
		"included secret":    {"queue/compose.yaml", "./cookie", "./none", "queue/compose.yaml:8: secret cookie"},
		"included mount":     {"queue/compose.yaml", "./rabbit.conf:", "~/.rabbit:", "queue/compose.yaml:5: service rabbit mounts"},
		"included env file":  {"queue/rabbit.env", "FROM=file", "FROM file", "queue/rabbit.env:1"},
		"included extension": {"queue/compose.yaml", "secrets: [cookie]", "x-stackctl: {layer: dta}", "queue/compose.yaml:4: service rabbit: x-stackctl.layer is dta"},
		"extended extension": {"base/common.yaml", "env_file: base.env", "x-stackctl: {layer: dta}", "base/common.yaml:5: service api: x-stackctl.layer is dta"},
		"no such file":       {"compose.yaml", "queue/compose.yaml", "queue/none.yaml", "compose.yaml:2: the compose file"},
		"a remote file":      {"compose.yaml", "queue/compose.yaml", "https://example.test/compose.yaml", "compose.yaml:2: the file to include is not on this machine"},
		"broken YAML":        {"queue/compose.yaml", "services:", "services: [", "queue/compose.yaml:"},
	} {
		t.Run(name, func(t *testing.T) {
			s := included(t)
			at := filepath.Join(s.config.Root, c.file)
			text, err := os.ReadFile(at)
			must(t, err)
			must(t, os.WriteFile(at, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o600))
			s.refused(t, c.want)
		})
	}
}

func TestUnknownWordsOfTheExtensionAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{layer: dta}":               "x-stackctl.layer is dta; its values are edge, data, app",
		"{rnu: once}":                "x-stackctl has no key rnu",
		"{run: twice}":               "x-stackctl.run is twice",
		"{layer: [data]}":            "x-stackctl.layer is [data]",
		"{strategy: replace}":        "x-stackctl.strategy is replace",
		"{shared: {a: b}}":           "x-stackctl.shared is no list",
		"data":                       "is no mapping",
		"{layer: data, shared: [a]}": "",
		"{strategy: overlap}":        "",
	} {
		s := newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    x-stackctl: " + text + "\n"})
		if want == "" {
			_, err := s.read()
			must(t, err)
			continue
		}
		s.refused(t, "compose.yaml:4: ", want)
	}
	newProject(t, map[string]string{"compose.yaml": "x-stackctl: {layer: data}\nservices:\n  a:\n    image: a:1\n"}).refused(t, "compose.yaml:1: x-stackctl stands beside services")
}

func TestWhatRunsBeforeAServiceIsJudgedWithIt(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    pre_start:\n      - {command: [\"chown\", \"1000\", \"/data\"], image: busybox, user: root}\n"})
	s.inputs.Archives = map[string]stack.Image{"busybox": {ID: "sha256:bbbb"}}
	r, err := s.read()
	must(t, err)
	a, _ := r.Service("a")
	if len(a.RootHooks) != 1 || a.RootHooks[0] != "chown 1000 /data" {
		t.Errorf("hooks are %q", a.RootHooks)
	}
	if len(r.Images) != 2 || r.Images[1].Reference != "busybox" || !strings.Contains(string(r.App), "image: sha256:bbbb") {
		t.Errorf("images are %+v\n%s", r.Images, r.App)
	}
}
