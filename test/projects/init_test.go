// Package projects holds compose files as people publish them, and what
// stackctl makes of each.
package projects_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/cli"
)

// refused are the projects that a person must decide something about, with
// what they are told; every other one passes.
var refused = map[string]struct {
	exit int
	says []string
}{
	"arr-stack":              {cli.ExitGate, []string{"a device of the host is handed in"}},
	"host-network":           {cli.ExitGate, []string{"network_mode: host"}},
	"interpolation":          {cli.ExitGate, []string{"the database is lost with its container"}},
	"rails":                  {cli.ExitGate, []string{"sessions are signed with a value that everybody knows, in SECRET_KEY_BASE"}},
	"flows-without-volume":   {cli.ExitGate, []string{"service ring: the database is lost with its container", "a named volume at /var/lib/cassandra"}},
	"env-file-of-the-server": {cli.ExitUsage, []string{"compose.yaml:3: service scheduler: the env file /opt/reports/env does not exist", "compose.yaml:3: service server", "an env file is read where stackctl runs, not on the server"}},
	"portainer":              {cli.ExitGate, []string{"the container engine's socket is mounted"}},
	"privileged":             {cli.ExitGate, []string{"the service is privileged"}},
	"watchtower":             {cli.ExitGate, []string{"the container engine's socket is mounted"}},
	"dind":                   {cli.ExitGate, []string{"the service is privileged"}},
	"env-file-missing":       {cli.ExitUsage, []string{"compose.yaml:4: service app: the env file .env does not exist", "copy .env.example to .env and fill it in"}},
	"gitea-runner-profiles":  {cli.ExitDone, []string{"the container engine's socket is mounted"}},
	"gpu":                    {cli.ExitGate, []string{"a device of the host is handed in"}},
	"monitoring-pid-host":    {cli.ExitGate, []string{"the service shares the pid namespace", "a sensitive folder of the host is mounted"}},
	"secret-files-missing":   {cli.ExitUsage, []string{"compose.yaml:14: secret db_password", "stackctl init --secrets"}},
	"wireguard":              {cli.ExitGate, []string{"the service changes the kernel's setting net.ipv4.ip_forward"}},
	"zigbee-devices":         {cli.ExitGate, []string{"a device of the host is handed in"}},
	"images-by-variable":     {cli.ExitUsage, []string{"compose.yaml:4: the variable POSTGRES_IMAGE has no value", "compose.yaml:8: the variable CADDY_IMAGE has no value"}},
	"demanded-variable":      {cli.ExitUsage, []string{"compose.yaml:5: the variable MODEL_API_KEY is not set: set MODEL_API_KEY as a stack variable, please"}},
	"no-ports":               {cli.ExitGate, []string{"the database is lost with its container"}},
	"matomo":                 {cli.ExitUsage, []string{"docker-compose.yml:10: service db has an empty MYSQL_ROOT_PASSWORD, and MariaDB is not set up without it"}},
	"mysql-without-volume":   {cli.ExitGate, []string{"the database is lost with its container"}},
	"typed-variables":        {cli.ExitUsage, []string{"docker-compose.yml:9: the value of services.chat.read_only is of the wrong kind", "set the variable in the env file"}},
	"variables-by-name": {cli.ExitUsage, []string{"compose.yaml:10: service chat takes the variable TOKEN_APP_SECRET", "compose.yaml:11: service chat takes the variable TURN_PASSWORD",
		"(NAME= for an empty one)"}},
	"capability-of-the-host": {cli.ExitGate, []string{"the capability SYS_ADMIN hands over the host"}},
	"settings-missing":       {cli.ExitUsage, []string{"compose.yaml:5: service web mounts ./nginx.conf, which does not exist", "compose.yaml:5: service web mounts ./html, which does not exist", "compose.yaml:8: service gateway mounts ./gateway.yml, which does not exist"}},
	"ports-by-variable":      {cli.ExitUsage, []string{"compose.yaml:14: the variable HOST_LOGS is not defined"}},
	"home-folder":            {cli.ExitUsage, []string{"compose.yaml:5: service web mounts ~/site/html of a home folder", "declare what the service needs under secrets"}},
	"command-secrets":        {cli.ExitUsage, []string{"compose.yaml:14: the variable APP_KEY is not defined"}},
	"volume-above-the-data":  {cli.ExitGate, []string{"the image has a volume of its own at /var/lib/postgresql/data, without a name", "mount the volume at /data/db"}},
	"empty-secrets": {cli.ExitUsage, []string{"3 secrets are empty", "web.env:1: service web has an empty SECRET_KEY", "compose.yaml:11: service db has an empty POSTGRES_PASSWORD, and PostgreSQL is not set up without it",
		".env:1: service cache has an empty --requirepass"}},
	"not-startable": {cli.ExitUsage, []string{"compose.yaml:5: service web has restart: allways", "compose.yaml:7: service web waits for debug, which is in no profile that is deployed", "compose.yaml:8: service web mounts something at d:/data",
		"compose.yaml:17: service relay publishes port 25, which service mail has already", "compose.yaml:13: service mail has the address 10.9.1.4, which is not in 10.9.0.0/24", "compose.yaml:18: service relay has the capability NET_BIND"}},
	"undefined-variables": {cli.ExitUsage, []string{"docker-compose.yml:7: the variable DB_PASSWORD is not defined"}},
}

func TestInitAndCheckOfWhatPeoplePublish(t *testing.T) {
	files, err := filepath.Abs("files")
	if err != nil {
		t.Fatal(err)
	}
	projects, err := os.ReadDir(files)
	if err != nil || len(projects) < 40 {
		t.Fatalf("%d projects, %v", len(projects), err)
	}
	for _, p := range projects {
		t.Run(p.Name(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), p.Name())
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(files, p.Name()))); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			exit, text := run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes")
			if exit != cli.ExitDone {
				t.Fatalf("init: exit code %d\n%s", exit, text)
			}
			exit, said := run("check")
			want := refused[p.Name()]
			if exit != want.exit {
				t.Errorf("check: exit code %d, want %d\n%s\n%s", exit, want.exit, text, said)
			}
			for _, says := range want.says {
				if !strings.Contains(said, says) {
					t.Errorf("check: %q is not in\n%s", says, said)
				}
			}
			if testing.Verbose() {
				settings, _ := os.ReadFile("stackctl.yaml")
				t.Logf("\n%s\n%s\n%s", text, settings, said)
			}
		})
	}
}

// TestInitTellsAProgram holds that init prints one document for a program, also
// where it refuses to replace a file.
func TestInitTellsAProgram(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nextjs-build")
	if err := os.CopyFS(dir, os.DirFS("files/nextjs-build")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, want := range []struct {
		domain  string
		exit    int
		written bool
	}{{"example.org", cli.ExitDone, true}, {"example.org", cli.ExitDone, true}, {"other.example", cli.ExitUsage, false}} {
		var out, errs bytes.Buffer
		exit := cli.Main([]string{"init", "--output", "json", "--host", "203.0.113.7", "--domain", want.domain, "--yes"}, strings.NewReader(""), &out, &errs)
		var told struct {
			Project, Settings string
			Written           bool
			Services          []struct {
				Service, Layer, Strategy, Why string
				Routes                        []string
				Built                         bool
			}
		}
		if err := json.Unmarshal(out.Bytes(), &told); err != nil {
			t.Fatalf("%v: %s%s", err, out.String(), errs.String())
		}
		web := told.Services[len(told.Services)-1]
		if exit != want.exit || told.Written != want.written || told.Project != "nextjs-build" || len(told.Services) != 2 ||
			web.Service != "web" || !web.Built || strings.Join(web.Routes, "") != want.domain || !strings.Contains(told.Settings, want.domain) {
			t.Errorf("exit code %d: %s%s", exit, out.String(), errs.String())
		}
	}
}

func run(args ...string) (int, string) {
	var out bytes.Buffer
	exit := cli.Main(args, strings.NewReader(""), &out, &out)
	return exit, out.String()
}

func TestInitTellsWhatHidesAnImage(t *testing.T) {
	files, err := filepath.Abs("files")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"code-mount":                 "backend: .:/app lies over what its image is built of",
		"port-of-a-store-and-an-app": "panel    app    overlap   example.org",
		"default-elsewhere":          "documenso: the domain → port 3000",
		"static-by-copy":             "frontend  app    once ",
		"nginx-certbot":              "certbot    -      -         -            left out: it gets certificates",
		"nginx-proxy-built":          "left out: nginx-proxy serves by what it asks Docker",
		"profile-without-name":       "db_postgres  data   -         -            PostgreSQL keeps data",
	} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(files, name))); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		if _, text := run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes"); !strings.Contains(text, want) {
			t.Errorf("%s: init says\n%s", name, text)
		}
	}
}

func TestInitRefusesInPlainWords(t *testing.T) {
	for text, want := range map[string]string{
		"services:\n  web:\n    image: acme/web:1\n    image: acme/web:2\n":                               `compose.yaml:4: the key "image" is there a second time, after line 3; keep one of them`,
		"services:\n  web:\n    image: acme/web:1\n    portz: [\"80:80\"]\n":                              "compose.yaml:4: services.web has the key 'portz', which Compose does not know",
		"services:\n  web:\n    image: acme/web:1\n    depends_on: [redis_cache]\n":                       "compose.yaml:4: service web names the service redis_cache, which is not defined; correct the name, or define it under services:",
		"services:\n  web:\n    image: acme/web:1\n    volumes: [\"data:/data\"]\n":                       "compose.yaml:4: service web names the volume data, which is not defined; correct the name, or define it under volumes:",
		"services:\n  web:\n    image: acme/web:1\n    networks: [front]\n":                               "compose.yaml:4: service web names the network front, which is not defined",
		"services:\n  web:\n    image: acme/web:1\n    ports: [\"80:80:80\"]\n":                           `compose.yaml:4: service web has the port "80:80:80", which cannot be read; write "HOST:CONTAINER" such as "8080:80"`,
		"services:\n  web:\n    image: acme/web:1\n    ports: [\"99999:80\"]\n":                           `compose.yaml:4: service web has the port "99999:80", which cannot be read`,
		"services:\n  web:\n    image: acme/web:1\n    ports: [\"3000-3005:80-82\"]\n":                    "or two ranges of one length",
		"services:\n  web:\n    image: acme/web:1\n    networks: [\"${NET}\"]\nnetworks: {front: }\n":     `compose.yaml:4: service web names the network "${NET}", and the variable NET has no value; set it in the env file`,
		"services:\n  web:\n    image: acme/web:1\n    networks: {\"${NET}\": {}}\nnetworks: {front: }\n": "compose.yaml:4: services.web.networks has the key '${NET}', and Compose puts no variable into a key; write the name itself",
		"x-env: &env\nservices:\n  web:\n    image: acme/web:1\n    environment: {<<: *env, MODE: api}\n": "compose.yaml:1: what begins here is merged elsewhere by `<<`, and has no keys; write keys below it",
		"\xFF\xFEs\x00e\x00r\x00v\x00i\x00c\x00e\x00s\x00:\x00":                                           "compose.yaml: the file is UTF-16, as PowerShell writes it, and is read as UTF-8; save it as UTF-8",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		exit, said := run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes")
		if _, err := os.Stat("stackctl.yaml"); exit != cli.ExitUsage || !strings.Contains(said, want) || err == nil {
			t.Errorf("%s: exit code %d, %v\n%s", text, exit, err, said)
		}
	}
}

func TestInitRefusesComposesFirstFormat(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte("web:\n  image: acme/web:1\n  ports: [\"80:80\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	exit, text := run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes")
	if exit != cli.ExitUsage || !strings.Contains(text, "docker-compose.yml:1: the file is of Compose's first format") {
		t.Errorf("exit code %d\n%s", exit, text)
	}
}

// TestCheckShowsANameThatIsAPasswordAsWell holds that a password which is the
// project's own name, as examples have it, masks no path and no name.
func TestCheckShowsANameThatIsAPasswordAsWell(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "airflow")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "services:\n  web:\n    image: apache/airflow:2.9.0\n    ports: [\"8080:8080\"]\n    environment:\n" +
		"      AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: postgresql+psycopg2://airflow:airflow@postgres/airflow\n"
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes")
	if exit, said := run("check"); exit != cli.ExitDone || strings.Contains(said, "[redacted") || !strings.Contains(said, "project  airflow") {
		t.Errorf("exit code %d\n%s", exit, said)
	}
}
