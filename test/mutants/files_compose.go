package main

import (
	"encoding/base64"
	"strings"
)

// compose replaces one place of the compose file.
func compose(from, to string) func(p *project) {
	return func(p *project) { p.edit(composeFile, from, to) }
}

const (
	workerHealth = "    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}\n"
	hardened     = "x-hardened: &hardened\n"
)

// secret is a good secret's value.
func (p *project) secret(name string) string { return strings.TrimSpace(p.read("secrets/" + name)) }

// workerVariable gives the worker one more environment variable.
func (p *project) workerVariable(name, value string) {
	at := "      SMTP_PASSWORD_FILE: /run/secrets/smtp_password\n"
	p.edit(composeFile, at, at+"      "+name+": \""+value+"\"\n")
}

// composeFiles break the rules of every service, and what the files say of
// each other.
var composeFiles = []mutant{
	{name: "an image tagged latest", row: 24, gates: "G9", rule: "compose/image-pinned", files: compose("image: redis:7.2", "image: redis:latest")},
	{name: "an image without a tag", gates: "G9", rule: "compose/image-pinned", files: compose("image: redis:7.2", "image: redis")},
	{name: "latest by the default of a variable", gates: "G9", rule: "compose/image-pinned", files: compose("${SERVER_IMAGE:-stackctl/server:dev}", "${SERVER_IMAGE:-stackctl/server}")},
	{name: "latest by the environment file", gates: "G9", rule: "compose/image-pinned", files: func(p *project) { p.write(".env", "SERVER_IMAGE=stackctl/server:latest\n") }},
	{name: "an image by a digest that is none", gates: "G9", rule: "compose/image-pinned", files: compose("image: redis:7.2", "image: redis:7.2@sha256:0000")},
	{name: "a health check is missing", row: 24, gates: "G9", rule: "compose/healthcheck", files: compose(workerHealth, "")},
	{name: "a health check is NONE", gates: "G9", rule: "compose/healthcheck", files: compose(workerHealth, "    healthcheck: {test: [NONE]}\n")},
	{name: "a health check is disabled", gates: "G9", rule: "compose/healthcheck", files: compose(workerHealth, "    healthcheck: {disable: true}\n")},
	{name: "a health check that cannot fail", gates: "G9", rule: "compose/healthcheck", files: compose(workerHealth, "    healthcheck: {test: [CMD-SHELL, \"/server healthcheck worker || true\"]}\n")},
	{name: "a health check that asks nothing", gates: "G9", rule: "compose/healthcheck", files: compose(workerHealth, "    healthcheck: {test: [CMD, \"/server\", \"version\"]}\n")},
	{name: "a health check once a day", gates: "G9", rule: "compose/healthcheck", files: compose(workerHealth, "    healthcheck: {<<: *probe, interval: 24h, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}\n")},
	{name: "a variable is missing from .env.example", row: 24, gates: "G9", rule: "compose/env-example", files: func(p *project) { p.edit(".env.example", "AUTH_RATE=120\n", "") }},
	{name: "a variable without a comment", gates: "G9", rule: "compose/env-example", files: func(p *project) { p.append(".env.example", "\nNOT_EXPLAINED=1\n") }},
	{name: "a variable that nobody reads", gates: "G9", rule: "compose/env-example", files: func(p *project) { p.append(".env.example", "# How many moons.\nMOON_COUNT=1\n") }},
	{name: "a variable twice, with two values", gates: "G9", rule: "compose/env-example", files: func(p *project) { p.append(".env.example", "# Again.\nAUTH_RATE=9999\n") }},
	{name: "a variable that the compose file reads and nothing explains", gates: "G9", rule: "compose/env-example", files: compose("LOG_LEVEL: ${LOG_LEVEL:-info}", "LOG_LEVEL: ${LOG_WORDS:-info}")},
	{name: "an unexplained variable with a default", gates: "G9", rule: "compose/env-example", files: compose("max-size: 10m", "max-size: \"${LOG_SIZE:-10m}\"")},
	{name: "a variable that only Traefik's file reads", gates: "config", files: dynamic("average: 500, period: 1s, burst: 1000", "average: {{ env \"API_RATE\" }}, period: 1s, burst: 1000")},
	{name: "the docs do not list a service", gates: "G9", rule: "compose/inventory", files: func(p *project) { p.edit("docs/stack-overview.md", "`scheduler`", "`timer`") }},
	{name: "the docs list a service that is not there", gates: "G9", rule: "compose/inventory", files: func(p *project) {
		p.edit("docs/stack-overview.md", "| `scheduler`", "| `mailer` | sends mail | – |\n| `scheduler`")
	}},
	{name: "stackctl.yaml names a service that is not there", gates: "G9", rule: "compose/settings", files: func(p *project) { p.edit(configFile, "    service: worker\n", "    service: werker\n") }},
	{name: "the edge routes to a service that is not there", gates: "G9", rule: "compose/router-target", files: dynamic("http://jobs-ui:8082", "http://jobs-ux:8082")},
	{name: "no memory limit", gates: "G9", rule: "compose/mem-limit", files: compose("  mem_limit: 96m\n", "")},
	{name: "no log rotation", gates: "G9", rule: "compose/log-rotation", files: compose("    options: {max-size: 10m, max-file: \"3\"}\n", "")},
	{name: "one log file without bound", gates: "G9", rule: "compose/log-rotation", files: compose("{max-size: 10m, max-file: \"3\"}", "{max-file: \"3\"}")},
	{name: "logs thrown away", gates: "G9", rule: "compose/log-rotation", files: compose("    driver: json-file\n    options: {max-size: 10m, max-file: \"3\"}\n", "    driver: none\n")},
	{name: "no restart policy", gates: "G9", rule: "compose/restart", files: compose("  restart: unless-stopped\n", "")},
	{name: "a restart policy that gives up", gates: "G9", rule: "compose/restart", files: compose("  restart: unless-stopped\n", "  restart: on-failure:3\n")},
	{name: "a writable root", gates: "G9", rule: "compose/read-only", files: compose("  read_only: true\n", "")},
	{name: "capabilities kept", gates: "G9", rule: "compose/capabilities", files: compose("  cap_drop: [ALL]\n", "")},
	{name: "one capability dropped instead of all", gates: "G9", rule: "compose/capabilities", files: compose("  cap_drop: [ALL]\n", "  cap_drop: [NET_RAW]\n")},
	{name: "a capability added", gates: "G9", rule: "compose/capabilities", also: because("with it a container is as good as privileged", "compose/privileged"), files: on("worker", "cap_add: [SYS_ADMIN]\n")},
	{name: "all capabilities added", gates: "G9", rule: "compose/capabilities", also: because("with it a container is as good as privileged", "compose/privileged"), files: on("worker", "cap_add: [ALL]\n")},
	{name: "processes may gain privileges", gates: "G9", rule: "compose/no-new-privileges", files: compose("  security_opt: [\"no-new-privileges:true\"]\n", "")},
	{name: "no-new-privileges set to false", gates: "G9", rule: "compose/no-new-privileges", files: compose("no-new-privileges:true", "no-new-privileges:false")},
	{name: "seccomp switched off", gates: "G9", rule: "compose/kernel-protection", files: compose("[\"no-new-privileges:true\"]", "[\"no-new-privileges:true\", \"seccomp:unconfined\"]")},
	{name: "apparmor switched off", gates: "G9", rule: "compose/kernel-protection", files: compose("[\"no-new-privileges:true\"]", "[\"no-new-privileges:true\", \"apparmor=unconfined\"]")},
	{name: "a privileged service", gates: "G9", rule: "compose/privileged", files: on("worker", "privileged: true\n")},
	{name: "root as user", gates: "G9", rule: "compose/user", files: compose("  user: \"65532:65532\"\n", "  user: root\n")},
	{name: "user 0 in other words", gates: "G9", rule: "compose/user", files: compose("  user: \"65532:65532\"\n", "  user: \"00:65532\"\n")},
	{name: "no user", gates: "G9", rule: "compose/user", files: compose("  user: \"65532:65532\"\n", "")},
	{name: "a supplementary group of the host's Docker", gates: "G9", rule: "compose/namespaces", files: on("worker", "group_add: [\"0\", docker]\n")},
	{name: "the host's processes", gates: "G9", rule: "compose/namespaces", files: on("worker", "pid: host\n")},
	{name: "the host's shared memory", gates: "G9", rule: "compose/namespaces", files: on("worker", "ipc: host\n")},
	{name: "the host's user namespace", gates: "G9", rule: "compose/namespaces", files: on("worker", "userns_mode: host\n")},
	{name: "the host's cgroups", gates: "G9", rule: "compose/namespaces", files: on("worker", "cgroup: host\n")},
	{name: "the host's UTS namespace", gates: "G9", rule: "compose/namespaces", files: on("worker", "uts: host\n")},
	{name: "kernel settings changed", gates: "G9", rule: "compose/kernel-protection", files: on("worker", "sysctls: {net.ipv4.ip_forward: \"1\"}\n")},
	{name: "no OOM killer", gates: "G9", rule: "compose/oom", files: on("worker", "oom_kill_disable: true\n")},
	{name: "a folder of the host, writable", gates: "G9", rule: "compose/host-folders", files: on("worker", "volumes: [\"/etc:/host-etc\"]\n")},
	{name: "the secrets' folder mounted whole", gates: "G9", rule: "compose/secret-source", files: on("worker", "volumes: [\"../secrets:/all-secrets:ro\"]\n")},
	{name: "the data network is not internal", gates: "G9", rule: "compose/data-network", files: compose("  data: {internal: true}\n", "  data: {}\n")},
	{name: "the database on the edge's network", gates: "G9", rule: "compose/data-network", files: compose(databaseAt, strings.Replace(databaseAt, "[data]", "[data, edge]", 1))},
	{name: "the edge on the data network", gates: "G9", rule: "compose/data-network", files: compose("    networks: [edge]\n    healthcheck:\n      <<: *probe\n      test: [\"CMD\", \"traefik\"", "    networks: [edge, data]\n    healthcheck:\n      <<: *probe\n      test: [\"CMD\", \"traefik\"")},
	{name: "a network of somebody else", gates: "G9", rule: "compose/foreign-network", files: compose("  app: {}\n", "  app: {external: true, name: shared}\n")},
	{name: "a network of the host's driver", gates: "G9", rule: "compose/host-bridge", files: compose("  app: {}\n", "  app: {driver: macvlan}\n")},
	{name: "it does not wait for a healthy database", gates: "G9", rule: "compose/depends-on", files: compose("  postgres: {condition: service_healthy}\n  redis", "  postgres: {condition: service_started}\n  redis")},
	{name: "it waits for nothing", gates: "G9", rule: "compose/depends-on", files: compose("    networks: [app, data]\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}\n", "    networks: [app, data]\n"+workerHealth)},
	{name: "it does not wait for the migration", gates: "G9", rule: "compose/depends-on", files: compose("  migrate: {condition: service_completed_successfully}\n", "")},
	{name: "a secret as plain variable", gates: "G9", rule: "compose/secret-in-environment", files: compose("POSTGRES_PASSWORD_FILE: /run/secrets/postgres_password\n      POSTGRES_INITDB", "POSTGRES_PASSWORD: correct-horse-battery\n      POSTGRES_INITDB")},
	{name: "a known secret in a variable of an innocent name", gates: "G9", rule: "compose/secret-in-environment", also: because("the value stands in a committed file as well, which is worse than where it is used", "compose/committed-secret"), files: func(p *project) { p.workerVariable("COLOUR", p.secret("app_secret")) }},
	{name: "a known secret in base64 in a variable", gates: "G9", rule: "compose/secret-in-environment", also: because("the value stands in a committed file as well, which is worse than where it is used", "compose/committed-secret"), files: func(p *project) {
		p.workerVariable("COLOUR", base64.StdEncoding.EncodeToString([]byte(p.secret("app_secret"))))
	}},
	{name: "a password in a URL", gates: "G9", rule: "compose/secret-in-environment", files: func(p *project) { p.workerVariable("STORE", "postgres://app:hunter2hunter2@postgres/app") }},
	{name: "a private key in a variable", gates: "G9", rule: "compose/secret-in-environment", files: func(p *project) { p.workerVariable("CERT", "-----BEGIN PRIVATE KEY-----MIIEvQIBADAN") }},
	{name: "a secret in a command", gates: "G9", rule: "compose/secret-in-command", also: because("the value stands in a committed file as well, which is worse than where it is used", "compose/committed-secret"), files: func(p *project) {
		p.edit(composeFile, `command: ["worker"]`, `command: ["worker", "--password=`+p.secret("app_secret")+`"]`)
	}},
	{name: "a secret in a label", gates: "G9", rule: "compose/secret-in-command", also: because("the value stands in a committed file as well, which is worse than where it is used", "compose/committed-secret"), files: func(p *project) { p.service("worker", "labels: {note: \""+p.secret("app_secret")+"\"}\n") }},
	{name: "a secret in a build argument", gates: "G9", rule: "compose/secret-in-command", also: because("the value stands in a committed file as well, which is worse than where it is used", "compose/committed-secret"), files: func(p *project) {
		p.service("worker", "build: {context: ., args: {NPM_TOKEN: "+p.secret("app_secret")+"}}\n")
	}},
	{name: "a secret in a health check", gates: "G9", rule: "compose/secret-in-command", also: because("the value stands in a committed file as well, which is worse than where it is used", "compose/committed-secret"), files: func(p *project) {
		p.edit(composeFile, `"healthcheck", "worker"]`, `"healthcheck", "worker", "--token=`+p.secret("app_secret")+`"]`)
	}},
	{name: "a secret from an environment variable", gates: "config", files: compose("  app_secret: {file: ../secrets/app_secret}\n", "  app_secret: {environment: APP_SECRET}\n")},
	{name: "a file of variables with a secret", gates: "G9", rule: "compose/secret-in-environment", files: func(p *project) {
		p.write("compose/worker.env", "API_TOKEN="+p.secret("app_secret")+"\n")
		p.service("worker", "env_file: [worker.env]\n")
	}},
	{name: "a secret that everybody on this machine can read", gates: "G9", rule: "compose/weak-secret", files: func(p *project) { p.write("secrets/app_secret", "changeme") }},
	{name: "sessions signed with what an example says", gates: "G9", rule: "compose/signing-key", also: because("it stands in a variable, wherever its value is from", "compose/secret-in-environment"), files: func(p *project) { p.workerVariable("SESSION_SECRET", "please-change-me-to-a-random-string") }},
	{name: "a password of an example", gates: "G9", rule: "compose/placeholder", also: because("it stands in a variable, wherever its value is from", "compose/secret-in-environment"), files: func(p *project) { p.workerVariable("REPORT_PASSWORD", "your-password-here") }},
	{name: "a program in development", gates: "G9", rule: "compose/development", files: func(p *project) { p.workerVariable("RAILS_ENV", "development") }},
	{name: "a service with a name of its own", gates: "G9", rule: "compose/side-by-side", files: on("api", "container_name: api\n")},
	{name: "no time to finish requests", gates: "G9", rule: "compose/side-by-side", files: compose("  stop_grace_period: 15s\n  x-stackctl: {layer: app}\n", "  stop_grace_period: 0s\n  x-stackctl: {layer: app}\n")},
	{name: "an unknown key in stackctl.yaml", gates: "config", files: func(p *project) { p.append(configFile, "\nretentoin: {releases: 3}\n") }},
	{name: "a secret that nobody defines", gates: "config", files: compose("  smtp_password: {file: ../secrets/smtp_password}\n", "")},
	{name: "an undefined variable", gates: "config", files: compose("${LOG_LEVEL:-info}", "${LOG_LVL}")},
	{name: "an exception that has expired", gates: "G9", rule: "gate/exception", files: func(p *project) {
		p.append(configFile, "\nexceptions:\n  - {rule: compose/healthcheck, subject: service worker, owner: ops, reason: later, expires: 2020-01-31}\n")
	}},
	{name: "an exception without an owner", gates: "config", files: func(p *project) {
		p.append(configFile, "\nexceptions:\n  - {rule: compose/healthcheck, subject: service worker, reason: later, expires: 2099-01-31}\n")
	}},
}
