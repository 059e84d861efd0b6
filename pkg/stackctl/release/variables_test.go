package release_test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// spoken is what a run writes to standard error.
func spoken(t *testing.T, run func()) string {
	t.Helper()
	before := os.Stderr
	r, w, err := os.Pipe()
	must(t, err)
	os.Stderr = w
	defer func() { os.Stderr = before }()
	run()
	must(t, w.Close())
	text, err := io.ReadAll(r)
	must(t, err)
	return string(text)
}

func TestADollarSignInAValueIsExpandedAndSaid(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  a:\n    image: a:1\n    env_file: ./service.env\n    environment: [GREETING, QUOTED, ON]\n",
		".env":         "# words\nGREETING=correct-horse$battery-staple\nQUOTED='correct$battery'\nHOST=db\nON=http://${HOST}/\n",
		"service.env":  "TOKEN=abc$hidden\n",
	})
	var r stack.Release
	if said := spoken(t, func() {
		var err error
		r, err = s.read()
		must(t, err)
	}); said != "" {
		t.Errorf("the library writes %q", said)
	}
	a := started(t, r, "a")
	for name, want := range map[string]string{"GREETING": "correct-horse-staple", "QUOTED": "correct$battery", "ON": "http://db/", "TOKEN": "abc"} {
		if got := a.Environment[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(r.Warnings) != 2 || !strings.Contains(r.Warnings[0], ".env:2: the value of GREETING") || !strings.Contains(r.Warnings[1], "service.env:1: the value of TOKEN") {
		t.Errorf("warnings are %q", r.Warnings)
	}
	for _, w := range r.Warnings {
		if strings.Contains(w, "battery") || strings.Contains(w, "hidden") || strings.Contains(w, "correct") {
			t.Errorf("a piece of the value is shown: %s", w)
		}
	}
}

func TestAVariableWithoutAValueIsRefusedWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		service, env string
		want         []string
	}{
		"by name":              {"environment: [SESSION_KEY]", "", []string{"compose.yaml:4", "SESSION_KEY", "--env SESSION_KEY="}},
		"by name in a mapping": {"environment:\n      OK: x\n      SESSION_KEY:", "", []string{"compose.yaml:6", "SESSION_KEY"}},
		"a default elsewhere":  {"command: [\"${REGION:-eu}\"]\n    hostname: t-${REGION}", "", []string{"compose.yaml:5", "REGION is not defined"}},
		"in a default":         {"hostname: t-${REGION:-${FALLBACK}}", "", []string{"compose.yaml:4", "FALLBACK is not defined"}},
		"a message":            {"hostname: ${REGION:?say which region}", "", []string{"compose.yaml:4", "REGION is not set: say which region"}},
		"a message, empty":     {"hostname: ${REGION:?say which region}", "REGION=\n", []string{"say which region"}},
		"no message":           {"hostname: ${REGION?}", "", []string{"compose.yaml:4", "REGION"}},
		"in a block":           {"command: |\n      echo\n      echo ${REGION}\n", "", []string{"compose.yaml:6", "REGION"}},
	} {
		t.Run(name, func(t *testing.T) {
			newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    " + c.service + "\n", ".env": c.env}).refused(t, c.want...)
		})
	}
	r, err := newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    environment: {PRICE: \"5$$\", E: \"${NONE:+x}\", F: \"${NONE-}\", P: \"${COMPOSE_PROJECT_NAME}_pg\", K: \"\"}\n"}).read()
	must(t, err)
	if e := started(t, r, "a").Environment; e["PRICE"] != "5$" || e["E"] != "" || e["F"] != "" || e["P"] != "shop_pg" {
		t.Errorf("environment is %v", e)
	}
}

func TestVariablesComeInComposesOrder(t *testing.T) {
	t.Setenv("TAG", "process")
	t.Setenv("OVER", "process")
	t.Setenv("SHOP_UNUSED_PASSWORD", "nobody asked for it")
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  a:\n    image: \"a:${TAG}\"\n    environment: {O: \"${OVER}\", T: \"${TARGET}\", F: \"${FILE}\", N: \"${NOWHERE:-d}\"}\n",
		".env":         "\ufeffFILE=file\nTAG=file\nTARGET=file\n",
	})
	s.target.Env = map[string]string{"TARGET": "target"}
	s.config.Compose.Env = map[string]string{"OVER": "flag"}
	r, err := s.read()
	must(t, err)
	a := started(t, r, "a")
	if e := a.Environment; a.Image != "a:process" || e["O"] != "flag" || e["T"] != "target" || e["F"] != "file" || e["N"] != "d" {
		t.Errorf("image %s, environment %v", a.Image, e)
	}
	want := []stack.Variable{{Name: "FILE", Origin: ".env"}, {Name: "NOWHERE", Origin: "default"}, {Name: "OVER", Origin: "--env"}, {Name: "TAG", Origin: "environment"}, {Name: "TARGET", Origin: "targets.prod.env"}}
	if !slices.Equal(r.Variables, want) {
		t.Errorf("variables are %v", r.Variables)
	}
	for name := range r.Known {
		if strings.Contains(name, "UNUSED") {
			t.Error("the project's secrets hold one of the process that no file names")
		}
	}
}

func TestSettingsThatSpeakOfSecretsAreNone(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  db:\n    image: postgres:16\n    environment: {POSTGRES_USER: shopkeeper, POSTGRES_PASSWORD: shopkeeper, DATABASE_URL: \"${DATABASE_URL}\", DB_PASS: \"tr0ub4dor&3xyz\"}\n    env_file: more.env\n",
		".env":         "PASSWORD_RESET_TIMEOUT=3600\nDATABASE_URL=postgres://a:w0rdpass@db/a\n", "more.env": "SIGNING_KEY=8f7a6b5c4d3e2f1a\n",
	})
	r, err := s.read()
	must(t, err)
	for name, want := range map[string]string{"PASSWORD_RESET_TIMEOUT": "", "POSTGRES_PASSWORD": "", "DATABASE_URL": "postgres://a:w0rdpass@db/a", "DB_PASS": "tr0ub4dor&3xyz", "SIGNING_KEY": "8f7a6b5c4d3e2f1a"} {
		if got := r.Known[name]; got != want {
			t.Errorf("%s is known as %q, want %q", name, got, want)
		}
	}
}

// Of the values that init makes, one in thirty looks like words with dashes.
func TestASecretThatAVariableGivesAwayIsKnown(t *testing.T) {
	const random = "aks_i0g1_-EB_brhrt7q9wexDfij2jCGEutdeKJONzM"
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  db:\n    image: app:1\n    environment: {COLOUR: " + random + ", OWNER: shopkeeper}\n    secrets: [key, owner]\nsecrets: {key: {file: key}, owner: {file: owner}}\n",
		"key":          random + "\n", "owner": "shopkeeper\n",
	})
	r, err := s.read()
	must(t, err)
	if r.Known["key"] != random || r.Known["owner"] != "" {
		t.Errorf("known are %q", r.Known)
	}
}

func TestSecretsOfACommandAreKnown(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  search:\n    image: getmeili/meilisearch:v1\n    command: meilisearch --master-key k9Hd8sKdQ2 --env production\n    volumes: [\"dd:/meili_data\"]\n    healthcheck: {test: [CMD-SHELL, \"TOOL_PASSWORD=tr0ub4dor3x tool ping\"]}\nvolumes: {dd: }\n",
	})
	r, err := s.read()
	must(t, err)
	known := slices.Collect(maps.Values(r.Known))
	for _, want := range []string{"k9Hd8sKdQ2", "tr0ub4dor3x"} {
		if !slices.Contains(known, want) {
			t.Errorf("%s is not masked: %v", want, r.Known)
		}
	}
}

func TestSecretsInTheCornersOfAServiceAreKnown(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": `services:
  db:
    image: mariadb:11
    healthcheck: {test: "mariadb-admin ping -uroot -phunter2aa8s7d6f5"}
    logging: {driver: splunk, options: {splunk-token: hunter2bb8s7d6f5, splunk-url: "https://u:hunter2cc8s7d6f5@splunk.example.com"}}
    post_start: [{command: ["sh", "-c", "login --password hunter2dd8s7d6f5"], environment: {API_TOKEN: hunter2ee8s7d6f5}}]
    volumes: ["nas:/nas", "far:/far", "dd:/var/lib/mysql"]
volumes:
  dd:
  nas: {driver_opts: {type: cifs, o: "username=joe,password=hunter2ff8s7d6f5", device: "//nas/share"}}
  far: {driver: rclone, driver_opts: {pass: hunter2gg8s7d6f5}}
`})
	r, err := s.read()
	must(t, err)
	if told := redact.New(r.Known).String(string(r.App) + string(r.Base)); strings.Contains(told, "hunter2") {
		t.Errorf("a secret is in what is told:\n%s\nknown are %q", told, r.Known)
	}
}

func TestSecretsInTheTextOfAConfigAreNamedAndKnown(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    configs: [app, url]\nconfigs:\n  app:\n    content: |\n      listen: 8080\n      api_key: k9Hd8sKd2x\n      url: postgres://app:hunter2xy@db/app\n      token: ${NAMED_TOKEN}\n  url:\n    environment: SIGNED\n",
		".env":         "NAMED_TOKEN=Zq7nWw3kLp\nSIGNED=secret = \"b7Tq2LmX9\"\n",
	})
	var named []string
	for _, l := range s.look(t).Literals {
		named = append(named, fmt.Sprintf("%s %s %d", l.Service, l.Name, l.Line))
	}
	if got := strings.Join(named, ", "); got != "config app api_key 9, config app url 10" {
		t.Errorf("named are %s", got)
	}
	known := slices.Collect(maps.Values(release.Known(s.config, s.target)))
	for _, want := range []string{"k9Hd8sKd2x", "postgres://app:hunter2xy@db/app", "Zq7nWw3kLp", "b7Tq2LmX9"} {
		if !slices.Contains(known, want) {
			t.Errorf("%s is not known: %q", want, known)
		}
	}
}
