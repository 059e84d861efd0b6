package gate

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestComposeDeclaredCatches(t *testing.T) {
	// set changes one setting of a service after the freeze, where YAML would
	// need several places.
	set := func(name, service, problem string, change func(svc *stack.Service)) mutant {
		return mutant{name: name, after: func(s *Subject) { change(serviceOf(s, service)) }, subject: "service " + service, problem: problem}
	}
	test := func(words ...string) func(*stack.Service) {
		return func(s *stack.Service) { s.Healthcheck = &stack.Healthcheck{Test: words} }
	}
	env := func(key, value string) func(*stack.Service) {
		return func(s *stack.Service) { s.Environment[key] = value }
	}
	staticMutants(t, composeDeclared(), []mutant{
		{name: "no health check", file: composeFile, from: `    healthcheck: {<<: *probe, test: ["CMD", "/server", "healthcheck", "web"]}`, to: "", subject: "service web", problem: "no health check"},
		{name: "health check disabled", file: composeFile, from: `healthcheck: {<<: *probe, test: ["CMD", "/server", "healthcheck", "web"]}`, to: "healthcheck: {disable: true}", subject: "service web", problem: "disabled"},
		set("health check NONE", "web", "disabled", test("NONE")),
		set("health check true", "web", "cannot fail", test("CMD", "true")),
		set("health check /bin/true", "web", "cannot fail", test("CMD-SHELL", "/bin/true")),
		set("health check exit 0", "web", "cannot fail", test("CMD-SHELL", "exit 0")),
		set("health check || true", "web", "cannot fail", test("CMD-SHELL", "curl -f http://localhost || true")),
		set("health check ; exit 0", "web", "cannot fail", test("CMD-SHELL", "curl -f http://localhost; exit 0")),
		set("health check sh -c true", "web", "cannot fail", test("CMD", "sh", "-c", "true")),
		set("health check echo", "web", "cannot fail", test("CMD", "echo", "ok")),
		{name: "no restart policy", file: composeFile, from: "  restart: unless-stopped\n", to: "", subject: "service api", problem: "come back"},
		set("restart on failure", "api", "come back", func(s *stack.Service) { s.Restart = "on-failure:3" }),
		{name: "a one-shot that restarts", file: composeFile, from: `    restart: "no"`, to: "    restart: always", subject: "service migrate", problem: "for ever"},
		{name: "no memory limit", file: composeFile, from: "  mem_limit: 96m\n  stop", to: "  stop", subject: "service worker", problem: "no memory limit"},
		{name: "logs without rotation", file: composeFile, from: "    options: {max-size: 10m, max-file: \"3\"}\n", to: "", subject: "service redis", problem: "without bound"},
		set("logs with unlimited size", "web", "without bound", func(s *stack.Service) { s.LogOptions = map[string]string{"max-size": "-1"} }),
		set("logs thrown away", "web", "thrown away", func(s *stack.Service) { s.LogDriver = "none" }),
		{name: "writable root", file: composeFile, from: "  read_only: true\n", to: "", subject: "service postgres", problem: "writable"},
		{name: "new privileges", file: composeFile, from: `  security_opt: ["no-new-privileges:true"]` + "\n", to: "", subject: "service api", problem: "gain privileges"},
		set("new privileges false", "api", "gain privileges", func(s *stack.Service) { s.SecurityOpt = []string{"no-new-privileges:false"} }),
		set("seccomp off", "api", "protection", func(s *stack.Service) { s.SecurityOpt = append(s.SecurityOpt, "seccomp=unconfined") }),
		{name: "capabilities kept", file: composeFile, from: "  cap_drop: [ALL]\n", to: "", subject: "service web", problem: "not dropped"},
		{name: "a capability added", file: composeFile, from: "    cap_add: [NET_BIND_SERVICE]", to: "    cap_add: [NET_BIND_SERVICE, NET_ADMIN]", subject: "service traefik", problem: "NET_ADMIN"},
		set("all capabilities added", "worker", "ALL", func(s *stack.Service) { s.CapAdd = []string{"ALL"} }),
		set("a capability with prefix", "worker", "SYS_PTRACE", func(s *stack.Service) { s.CapAdd = []string{"CAP_SYS_PTRACE"} }),
		set("what postgres may is not for the app", "api", "SETUID", func(s *stack.Service) { s.CapAdd = []string{"SETUID"} }),
		{name: "no user", file: composeFile, from: "  user: \"65532:65532\"\n", to: "", subject: "service api", problem: "without root"},
		set("root", "api", "as root", func(s *stack.Service) { s.User = "root" }),
		set("root by number", "api", "as root", func(s *stack.Service) { s.User = "0:65532" }),
		set("root's group", "api", "group root", func(s *stack.Service) { s.User = "65532:0" }),
		set("privileged", "worker", "privileged", func(s *stack.Service) { s.Privileged = true }),
		set("host pid", "worker", "pid namespace", func(s *stack.Service) { s.PidMode = "host" }),
		set("host ipc", "worker", "ipc namespace", func(s *stack.Service) { s.IpcMode = "host" }),
		set("host users", "worker", "userns_mode namespace", func(s *stack.Service) { s.UsernsMode = "host" }),
		set("a device", "worker", "device", func(s *stack.Service) { s.Devices = []string{"/dev/kmsg"} }),
		{name: "engine socket", file: composeFile, from: "\n  worker:\n", to: "\n  worker:\n    volumes: [\"/var/run/docker.sock:/s:ro\"]\n", subject: "service worker", problem: "socket"},
		set("the host's root", "worker", "sensitive", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/", Target: "/host", ReadOnly: true}}
		}),
		set("the host's /etc", "worker", "sensitive", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/etc/../etc/shadow", Target: "/x", ReadOnly: true}}
		}),
		set("ssh keys", "worker", "sensitive", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/root/.ssh", Target: "/x", ReadOnly: true}}
		}),
		{name: "waits for a start only", file: composeFile, from: "  postgres: {condition: service_healthy}\n", to: "  postgres: {condition: service_started}\n", subject: "service api", problem: "seeing that it is ready"},
		{name: "does not see the migration end", file: composeFile, from: "condition: service_completed_successfully", to: "condition: service_started", subject: "service api", problem: "waits for migrate"},
		set("does not wait for its store", "scheduler", "without waiting", func(s *stack.Service) { s.DependsOn = nil }),
		{name: "data network with a way out", file: composeFile, from: "  data: {internal: true}", to: "  data: {}", subject: "network data", problem: "way out"},
		{name: "a store on the app network", file: composeFile, from: "    tmpfs: [/tmp, /data]\n    networks: [data]", to: "    tmpfs: [/tmp, /data]\n    networks: [data, app]", subject: "service redis", problem: "way out"},
		{name: "the edge on the data network", file: composeFile, from: "    secrets: [staff_htpasswd]\n    networks: [edge]", to: "    secrets: [staff_htpasswd]\n    networks: [edge, data]", subject: "service traefik", problem: "on the data network"},
		{name: "the default network", file: composeFile, from: "    command: [\"static\"]\n    environment: {<<: *server-env}\n    networks: [edge]\n", to: "    command: [\"static\"]\n    environment: {<<: *server-env}\n", subject: "service static", problem: "default network"},
		{name: "latest", file: composeFile, from: "image: redis:7.2", to: "image: redis:latest", subject: "service redis", problem: "not pinned"},
		{name: "no tag", file: composeFile, from: "image: redis:7.2", to: "image: redis", subject: "service redis", problem: "not pinned"},
		{name: "no tag, registry with port", file: composeFile, from: "image: redis:7.2", to: "image: registry.example:5000/redis", subject: "service redis", problem: "not pinned"},
		{name: "a moving tag", file: composeFile, from: "image: redis:7.2", to: "image: redis:alpine", subject: "service redis", problem: "not pinned"},
		{name: "the app's latest", file: composeFile, from: "${SERVER_IMAGE:-stackctl/server:dev}", to: "${SERVER_IMAGE:-stackctl/server:latest}", subject: "service api", problem: "not pinned"},
		{name: "a second published port", file: composeFile, from: "\n  api:\n", to: "\n  api:\n    ports: [\"8000:8000\"]\n", subject: "service api", problem: "publishes a port"},
		set("a password", "api", "environment variable DATABASE_PASSWORD", env("DATABASE_PASSWORD", "hunter2")),
		set("a known secret under another name", "api", "environment variable GREETING", env("GREETING", "x"+repoSecrets["app_secret"])),
		set("a URL with a password", "api", "environment variable DATABASE_URL", env("DATABASE_URL", "postgres://app:s3cr3t@postgres:5432/app")),
		set("a connection string", "api", "environment variable CONN", env("CONN", "host=postgres user=app password=s3cr3t")),
		set("a token", "worker", "environment variable GITHUB", env("GITHUB", "ghp_"+strings.Repeat("aB3", 12))),
		set("a private key", "worker", "environment variable PEM", env("PEM", "-----BEGIN EC PRIVATE KEY-----\nx")),
		set("random letters", "worker", "environment variable SALTED", env("SALTED", "kJ8xQ2vN5mR7tW1zY4bC6dF9gH3lP0sA")),
		set("random hex", "worker", "environment variable SEED", env("SEED", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c")),
		set("a POSTGRES_PASSWORD", "postgres", "environment variable POSTGRES_PASSWORD", env("POSTGRES_PASSWORD", "app")),
		set("a database without password", "postgres", "lets everybody in", env("POSTGRES_HOST_AUTH_METHOD", "trust")),
		set("a password in the command", "redis", "secret is in the command", func(s *stack.Service) { s.Command = []string{"redis-server", "--requirepass", "hunter2"} }),
		set("a known secret in the health check", "redis", "secret is in the healthcheck", func(s *stack.Service) {
			s.Healthcheck.Test = []string{"CMD", "redis-cli", "-a", repoSecrets["redis_password"], "ping"}
		}),
		{name: "a secret that is not from a file", after: func(s *Subject) { s.Release.Secrets[0].File = "" }, subject: "secret app_secret", problem: "from a file"},
		{name: "a variable missing from the example", file: ".env.example", from: "LOG_LEVEL=info\n", to: "", subject: "variable LOG_LEVEL", problem: "not in .env.example"},
		{name: "a Traefik variable missing", file: ".env.example", from: "STAFF_ALLOWLIST=127.0.0.1/32\n", to: "", subject: "variable STAFF_ALLOWLIST", problem: "not in .env.example"},
		{name: "a new variable in Traefik's files", also: func(t *testing.T, r repo) {
			r.change(t, routesFile, "http:\n", "{{ $x := env `NEW_THING` }}\nhttp:\n")
			r.change(t, composeFile, "      STAFF_ALLOWLIST: $", "      NEW_THING: \"1\"\n      STAFF_ALLOWLIST: $")
		}, subject: "variable NEW_THING", problem: "not in .env.example"},
		{name: "a variable in a default", file: composeFile, from: "${LOG_LEVEL:-info}", to: "${LOG_LEVEL:-${FALLBACK_LEVEL:-info}}", subject: "variable FALLBACK_LEVEL", problem: "not in .env.example"},
		{name: "a variable that nothing reads", file: ".env.example", from: "LOG_LEVEL=info\n", to: "LOG_LEVEL=info\n# Gone.\nOLD_THING=1\n", subject: "variable OLD_THING", problem: "read by nothing"},
		{name: "a variable without a comment", file: ".env.example", from: "# debug, info, warn or error.\n", to: "\n", subject: "variable LOG_LEVEL", problem: "without a comment"},
		{name: "a variable twice", file: ".env.example", from: "LOG_LEVEL=info\n", to: "LOG_LEVEL=info\nLOG_LEVEL=debug\n", subject: "variable LOG_LEVEL", problem: "twice"},
		{name: "a real secret in the example", file: ".env.example", from: "LOG_LEVEL=info\n", to: "LOG_LEVEL=" + repoSecrets["app_secret"] + "\n", subject: "variable LOG_LEVEL", problem: "real secret"},
		{name: "no example", after: func(s *Subject) { s.Config.Compose.EnvExample += ".gone" }, subject: ".env.example", problem: "missing"},
		{name: "an upstream that does not exist", file: routesFile, from: "http://web:8080", to: "http://wep:8080", subject: "upstream web", problem: "not a service"},
		{name: "an upstream that the edge cannot reach", file: routesFile, from: "http://web:8080", to: "http://worker:8080", subject: "upstream web", problem: "no network"},
		{name: "a router to nowhere", file: routesFile, from: "      service: jobs-ui\n", to: "      service: jobsui\n", subject: "router jobs", problem: "service is defined nowhere"},
		{name: "a middleware that does not exist", file: routesFile, from: "[public-headers, site-rate]", to: "[public-header, site-rate]", subject: "router web", problem: "public-header is defined nowhere"},
		{name: "the docs lack a service", file: "docs/stack-overview.md", from: "| S9 | `scheduler`", to: "| S9 | the scheduler", subject: "service scheduler", problem: "do not tell"},
		{name: "the docs tell of a service that is gone", file: "docs/stack-overview.md", from: "| S9 | `scheduler`", to: "| S13 | `mailer` | sends | – | app | app |\n| S9 | `scheduler`", subject: "service mailer", problem: "lack"},
		{name: "docs and routes disagree on a port", file: "docs/stack-overview.md", from: "| 8081 |", to: "| 8083 |", subject: "service static", problem: "disagree"},
		{name: "the settings name a service that is gone", after: func(s *Subject) { s.Config.Gates.Jobs.Service = "workers" }, subject: "setting gates.jobs.service", problem: "lack"},
	})
}

func TestComposeDeclaredDoesNotCryWolf(t *testing.T) {
	set := func(service string, change func(*stack.Service)) func(*Subject) {
		return func(s *Subject) { change(serviceOf(s, service)) }
	}
	env := func(key, value string) func(*Subject) {
		return set("api", func(s *stack.Service) { s.Environment[key] = value })
	}
	fresh := copies(t, newRepo(t).subject(t))
	for name, change := range map[string]func(*Subject){
		"a digest": set("redis", func(s *stack.Service) {
			s.Image = "registry.example:5000/redis:7.2@sha256:" + strings.Repeat("a", 64)
		}),
		"the local log driver":            set("web", func(s *stack.Service) { s.LogDriver, s.LogOptions = "local", nil }),
		"restart always":                  set("web", func(s *stack.Service) { s.Restart = "always" }),
		"= in security options":           set("web", func(s *stack.Service) { s.SecurityOpt = []string{"no-new-privileges=true"} }),
		"bare no-new-privileges":          set("web", func(s *stack.Service) { s.SecurityOpt = []string{"no-new-privileges"} }),
		"cap_drop in lower case":          set("web", func(s *stack.Service) { s.CapDrop = []string{"all"} }),
		"postgres as its image starts it": set("postgres", func(s *stack.Service) { s.User, s.CapAdd = "", []string{"CHOWN", "SETUID", "SETGID"} }),
		"a health check with a pipe": set("redis", func(s *stack.Service) {
			s.Healthcheck.Test = []string{"CMD-SHELL", "echo PING | nc -w1 localhost 6379 | grep -q PONG || exit 1"}
		}),
		"the time zone": set("web", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/etc/localtime", Target: "/etc/localtime", ReadOnly: true}}
		}),
		"a folder of the project": func(s *Subject) {
			serviceOf(s, "web").Volumes = []stack.Mount{{Type: "bind", Source: s.Target.Path + "/x", Target: "/x"}}
		},
		"a password file":        env("SMTP_PASSWORD_FILE", "/run/secrets/smtp"),
		"a path":                 env("PGPASSFILE", "/run/secrets/pgpass"),
		"a lifetime of a token":  env("SESSION_TOKEN_TTL", "24h"),
		"a token URL":            env("OAUTH_TOKEN_URL", "https://id.example/token"),
		"a token, as a duration": env("TOKEN_IDLE", "15m"),
		"the minimum length":     env("PASSWORD_MIN_LENGTH", "12"),
		"a header's name":        env("CSRF_TOKEN_HEADER", "X-CSRF-Token"),
		"a commit":               env("GIT_COMMIT", "8f6d5f0c1f2e3d4c5b6a79880123456789abcdef"),
		"a URL without password": env("DATABASE_URL", "postgres://app@postgres:5432/app?sslmode=disable"),
		"a list of networks":     env("TRUSTED", "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fd00::/8"),
		"words":                  env("GREETING", "this-is-a-rather-long-but-plain-sentence-of-words"),
		"a public key's name":    env("KEYCLOAK_REALM", "stack"),
		"an empty password":      env("SMTP_PASSWORD", ""),
		"a shell that reads the secret": set("redis", func(s *stack.Service) {
			s.Command = []string{"sh", "-c", "exec redis-server --requirepass \"$(cat /run/secrets/redis_password)\""}
		}),
		"waits through another": set("worker", func(s *stack.Service) {
			s.DependsOn = map[string]string{"migrate": "service_completed_successfully", "redis": "service_healthy"}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh()
			change(&s)
			if r := runAlone(context.Background(), composeDeclared(), s); r.Status != stack.Passed {
				t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
			}
		})
	}
}

// No finding may show the secret that it found.
func TestComposeFindingsShowNoSecret(t *testing.T) {
	s := newRepo(t).subject(t)
	secret := "hunter2-hunter2-hunter2"
	svc := serviceOf(&s, "api")
	svc.Environment["DB_PASSWORD"] = secret
	svc.Environment["DATABASE_URL"] = "postgres://app:" + secret + "@postgres/app"
	svc.Command = []string{"api", "--password", secret}
	r := runAlone(context.Background(), composeDeclared(), s)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) < 3 || strings.Contains(string(text), secret) {
		t.Errorf("%s", text)
	}
}

func TestComposeFindingsTellTheirPlace(t *testing.T) {
	r := newRepo(t)
	r.change(t, composeFile, "image: redis:7.2", "image: redis")
	got := runAlone(context.Background(), composeDeclared(), r.subject(t))
	for _, f := range got.Findings {
		lines := strings.Split(r.read(t, composeFile), "\n")
		if !strings.HasSuffix(f.File, composeFile) || f.Line == 0 || !strings.Contains(lines[f.Line-1], "redis:") {
			t.Errorf("%+v", f)
		}
	}
	if len(got.Findings) == 0 {
		t.Error("no finding")
	}
}

// inspecting is a server that also tells how containers run.
type inspecting struct {
	*fakeServer
	running map[string]map[string]any
}

func (i inspecting) Inspect(_ context.Context, id string) ([]byte, error) {
	return json.Marshal(i.running[id])
}

// running is a host on which the containers run as declared.
func running(t *testing.T) (Subject, inspecting) {
	t.Helper()
	s := newRepo(t).subject(t)
	server := inspecting{&fakeServer{}, map[string]map[string]any{}}
	started, err := frozen(s.Release)
	if err != nil {
		t.Fatal(err)
	}
	for _, svc := range s.Release.Services {
		if !deployed(s, svc) || svc.OneShot {
			continue
		}
		project := s.Release.Project
		if svc.Layer == stack.LayerApp {
			project = s.Release.AppProject()
		}
		addresses := map[string]string{}
		for _, n := range svc.Networks {
			addresses["stack_"+n] = "172.20.0.9"
		}
		image := "sha256:" + strings.Repeat("2", 64)
		if strings.HasPrefix(svc.Image, "stackctl/") {
			image = "sha256:" + strings.Repeat("1", 64)
		}
		server.containers = append(server.containers, stack.Container{ID: svc.Name, Name: project + "-" + svc.Name + "-1", Project: project, Service: svc.Name,
			State: "running", Health: "healthy", ImageID: image, Addresses: addresses})
		var env []string
		for k, v := range started[svc.Name].variables() {
			env = append(env, k+"="+v)
		}
		var mounts []any
		for at := range started[svc.Name].targets() {
			mounts = append(mounts, map[string]any{"Type": "bind", "Source": s.Target.Path + "/secrets/x", "Destination": at})
		}
		server.running[svc.Name] = map[string]any{
			"Config": map[string]any{"User": svc.User, "Env": append(env, "PATH=/usr/bin", "GOSU_VERSION=1.17", "PG_SHA256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
				"Healthcheck": map[string]any{"Test": started[svc.Name].Health.Test}},
			"HostConfig": map[string]any{"ReadonlyRootfs": svc.ReadOnly, "CapAdd": svc.CapAdd, "CapDrop": svc.CapDrop, "SecurityOpt": svc.SecurityOpt,
				"Memory": svc.MemoryLimit, "IpcMode": "private", "RestartPolicy": map[string]any{"Name": svc.Restart},
				"LogConfig": map[string]any{"Type": svc.LogDriver, "Config": svc.LogOptions}},
			"Mounts": mounts,
		}
	}
	s.Server = server
	return s, server
}

func TestComposeRunningPasses(t *testing.T) {
	s, _ := running(t)
	if r := runAlone(context.Background(), composeRunning(), s); r.Status != stack.Passed || r.Inspected != 10 {
		t.Errorf("%s %s %d %+v", r.Status, r.Reason, r.Inspected, r.Findings)
	}
}

func TestComposeRunningCatches(t *testing.T) {
	host := func(key string, value any) func(*Subject, inspecting) {
		return func(_ *Subject, i inspecting) { i.running["api"]["HostConfig"].(map[string]any)[key] = value }
	}
	container := func(name string, change func(c *stack.Container)) func(*Subject, inspecting) {
		return func(_ *Subject, i inspecting) {
			for k := range i.containers {
				if i.containers[k].Service == name {
					change(&i.containers[k])
				}
			}
		}
	}
	for _, c := range []struct {
		name             string
		change           func(*Subject, inspecting)
		subject, problem string
	}{
		{"a service does not run", container("worker", func(c *stack.Container) { c.State = "exited" }), "container worker", "does not run"},
		{"a service is gone", container("worker", func(c *stack.Container) { c.Service = "" }), "container worker", "does not run"},
		{"unhealthy", container("web", func(c *stack.Container) { c.Health = "unhealthy" }), "container web", "not healthy"},
		{"another image", container("web", func(c *stack.Container) { c.ImageID = "sha256:other" }), "container web", "another image"},
		{"an extra network", container("redis", func(c *stack.Container) { c.Addresses["bridge"] = "172.17.0.3" }), "container redis", "not declared"},
		{"a container that nobody declares", container("web", func(c *stack.Container) { c.Service, c.Name = "miner", "stack-miner-1" }), "container stack-miner-1", "no compose file declares"},
		{"privileged", host("Privileged", true), "container api", "privileged"},
		{"writable root", host("ReadonlyRootfs", false), "container api", "writable"},
		{"capabilities", host("CapAdd", []string{"CAP_SYS_ADMIN"}), "container api", "SYS_ADMIN"},
		{"capabilities kept", host("CapDrop", nil), "container api", "not dropped"},
		{"new privileges", host("SecurityOpt", nil), "container api", "gain privileges"},
		{"host pid", host("PidMode", "host"), "container api", "pid namespace"},
		{"host ipc", host("IpcMode", "host"), "container api", "ipc namespace"},
		{"no memory limit", host("Memory", 0), "container api", "no memory limit"},
		{"another memory limit", host("Memory", 16<<30), "container api", "not the declared one"},
		{"no restart", host("RestartPolicy", map[string]any{"Name": "no"}), "container api", "come back"},
		{"logs without bound", host("LogConfig", map[string]any{"Type": "json-file"}), "container api", "without bound"},
		{"root", func(_ *Subject, i inspecting) { i.running["api"]["Config"].(map[string]any)["User"] = "" }, "container api", "without root"},
		{"a known secret in the environment", func(_ *Subject, i inspecting) {
			i.running["api"]["Config"].(map[string]any)["Env"] = []string{"X=" + repoSecrets["app_secret"]}
		}, "container api", "secret is in the environment"},
		{"the engine's socket", func(_ *Subject, i inspecting) {
			i.running["api"]["Mounts"] = []any{map[string]any{"Type": "bind", "Source": "/run/docker.sock", "Destination": "/s"}}
		}, "container api", "socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, server := running(t)
			c.change(&s, server)
			wantFinding(t, runAlone(context.Background(), composeRunning(), s), c.subject, c.problem)
		})
	}
}

// A container that has just started is not ready yet; that is waited for.
func TestComposeRunningWaitsForHealth(t *testing.T) {
	s, server := running(t)
	server.containers[0].Health = "starting"
	slow := &settling{inspecting: server, until: time.Now().Add(time.Second)}
	s.Server = slow
	if r := runAlone(context.Background(), composeRunning(), s); r.Status != stack.Passed || len(r.Attempts) == 0 {
		t.Errorf("%s %s %+v, %d attempts", r.Status, r.Reason, r.Findings, len(r.Attempts))
	}
}

type settling struct {
	inspecting
	until time.Time
}

func (s *settling) Containers(context.Context) ([]stack.Container, error) {
	list := slices.Clone(s.containers)
	if time.Now().After(s.until) {
		list[0].Health = "healthy"
	}
	return list, nil
}

// A host with the containerd store names images otherwise; that is no alarm.
func TestComposeRunningKnowsOtherStores(t *testing.T) {
	s, server := running(t)
	for i := range server.containers {
		server.containers[i].ImageID = "sha256:manifest"
	}
	if r := runAlone(context.Background(), composeRunning(), s); r.Status != stack.Passed {
		t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
	}
}

// The release before may still drain, and a stranger's container is not judged.
func TestComposeRunningLeavesOthersAlone(t *testing.T) {
	s, server := running(t)
	server.containers = append(server.containers,
		stack.Container{ID: "old", Name: "stack-000000000001-api-1", Project: "stack-000000000001", Service: "api", State: "running", ImageID: "sha256:old"},
		stack.Container{ID: "other", Name: "wiki", Project: "wiki", Service: "wiki", State: "running"})
	if r := runAlone(context.Background(), composeRunning(), s); r.Status != stack.Passed {
		t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
	}
}
