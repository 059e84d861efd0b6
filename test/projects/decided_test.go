package projects_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// decided are projects of which init must say certain things, and must not say
// others.
var decided = map[string]struct{ says, never []string }{
	"meeting-loopback": {[]string{
		"focus: port 127.0.0.1:8888:8888 stays published on the server alone",
		"web: port 8443:8443 is not published any more: the edge serves HTTPS",
	}, []string{"focus.example.org", "bridge.example.org"}},
	"home-network": {[]string{
		"mqtt: port 1883:1883 is not published any more: its settings let everybody in without a password (MQTT)", "mqtt: port 8883:8883 stays published (MQTT)",
		"files: port 139:139 is not published any more: a share of files is for a network of one's own", "files: port 445:445 is not published any more",
		"hub      app    recreate  example.org",
	}, nil},
	"many-hosts": {[]string{
		"nginx: its settings serve several hosts, shop.example.com (nginx.conf:5), api.shop.example.com (nginx.conf:11)", "--route api=nginx:80",
		"nginx    app    overlap   example.org",
	}, nil},
	"helpdesk-family": {[]string{
		"helpdesk-postgresql  data ", "helpdesk-redis       data ", "helpdesk-backup      app    recreate ", "helpdesk-nginx       app    overlap ",
	}, nil},
	"search-profiles": {[]string{
		"search-cpu: port 9381:9381 is not published any more", "search-cpu: the domain → port 80",
		"sandbox     app    -         -            not deployed: name its profile sandbox under compose.profiles",
	}, []string{"stays published", "a range"}},
	"options-by-name": {[]string{
		"jobs     app    overlap ", "set SEARCH_TOKEN in .env: compose.yaml:11 uses it, it has no default, and it is empty else",
	}, []string{"set JWT_APP_SECRET", "set TURN_PASSWORD", "once"}},
	"env-file-of-the-server": {[]string{
		"check refuses it: the env file /opt/reports/env does not exist (compose.yaml:3); an env file is read where stackctl runs",
	}, nil},
	"traefik-built-with-files": {[]string{
		"traefik  -      -         -", "left out: its files lead names to services", "django: the domain → port 5000: the files of a Traefik say so", "django: www.example.org → port 5000",
		"nginx: the domain/media → port 80", "1 more are not",
	}, []string{"flower: ", "gets certificates by itself"}},
	"pool-and-traces": {[]string{
		"pool       data   -         -                it publishes 6432, where PostgreSQL answers",
		"collector: port 4318:4318 is not published any more: it asks nobody to sign in",
		"workflows: port 7233:7233 is not published any more",
		"proxy: port 9092:9092 is not published any more: services reach it inside, nobody else should (Kafka)",
	}, []string{"stays published", "collector.example.org", "workflows.example.org"}},
	"gateway-admin": {[]string{
		"gateway: the domain → port 8000",
		"gateway: port 8001:8001 is not published any more",
		"edge-metrics: port 9555 is not published any more: it names no port of the host",
	}, []string{"stays published", "a range"}},
	"swarm-restart-none": {[]string{
		"configurator  app    once ",
		"create-site   app    once ",
		"backend       app    recreate ",
	}, nil},
	"typed-variables": {[]string{
		"chat: the domain → port 8065",
		"set CHAT_READ_ONLY in .env: docker-compose.yml:9 uses it, it has no default, and check refuses it without",
	}, nil},
	"traefik-empty-files": {[]string{
		"traefik  -      -         -",
		"chat: chat.example.org → port 8008",
	}, []string{"traefik.example.org"}},
	"company-stores": {[]string{
		"opensearch  data   -         -                it is named for OpenSearch",
		"lexicon     data   -         -                it publishes 9300, where Elasticsearch answers",
		"varnish: the domain → port 80",
	}, []string{"opensearch.example.org", "lexicon.example.org"}},
	"variables-by-name": {[]string{
		"set TOKEN_APP_SECRET in .env: compose.yaml:10 uses it, it has no default, and check refuses it without",
		"set TURN_PASSWORD in .env: compose.yaml:11",
	}, []string{"set BRIDGE_PASSWORD", "set TZ", "set REPORT_PASSWORD"}},
	"guarded-path": {[]string{
		"office: the domain/office → port 9001: its labels say so (there: shop.example.com); they ask who comes, and here the staff's password does (guard: staff)",
		"shop: the domain → port 9000: its labels say so (there: shop.example.com)",
	}, nil},
	"traefik-guards": {[]string{
		"wiki: wiki.example.org → port 3000: its labels say so (there: wiki.example.com); they ask who comes, and here the staff's password does (guard: staff)",
		"wiki: hosts by a pattern (HostRegexp) have no route",
		"board: board.example.org → port 8080: its labels say so (there: board.example.com); they ask who comes",
		"files: files.example.org → port 8080: its labels say so (there: files.example.com); they ask who comes",
		"broker: its labels ask the proxy for TCP or UDP",
	}, []string{"wiki: the domain", "portal: portal.example.org → port 9091: its labels say so (there: portal.example.com); they"}},
	"caddy-sites": {[]string{
		"multi: app.example.org → port 3000", "multi: api.example.org → port 4000", "path: the domain/v1 → port 9000", "hooks: the domain/hooks → port 9100",
	}, nil},
	"store-clients": {[]string{
		"rs-initiate  app    once      -            its command does something to a store and ends",
		"topics       app    once ", "db-setup     app    once ", "dump         app    recreate ", "nightly      app    recreate ", "db           data ",
	}, nil},
	"ipv6-loopback": {[]string{"web: port [::1]:8081:8081 stays published on the server alone"}, nil},
	"nameless-volumes": {[]string{
		"cms: what it writes to /var/www/html/modules, /var/www/html/sites is empty again with every release",
		"board: the domain → port 5601", "core: port 38412:38412/sctp stays published (SCTP)",
	}, []string{"assets: what"}},
	"shared-literals": {[]string{
		"api, worker: secrets stand in the compose file; write ${NAME} there and the value in .env, or mount a secret: BROKER_PASSWORD (compose.yaml:6)",
		"What looks like HTTP asks nobody to sign in: nothing is routed",
	}, []string{"No service looks like HTTP"}},
	"schedulers": {[]string{
		"beat     app    recreate  -            changes with every release; it starts what is due, and two would start it twice",
		"planner  app    recreate ", "cleanup  app    recreate ", "minutes  app    recreate ",
		"cron     app    recreate ", "both     app    recreate ", "worker   app    overlap ", "timer    app    overlap ",
	}, nil},
	"caddyfile-of-names": {[]string{
		"caddy    -      -         -", "left out: its Caddyfile only leads names to services",
		"app: app.example.org/api → port 8080: the settings of caddy say so (there: app.example.com)", "app: app.example.org → port 3000: the settings of caddy say so",
		"vault: vault.example.org → port 80: the settings of caddy say so (there: vault.example.com); they ask who comes",
	}, []string{"caddy: the domain", "it gets certificates by itself"}},
	"traefik-built": {[]string{
		"proxy    -      -         -", "proxy: what is built into its image beside the labels is not carried",
		"calls: calls.example.org → port 50051: its labels say so", "front: www.example.org → port 8080",
	}, []string{"proxy.example.org"}},
	"proxy-manager": {[]string{
		"manager  -      -         -", "manager: its hosts are in settings of its own, and are not carried: give each a route",
	}, []string{"manager: the domain"}},
	"game-consoles": {[]string{
		"island: port 27020:27020 is not published any more: who guesses its password, which it takes in clear, runs what they like (RCON)",
		"island: port 25575:25575 is not published any more", "island: port 7777:7777/udp stays published (UDP)",
		"vpn: the domain → port 51821: port 51821:51821 looks like HTTP, and no other service's does; it asks nobody to sign in, so the staff's password comes first (guard: staff)",
	}, nil},
	"empty-secrets": {[]string{
		"db: check refuses it: it has an empty POSTGRES_PASSWORD, and PostgreSQL is not set up without it (compose.yaml:11). Give POSTGRES_PASSWORD a random value",
		"cache: check refuses it: it has an empty --requirepass",
	}, []string{"SMTP_PASSWORD", "set CACHE_PASSWORD"}},
	"traefik-files-and-labels": {[]string{
		"traefik  -      -         -",
		"traefik: of what its files say beside the labels, routes to services of the project are carried, and nothing else (./traefik/dynamic, ./traefik/traefik.yml)",
		"app: app.example.org → port 8080: its labels say so (there: app.example.com)\n",
		"board: board.example.org → port 3000: its labels say so (there: board.example.com); they ask who comes",
	}, nil},
	"not-for-a-server": {[]string{
		"base       -      -         -            left out: it is a template: rails, sidekiq, unit are made of it",
		"unit       -      -         -            left out: its command tests or checks the program",
		"e2e        -      -         -            left out: its command tests",
		"suite      -      -         -            left out: its command tests",
		"queue-box  -      -         -            left out: its command waits for somebody to enter it",
		"shell      -      -         -            left out: it is a box of tools without a command",
		"indexer    -      -         -            left out: the file asks for none of it",
		"old        -      -         -            left out: the file asks for none of it",
		"awscli     -      -         -            left out: it is named for a box of tools",
		"kept       app ", "queue      data ", "database   data ", "rails      app ", "sidekiq    app ",
	}, []string{"indexer.example.org", "old: the domain"}},
	"store-certificates": {[]string{"setup    data   once      -            it sets up a store and ends", "es01     data "}, nil},
	"own-certificates": {[]string{
		"front: it gets certificates by itself, which fails where the edge has port 80 and 443: behind the edge it must answer plain HTTP",
		"front: network_mode: bridge becomes the project's own network",
		"broker: port 1883:1883 stays published (MQTT)",
		"broker: port 9001:9001 is not published any more: MQTT over WebSockets asks nobody to sign in",
		"volume share: secrets stand in the compose file; write ${NAME} there and the value in .env, or mount a secret: password (compose.yaml:20)",
	}, nil},
	"ports-by-variable": {[]string{
		"bridge: port 127.0.0.1:8080:8080 stays published on the server alone",
		"chat: a port of its container is a variable without a value: set it in .env and run init again",
		"way_out: port 8194:8194 is not published any more: who reaches it goes out in the server's name",
		"set CHAT_NAME in .env: compose.yaml:4 uses it, it has no default, and check refuses it without",
		"set CALLS_PORT in .env: compose.yaml:7 uses it, it has no default, and check refuses it without",
	}, []string{"bridge.example.org", "way-out.example.org", "(there: 0)", "65535"}},
	"bare-tool-alone": {[]string{"workflows: the domain → port 8088: port 8088:8088 looks like HTTP, and no other service's does; it asks nobody to sign in, so the staff's password comes first (guard: staff)", "secrets/staff_password"}, nil},
	"sign-in-by-variable": {[]string{
		"open-engine: port 8080:8080 is not published any more: it asks nobody to sign in",
		"engine: engine.example.org → port 8080",
		"board: port 3000:3000 is not published any more: it asks nobody to sign in",
		"flows: port 1880:1880 is not published any more: it asks nobody to sign in",
		"logstash: port 5000:5000 is not published any more",
		"voice: port 7880:7880 stays published (TCP and UDP)",
		"files: files.example.org → port 5000",
		"accounts: port 4445:4445 is not published any more: the administration of accounts asks nobody to sign in",
		"accounts: accounts.example.org → port 4444",
		"runs: port 3070:3070 is not published any more: it asks nobody",
		"fpm: port 9000:9000 is not published any more: it is PHP's own protocol (FastCGI)",
	}, []string{"logstash.example.org", "voice.example.org", "fpm.example.org", "eureka-server.example.org", "config.example.org", "config-server.example.org", "admin-server.example.org"}},
	"external-network": {[]string{
		"web: network proxy is external: a deploy makes it where the server has none of that name",
		"worker: volume shop-media is external", "beat     app    recreate ",
	}, []string{"worker: network proxy"}},
	"home-folder": {[]string{
		"web: check refuses its mount of ~/site/html (compose.yaml:5), of a home folder",
		"write ./site/html for a folder of the project, kept on the server",
		"web: check refuses its mount of ~/.ssh (compose.yaml:5)",
		"web: check refuses its mount of ~/.flows (compose.yaml:5), of a home folder: it is that of whoever deploys, holds their secrets, and is not on the server; write ./flows ",
	}, []string{"_up"}},
	"command-secrets": {[]string{
		"search: secrets stand in the compose file; write ${NAME} there and the value in .env, or mount a secret: --master-key (compose.yaml:4)",
		"cache: secrets stand in the compose file; write ${NAME} there and the value in .env, or mount a secret: --requirepass (compose.yaml:11)",
		"app: the domain → port 8080: port 8080 looks like HTTP",
		"tools    -      -         -            left out: it is a box of tools without a command",
		"client   -      -         -            left out: it is a box of tools without a command",
	}, []string{"app: secrets", "port 0:8080"}},
	"pages-of-stores": {[]string{
		"shop: the domain → port 80",
		"phpmyadmin: port 8081:80 is not published any more: it asks nobody to sign in",
		"adminer: port 8082:8080 is not published any more: who guesses a password there has the database",
		"kibana: port 5601:5601 is not published any more: it asks nobody to sign in",
		"files: port 8083:80 is not published any more: it asks nobody to sign in",
	}, []string{"phpmyadmin.example.org", "adminer.example.org", "kibana.example.org", "files.example.org"}},
	"source-mounts": {[]string{
		"web: it may write to the program's text in ./src:/app/src. The server keeps what the first deploy brings, and later releases would not change what runs.",
		"front: it may write to the program's text in ./front:/app. ",
	}, []string{"./uploads", "./html"}},
	"debug-and-metrics": {[]string{
		"web: the domain → port 3000",
		"web: port 9230:9230 is not published any more: who reaches it runs what they like (a debugger)",
		"worker: port 8787:8787 is not published any more: who reaches it runs what they like (a debugger)",
		"worker: port 9010:9010 is not published any more: who reaches it runs what they like (a debugger)",
		"reports: port 5678:5678 is not published any more: who reaches it runs what they like (a debugger)",
		"stock: port 8092:8092 is not published any more: who reaches it runs what they like (a debugger)",
		"stock: port 2112:2112 is not published any more: it asks nobody to sign in, and services reach it inside (metrics)",
		"orders: port 8091:8091 is not published any more: it asks nobody to sign in, and services reach it inside (metrics or management)",
		"orders: port 9095:9095 is not published any more: services reach it inside (gRPC). Where others call it: a route to port 9095 with scheme: h2c",
		"envoy: port 9901:9901 is not published any more: the proxy's administration asks nobody to sign in",
		"calls: port 8093:8080 is not published any more: it asks nobody to sign in",
	}, []string{".example.org"}},
	"signals-stack": {[]string{
		"status: the domain → port 8090",
		"gateway: port 10052:10052 is not published any more: it asks nobody to sign in, and services reach it inside (Zabbix)",
	}, []string{"mimir.example.org", "pyroscope.example.org", "agent.example.org", "notes.example.org", "models.example.org"}},
	"gateway-of-services": {[]string{
		"api-gateway: the domain → port 8765", "order-service: order-service.example.org → port 8085", "payment-gateway: payment-gateway.example.org",
	}, nil},
	"http3-front": {[]string{
		"php: it serves HTTPS by itself (443/udp is HTTP/3): behind the edge it must answer plain HTTP",
		"blog: it gets certificates by itself, which fails where the edge has port 80 and 443: behind the edge it must answer plain HTTP",
	}, nil},
	"rows-of-datagrams": {[]string{
		"turn: port 49152-49172:49152-49172/udp stays published (UDP)", "turn: port 3478:3478/udp stays published (UDP)", "game: port 2456-2458:2456-2458/udp stays published (UDP)", "game: the domain → port 80",
	}, []string{"49153:49153"}},
	"model-server": {[]string{
		"ollama: port 11434:11434 is not published any more: it asks nobody to sign in",
		"prometheus-server: port 9091:9090 is not published any more: it asks nobody to sign in",
		"open-webui: the domain → port 8080",
		"studio: port 5555:5555 is not published any more: it asks nobody to sign in",
	}, []string{"ollama.example.org", "tika.example.org"}},
}

func TestInitDecidesAsTheTeamWould(t *testing.T) {
	files, err := filepath.Abs("files")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range decided {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(files, name))); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		_, text := run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes")
		for _, says := range want.says {
			if !strings.Contains(text, says) {
				t.Errorf("%s: %q is not in\n%s", name, says, text)
			}
		}
		for _, says := range want.never {
			if strings.Contains(text, says) {
				t.Errorf("%s: %q is in\n%s", name, says, text)
			}
		}
	}
}
