package main

// workerTest is the worker's own health check.
const workerTest = `["CMD", "/server", "healthcheck", "worker"]`

// serviceFiles break the rules of services in ways that look as if they were kept.
var serviceFiles = []mutant{
	{name: "a health check that is fine either way", gates: "G9", files: checked(`[CMD-SHELL, "if /server healthcheck worker; then exit 0; else exit 0; fi"]`)},
	{name: "a health check or true, in brackets", gates: "G9", files: checked(`[CMD-SHELL, "(/server healthcheck worker) || (true)"]`)},
	{name: "a health check whose pipe hides its end", gates: "G9", files: checked(`[CMD-SHELL, "/server healthcheck worker | cat"]`)},
	{name: "a health check that nobody waits for", gates: "G9", files: checked(`[CMD-SHELL, "/server healthcheck worker &"]`)},
	{name: "a health check of process 1", gates: "G9", files: checked(`[CMD-SHELL, "kill -0 1"]`)},
	{name: "a health check that executes true", gates: "G9", files: checked(`[CMD-SHELL, "exec true"]`)},
	{name: "a health check by env true", gates: "G9", files: checked(`[CMD, "/usr/bin/env", "true"]`)},
	{name: "a health check that reads nothing", gates: "G9", files: checked(`[CMD, cat, /dev/null]`)},
	{name: "a health check with a hundred thousand retries", gates: "G9", files: timed("retries: 100000")},
	{name: "a health check that does not count for a day", gates: "G9", files: timed("start_period: 24h")},
	{name: "a health check with two hours of patience", gates: "G9", files: timed("timeout: 2h")},
	{name: "a health check or printf", gates: "G9", files: checked(`[CMD-SHELL, "/server healthcheck worker || printf bad"]`)},
	{name: "a health check or sleep", gates: "G9", files: checked(`[CMD-SHELL, "/server healthcheck worker || sleep 1"]`)},
	{name: "a health check of a fixed text", gates: "G9", files: checked(`[CMD-SHELL, "[ -n ok ]"]`)},
	{name: "a health check that negates false", gates: "G9", files: checked(`[CMD-SHELL, "! false"]`)},
	{name: "a health check that calculates zero", gates: "G9", files: checked(`[CMD-SHELL, "/server healthcheck worker; exit $$((0))"]`)},
	{name: "a health check whose last line is true", gates: "G9", files: checked(`[CMD-SHELL, "/server healthcheck worker\ntrue"]`)},
	{name: "a health check whose way out is followed by a remark", gates: "G9", files: checked(`[CMD-SHELL, "/server healthcheck worker || exit 0 # fine"]`)},
	{name: "a terabyte of memory", gates: "G9", files: worker("mem_limit: 1t\n")},
	{name: "memory without its unit", gates: "G9 config", files: worker("mem_limit: 96\n")},
	{name: "the program is told of more memory than it gets", gates: "G9", files: func(p *project) {
		p.workerVariable("X_NOTE", "a")
		p.edit(composeFile, "      X_NOTE: \"a\"\n", "      GOMEMLIMIT: 900MiB\n")
	}},
	{name: "others are ended before the worker", gates: "G9", files: worker("oom_score_adj: -1000\n")},
	{name: "half a terabyte of memory below deploy", gates: "G9", files: func(p *project) {
		p.override("services:\n  worker: {mem_limit: !reset null, deploy: {resources: {limits: {memory: 500G}}}}\n")
	}},
	{name: "deploy says: never again", gates: "G9", files: worker("deploy: {restart_policy: {condition: none}}\n")},
	{name: "deploy says: twice", gates: "G9", files: worker("deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}\n")},
	{name: "logs of a terabyte", gates: "G9", files: worker("logging: {driver: json-file, options: {max-size: 1t}}\n")},
	{name: "logs of three hundred gigabytes", gates: "G9", files: worker("logging: {driver: json-file, options: {max-size: 100g, max-file: \"3\"}}\n")},
	{name: "a hundred thousand log files", gates: "G9", files: worker("logging: {driver: json-file, options: {max-size: 10m, max-file: \"100000\"}}\n")},
	{name: "the API is killed at once", gates: "G9", files: on("api", "stop_signal: SIGKILL\n")},
	{name: "no-new-privileges:0", gates: "G9", files: worker("security_opt: [\"no-new-privileges:0\"]\n")},
	{name: "no-new-privileges=f", gates: "G9", files: worker("security_opt: [\"no-new-privileges=f\"]\n")},
	{name: "the graphics card", gates: "G5 G9", files: worker("gpus: all\n")},
	{name: "the graphics card by a reservation", gates: "G5 G9", files: worker("deploy: {resources: {reservations: {devices: [{capabilities: [gpu], driver: nvidia, count: all}]}}}\n")},
	{name: "a hook of user 00", gates: "G9", files: worker("post_start: [{command: [\"/server\", \"x\"], user: \"00\"}]\n")},
	{name: "volumes of a foreign container", gates: "G9", files: worker("volumes_from: [\"container:legacy:ro\"]\n")},
	{name: "the edge's keys in the worker", gates: "G1 G9", files: worker("volumes: [\"acme:/keys:ro\"]\n")},
	{name: "the database's files in the worker", gates: "G9", files: worker("volumes: [\"postgres:/db\"]\n")},
	{name: "the database in memory", gates: "G9", files: compose("  postgres: {}\n", "  postgres: {driver_opts: {type: tmpfs, device: tmpfs, o: \"size=512m\"}}\n")},
	{name: "the database on a tmpfs, and no volume", gates: "G9", files: several(compose("    volumes:\n      - postgres:/var/lib/postgresql/data\n    tmpfs:\n      - /tmp\n", "    tmpfs:\n      - /tmp\n      - /var/lib/postgresql/data:uid=999,gid=999\n"), compose("  acme: {}\n  postgres: {}\n", "  acme: {}\n"))},
	{name: "the database's files beside the volume", gates: "G9", files: compose("      POSTGRES_INITDB_ARGS:", "      PGDATA: /tmp/data\n      POSTGRES_INITDB_ARGS:")},
	{name: "the volume beside the database's files", gates: "G9", files: compose("postgres:/var/lib/postgresql/data", "postgres:/var/lib/postgres/data")},
	{name: "Docker's own bridge", gates: "G5 G9", files: func(p *project) { p.override("services:\n  worker: {network_mode: bridge, networks: !reset []}\n") }},
	{name: "the default network mode", gates: "G5 G9", files: func(p *project) { p.override("services:\n  worker: {network_mode: default, networks: !reset []}\n") }},
	{name: "a network named past the file", gates: "G5 G9", files: func(p *project) { p.override("services:\n  worker: {network_mode: legacy_net, networks: !reset []}\n") }},
	{name: "the worker takes the database's name", gates: "G9", files: compose("    networks: [app, data]\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}", "    networks: {app: {}, data: {aliases: [postgres]}}\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}")},
	{name: "the API looks for the database elsewhere", gates: "G9", files: on("api", "extra_hosts: [\"postgres:203.0.113.66\"]\n")},
	{name: "the edge looks for the API elsewhere", gates: "G9 G1", files: on("traefik", "extra_hosts: {api: 203.0.113.66}\n")},
	{name: "a fixed address in the app layer", gates: "G9", files: several(compose("networks:\n  edge: {}\n  app: {}\n", "networks:\n  edge: {}\n  app: {ipam: {config: [{subnet: 10.9.0.0/24}]}}\n"), compose("    networks: [app, data]\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}", "    networks: {app: {ipv4_address: 10.9.0.9}, data: {}}\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}"))},
	{name: "a fourth network on the host's own", gates: "G9 G5", files: several(compose("  app: {}\n", "  app: {}\n  lan: {driver: macvlan, driver_opts: {parent: eth0}}\n"), compose("    networks: [app, data]\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}", "    networks: [app, data, lan]\n    depends_on: {<<: *wait-for-stores}\n    healthcheck: {<<: *probe, test: [\"CMD\", \"/server\", \"healthcheck\", \"worker\"]}"))},
	{name: "a foreign container under the database's name", gates: "G9", files: worker("external_links: [\"legacy-db:postgres\"]\n")},
	{name: "the edge is of the app layer", gates: "G9 config", files: compose("x-stackctl: {layer: edge}", "x-stackctl: {layer: app}")},
	{name: "a digest that is not hex", gates: "G9", files: compose("image: redis:7.2", "image: redis@sha256:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")},
	{name: "latest with a number", gates: "G9", files: compose("image: redis:7.2", "image: redis:7-latest")},
	{name: "a database that loses data", gates: "G9", files: compose("\"max_connections=80\"]", "\"max_connections=80\", \"-c\", \"fsync=off\"]")},
}
