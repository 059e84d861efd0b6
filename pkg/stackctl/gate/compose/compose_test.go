package compose

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

func TestComposeDeclaredCatches(t *testing.T) {
	// set changes one setting of a service after the freeze, where YAML would
	// need several places.
	set := func(name, service, problem string, change func(svc *stack.Service)) gatetest.Mutant {
		return gatetest.Mutant{Name: name, After: func(s *gate.Subject) { change(gatetest.ServiceOf(s, service)) }, Subject: "service " + service, Problem: problem}
	}
	test := func(words ...string) func(*stack.Service) {
		return func(s *stack.Service) { s.Healthcheck = &stack.Healthcheck{Test: words} }
	}
	env := func(key, value string) func(*stack.Service) {
		return func(s *stack.Service) { s.Environment[key] = value }
	}
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		{Name: "no health check", File: gatetest.ComposeFile, From: `    healthcheck: {<<: *probe, test: ["CMD", "/server", "healthcheck", "web"]}`, To: "", Subject: "service web", Problem: "no health check"},
		{Name: "health check disabled", File: gatetest.ComposeFile, From: `healthcheck: {<<: *probe, test: ["CMD", "/server", "healthcheck", "web"]}`, To: "healthcheck: {disable: true}", Subject: "service web", Problem: "disabled"},
		set("health check NONE", "web", "disabled", test("NONE")),
		set("health check true", "web", "cannot fail", test("CMD", "true")),
		set("health check /bin/true", "web", "cannot fail", test("CMD-SHELL", "/bin/true")),
		set("health check exit 0", "web", "cannot fail", test("CMD-SHELL", "exit 0")),
		set("health check || true", "web", "cannot fail", test("CMD-SHELL", "curl -f http://localhost || true")),
		set("health check ; exit 0", "web", "cannot fail", test("CMD-SHELL", "curl -f http://localhost; exit 0")),
		set("health check sh -c true", "web", "cannot fail", test("CMD", "sh", "-c", "true")),
		set("health check echo", "web", "cannot fail", test("CMD", "echo", "ok")),
		{Name: "no restart policy", File: gatetest.ComposeFile, From: "  restart: unless-stopped\n", To: "", Subject: "service api", Problem: "come back"},
		set("restart on failure", "api", "come back", func(s *stack.Service) { s.Restart = "on-failure:3" }),
		{Name: "a one-shot that restarts", File: gatetest.ComposeFile, From: `    restart: "no"`, To: "    restart: always", Subject: "service migrate", Problem: "for ever"},
		{Name: "no memory limit", File: gatetest.ComposeFile, From: "  mem_limit: 96m\n  stop", To: "  stop", Subject: "service worker", Problem: "no memory limit"},
		{Name: "logs without rotation", File: gatetest.ComposeFile, From: "    options: {max-size: 10m, max-file: \"3\"}\n", To: "", Subject: "service redis", Problem: "without bound"},
		set("logs with unlimited size", "web", "without bound", func(s *stack.Service) { s.LogOptions = map[string]string{"max-size": "-1"} }),
		set("logs thrown away", "web", "thrown away", func(s *stack.Service) { s.LogDriver = "none" }),
		{Name: "writable root", File: gatetest.ComposeFile, From: "  read_only: true\n", To: "", Subject: "service postgres", Problem: "writable"},
		{Name: "new privileges", File: gatetest.ComposeFile, From: `  security_opt: ["no-new-privileges:true"]` + "\n", To: "", Subject: "service api", Problem: "gain privileges"},
		set("new privileges false", "api", "gain privileges", func(s *stack.Service) { s.SecurityOpt = []string{"no-new-privileges:false"} }),
		set("seccomp off", "api", "protection", func(s *stack.Service) { s.SecurityOpt = append(s.SecurityOpt, "seccomp=unconfined") }),
		{Name: "capabilities kept", File: gatetest.ComposeFile, From: "  cap_drop: [ALL]\n", To: "", Subject: "service web", Problem: "not dropped"},
		{Name: "a capability added", File: gatetest.ComposeFile, From: "    cap_add: [NET_BIND_SERVICE]", To: "    cap_add: [NET_BIND_SERVICE, NET_ADMIN]", Subject: "service traefik", Problem: "NET_ADMIN"},
		set("all capabilities added", "worker", "ALL", func(s *stack.Service) { s.CapAdd = []string{"ALL"} }),
		set("a capability with prefix", "worker", "SYS_PTRACE", func(s *stack.Service) { s.CapAdd = []string{"CAP_SYS_PTRACE"} }),
		set("what postgres may is not for the app", "api", "SETUID", func(s *stack.Service) { s.CapAdd = []string{"SETUID"} }),
		{Name: "no user", File: gatetest.ComposeFile, From: "  user: \"65532:65532\"\n", To: "", Subject: "service api", Problem: "without root"},
		set("root", "api", "as root", func(s *stack.Service) { s.User = "root" }),
		set("root by number", "api", "as root", func(s *stack.Service) { s.User = "0:65532" }),
		set("root's group", "api", "group root", func(s *stack.Service) { s.User = "65532:0" }),
		set("privileged", "worker", "privileged", func(s *stack.Service) { s.Privileged = true }),
		set("host pid", "worker", "pid namespace", func(s *stack.Service) { s.PidMode = "host" }),
		set("host ipc", "worker", "ipc namespace", func(s *stack.Service) { s.IpcMode = "host" }),
		set("host users", "worker", "userns_mode namespace", func(s *stack.Service) { s.UsernsMode = "host" }),
		set("the host's root", "worker", "sensitive", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/", Target: "/host", ReadOnly: true}}
		}),
		set("the host's /etc", "worker", "sensitive", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/etc/../etc/shadow", Target: "/x", ReadOnly: true}}
		}),
		set("ssh keys", "worker", "sensitive", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/root/.ssh", Target: "/x", ReadOnly: true}}
		}),
		{Name: "waits for a start only", File: gatetest.ComposeFile, From: "  postgres: {condition: service_healthy}\n", To: "  postgres: {condition: service_started}\n", Subject: "service api", Problem: "seeing that it is ready"},
		{Name: "does not see the migration end", File: gatetest.ComposeFile, From: "condition: service_completed_successfully", To: "condition: service_started", Subject: "service api", Problem: "waits for migrate"},
		set("does not wait for its store", "scheduler", "without waiting", func(s *stack.Service) { s.DependsOn = nil }),
		{Name: "data network with a way out", File: gatetest.ComposeFile, From: "  data: {internal: true}", To: "  data: {}", Subject: "service postgres", Problem: "way out"},
		{Name: "a store on the app network", File: gatetest.ComposeFile, From: "    tmpfs: [/tmp, /data]\n    networks: [data]", To: "    tmpfs: [/tmp, /data]\n    networks: [data, app]", Subject: "service redis", Problem: "way out"},
		{Name: "the edge on the data network", File: gatetest.ComposeFile, From: "    secrets: [staff_htpasswd]\n    networks: [edge]", To: "    secrets: [staff_htpasswd]\n    networks: [edge, data]", Subject: "service traefik", Problem: "on the data network"},
		{Name: "the default network", File: gatetest.ComposeFile, From: "    command: [\"static\"]\n    environment: {<<: *server-env}\n    networks: [edge]\n", To: "    command: [\"static\"]\n    environment: {<<: *server-env}\n", Subject: "service static", Problem: "default network"},
		{Name: "latest", File: gatetest.ComposeFile, From: "image: redis:7.2", To: "image: redis:latest", Subject: "service redis", Problem: "not pinned"},
		{Name: "no tag", File: gatetest.ComposeFile, From: "image: redis:7.2", To: "image: redis", Subject: "service redis", Problem: "not pinned"},
		{Name: "no tag, registry with port", File: gatetest.ComposeFile, From: "image: redis:7.2", To: "image: registry.example:5000/redis", Subject: "service redis", Problem: "not pinned"},
		{Name: "a moving tag", File: gatetest.ComposeFile, From: "image: redis:7.2", To: "image: redis:alpine", Subject: "service redis", Problem: "not pinned"},
		{Name: "the app's latest", File: gatetest.ComposeFile, From: "${SERVER_IMAGE:-stackctl/server:dev}", To: "${SERVER_IMAGE:-stackctl/server:latest}", Subject: "service api", Problem: "not pinned"},
		set("a password", "api", "environment variable DATABASE_PASSWORD", env("DATABASE_PASSWORD", "hunter2")),
		set("a known secret under another name", "api", "environment variable GREETING", env("GREETING", "x"+gatetest.RepoSecrets["app_secret"])),
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
			s.Healthcheck.Test = []string{"CMD", "redis-cli", "-a", gatetest.RepoSecrets["redis_password"], "ping"}
		}),
		{Name: "a secret that is not from a file", After: func(s *gate.Subject) { s.Release.Secrets[0].File = "" }, Subject: "secret app_secret", Problem: "from a file"},
		{Name: "a variable missing from the example", File: ".env.example", From: "LOG_LEVEL=info\n", To: "", Subject: "variable LOG_LEVEL", Problem: "not in .env.example"},
		{Name: "a Traefik variable missing", File: ".env.example", From: "STAFF_ALLOWLIST=127.0.0.1/32\n", To: "", Subject: "variable STAFF_ALLOWLIST", Problem: "not in .env.example"},
		{Name: "a new variable in Traefik's files", Also: func(t *testing.T, r gatetest.Repo) {
			r.Change(t, gatetest.RoutesFile, "http:\n", "{{ $x := env `NEW_THING` }}\nhttp:\n")
			r.Change(t, gatetest.ComposeFile, "      STAFF_ALLOWLIST: $", "      NEW_THING: \"1\"\n      STAFF_ALLOWLIST: $")
		}, Subject: "variable NEW_THING", Problem: "not in .env.example"},
		{Name: "a variable in a default", File: gatetest.ComposeFile, From: "${LOG_LEVEL:-info}", To: "${LOG_LEVEL:-${FALLBACK_LEVEL:-info}}", Subject: "variable FALLBACK_LEVEL", Problem: "not in .env.example"},
		{Name: "a variable that nothing reads", File: ".env.example", From: "LOG_LEVEL=info\n", To: "LOG_LEVEL=info\n# Gone.\nOLD_THING=1\n", Subject: "variable OLD_THING", Problem: "read by nothing"},
		{Name: "a variable without a comment", File: ".env.example", From: "# debug, info, warn or error.\n", To: "\n", Subject: "variable LOG_LEVEL", Problem: "without a comment"},
		{Name: "a variable twice", File: ".env.example", From: "LOG_LEVEL=info\n", To: "LOG_LEVEL=info\nLOG_LEVEL=debug\n", Subject: "variable LOG_LEVEL", Problem: "twice"},
		{Name: "a real secret in the example", File: ".env.example", From: "LOG_LEVEL=info\n", To: "LOG_LEVEL=" + gatetest.RepoSecrets["app_secret"] + "\n", Subject: "file .env.example", Problem: "real secret"},
		{Name: "no example", After: func(s *gate.Subject) { s.Config.Compose.EnvExample += ".gone" }, Subject: ".env.example", Problem: "missing"},
		{Name: "an upstream that does not exist", File: gatetest.RoutesFile, From: "http://web:8080", To: "http://wep:8080", Subject: "upstream web", Problem: "not a service"},
		{Name: "an upstream that the edge cannot reach", File: gatetest.RoutesFile, From: "http://web:8080", To: "http://worker:8080", Subject: "upstream web", Problem: "no network"},
		{Name: "a router to nowhere", File: gatetest.RoutesFile, From: "      service: jobs-ui\n", To: "      service: jobsui\n", Subject: "router jobs", Problem: "service is defined nowhere"},
		{Name: "a middleware that does not exist", File: gatetest.RoutesFile, From: "[public-headers, site-rate]", To: "[public-header, site-rate]", Subject: "router web", Problem: "public-header is defined nowhere"},
		{Name: "the docs lack a service", File: "docs/stack-overview.md", From: "| S9 | `scheduler`", To: "| S9 | the scheduler", Subject: "service scheduler", Problem: "do not tell"},
		{Name: "the docs tell of a service that is gone", File: "docs/stack-overview.md", From: "| S9 | `scheduler`", To: "| S13 | `mailer` | sends | – | app | app |\n| S9 | `scheduler`", Subject: "service mailer", Problem: "lack"},
		{Name: "docs and routes disagree on a port", File: "docs/stack-overview.md", From: "| 8081 |", To: "| 8083 |", Subject: "service static", Problem: "disagree"},
		{Name: "the settings name a service that is gone", After: func(s *gate.Subject) { s.Config.Gates.Jobs.Service = "workers" }, Subject: "setting gates.jobs.service", Problem: "lack"},
	})
}

func TestComposeDeclaredDoesNotCryWolf(t *testing.T) {
	set := func(service string, change func(*stack.Service)) func(*gate.Subject) {
		return func(s *gate.Subject) { change(gatetest.ServiceOf(s, service)) }
	}
	env := func(key, value string) func(*gate.Subject) {
		return set("api", func(s *stack.Service) { s.Environment[key] = value })
	}
	fresh := gatetest.Copies(t, gatetest.NewRepo(t).Subject(t))
	for name, change := range map[string]func(*gate.Subject){
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
		"the time zone, writable": set("web", func(s *stack.Service) {
			s.Volumes = []stack.Mount{{Type: "bind", Source: "/etc/localtime", Target: "/etc/localtime"}, {Type: "bind", Source: "/etc/timezone", Target: "/etc/timezone"}}
		}),
		"a folder of the project": func(s *gate.Subject) {
			gatetest.ServiceOf(s, "web").Volumes = []stack.Mount{{Type: "bind", Source: s.Target.Path + "/x", Target: "/x"}}
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
			if r := gatetest.Run(context.Background(), Declared(), s); r.Status != stack.Passed {
				t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
			}
		})
	}
}

// No finding may show the secret that it found.
func TestComposeFindingsShowNoSecret(t *testing.T) {
	s := gatetest.NewRepo(t).Subject(t)
	secret := "hunter2-hunter2-hunter2"
	svc := gatetest.ServiceOf(&s, "api")
	svc.Environment["DB_PASSWORD"] = secret
	svc.Environment["DATABASE_URL"] = "postgres://app:" + secret + "@postgres/app"
	svc.Command = []string{"api", "--password", secret}
	r := gatetest.Run(context.Background(), Declared(), s)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) < 3 || strings.Contains(string(text), secret) {
		t.Errorf("%s", text)
	}
}

func TestComposeFindingsTellTheirPlace(t *testing.T) {
	r := gatetest.NewRepo(t)
	r.Change(t, gatetest.ComposeFile, "image: redis:7.2", "image: redis")
	got := gatetest.Run(context.Background(), Declared(), r.Subject(t))
	for _, f := range got.Findings {
		lines := strings.Split(r.Read(t, gatetest.ComposeFile), "\n")
		if !strings.HasSuffix(f.File, gatetest.ComposeFile) || f.Line == 0 || !strings.Contains(lines[f.Line-1], "redis:") {
			t.Errorf("%+v", f)
		}
	}
	if len(got.Findings) == 0 {
		t.Error("no finding")
	}
}

// inspecting is a server that also tells how containers run.
type inspecting struct {
	*gatetest.Server
	running map[string]map[string]any
}

func (i inspecting) Inspect(_ context.Context, id string) ([]byte, error) {
	return json.Marshal(i.running[id])
}

// runningStack is a host on which the containers run as declared.
func runningStack(t *testing.T) (gate.Subject, inspecting) {
	t.Helper()
	s := gatetest.NewRepo(t).Subject(t)
	server := inspecting{&gatetest.Server{}, map[string]map[string]any{}}
	started, err := probe.Frozen(s.Release)
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
		server.List = append(server.List, stack.Container{ID: svc.Name, Name: project + "-" + svc.Name + "-1", Project: project, Service: svc.Name,
			State: "running", Health: "healthy", ImageID: image, Addresses: addresses})
		var env []string
		for k, v := range started[svc.Name].Variables() {
			env = append(env, k+"="+v)
		}
		var mounts []any
		for at := range started[svc.Name].Targets() {
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
	s, _ := runningStack(t)
	if r := gatetest.Run(context.Background(), Running(), s); r.Status != stack.Passed || r.Inspected != 10 {
		t.Errorf("%s %s %d %+v", r.Status, r.Reason, r.Inspected, r.Findings)
	}
}

func TestComposeRunningCatches(t *testing.T) {
	host := func(key string, value any) func(*gate.Subject, inspecting) {
		return func(_ *gate.Subject, i inspecting) { i.running["api"]["HostConfig"].(map[string]any)[key] = value }
	}
	container := func(name string, change func(c *stack.Container)) func(*gate.Subject, inspecting) {
		return func(_ *gate.Subject, i inspecting) {
			for k := range i.List {
				if i.List[k].Service == name {
					change(&i.List[k])
				}
			}
		}
	}
	for _, c := range []struct {
		name             string
		change           func(*gate.Subject, inspecting)
		subject, problem string
	}{
		{"a service does not run", container("worker", func(c *stack.Container) { c.State = "exited" }), "container worker", "does not run"},
		{"a service is gone", container("worker", func(c *stack.Container) { c.Service = "" }), "container worker", "does not run"},
		{"unhealthy", container("web", func(c *stack.Container) { c.Health = "unhealthy" }), "container web", "not healthy"},
		{"a check that was declared and is not made", container("web", func(c *stack.Container) { c.Health = "none" }), "container web", "not healthy"},
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
		{"root", func(_ *gate.Subject, i inspecting) { i.running["api"]["Config"].(map[string]any)["User"] = "" }, "container api", "without root"},
		{"a known secret in the environment", func(_ *gate.Subject, i inspecting) {
			i.running["api"]["Config"].(map[string]any)["Env"] = []string{"X=" + gatetest.RepoSecrets["app_secret"]}
		}, "container api", "secret is in the environment"},
		{"the engine's socket", func(_ *gate.Subject, i inspecting) {
			i.running["api"]["Mounts"] = []any{map[string]any{"Type": "bind", "Source": "/run/docker.sock", "Destination": "/s"}}
		}, "container api", "socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, server := runningStack(t)
			c.change(&s, server)
			gatetest.WantFinding(t, gatetest.Run(context.Background(), Running(), s), c.subject, c.problem)
		})
	}
}

// A container that has just started is not ready yet; that is waited for.
func TestComposeRunningWaitsForHealth(t *testing.T) {
	s, server := runningStack(t)
	server.List[0].Health = "starting"
	slow := &settling{inspecting: server, until: time.Now().Add(time.Second)}
	s.Server = slow
	if r := gatetest.Run(context.Background(), Running(), s); r.Status != stack.Passed || len(r.Attempts) == 0 {
		t.Errorf("%s %s %+v, %d attempts", r.Status, r.Reason, r.Findings, len(r.Attempts))
	}
}

type settling struct {
	inspecting
	until time.Time
}

func (s *settling) Containers(context.Context) ([]stack.Container, error) {
	list := slices.Clone(s.List)
	if time.Now().After(s.until) {
		list[0].Health = "healthy"
	}
	return list, nil
}

// A host with the containerd store names images otherwise; that is no alarm.
func TestComposeRunningKnowsOtherStores(t *testing.T) {
	s, server := runningStack(t)
	for i := range server.List {
		server.List[i].ImageID = "sha256:manifest"
	}
	if r := gatetest.Run(context.Background(), Running(), s); r.Status != stack.Passed {
		t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
	}
}

// The release before may still drain, and a stranger's container is not judged.
func TestComposeRunningLeavesOthersAlone(t *testing.T) {
	s, server := runningStack(t)
	server.List = append(server.List,
		stack.Container{ID: "old", Name: "stack-000000000001-api-1", Project: "stack-000000000001", Service: "api", State: "running", ImageID: "sha256:old"},
		stack.Container{ID: "other", Name: "wiki", Project: "wiki", Service: "wiki", State: "running"})
	if r := gatetest.Run(context.Background(), Running(), s); r.Status != stack.Passed {
		t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
	}
}
