package infer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

func TestRepositoryIsWithoutRegistryTagAndDigest(t *testing.T) {
	for image, want := range map[string]string{
		"postgres": "postgres", "postgres:16-alpine": "postgres", "docker.io/library/postgres:16": "postgres", "library/redis": "redis",
		"docker.elastic.co/elasticsearch/elasticsearch:8.1@sha256:00": "elasticsearch/elasticsearch",
		"localhost:5000/shop/api:2":                                   "shop/api", "localhost/x": "x", "REGISTRY.example/Team/App": "team/app", "": "",
	} {
		if got := infer.Repository(image); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
}

func service(name, image string, change ...func(*infer.Service)) infer.Service {
	s := infer.Service{Service: stack.Service{Name: name, Image: image, Deployed: true, DependsOn: map[string]string{}, Labels: map[string]string{}, Environment: map[string]string{}}}
	for _, c := range change {
		c(&s)
	}
	return s
}

func needs(name, condition string) func(*infer.Service) {
	return func(s *infer.Service) { s.DependsOn[name] = condition }
}

// port publishes OUTSIDE:INSIDE[/PROTOCOL], with an address before it or not.
func port(text string) func(*infer.Service) {
	return func(s *infer.Service) {
		p := stack.Port{Protocol: "tcp"}
		if front, protocol, ok := strings.Cut(text, "/"); ok {
			text, p.Protocol = front, protocol
		}
		parts := strings.Split(text, ":")
		_, _ = fmt.Sscan(parts[len(parts)-1], &p.Target)
		if len(parts) > 1 {
			p.Published = parts[len(parts)-2]
		}
		if len(parts) > 2 {
			p.HostIP = parts[0]
		}
		s.Ports = append(s.Ports, p)
	}
}

func label(key, value string) func(*infer.Service) {
	return func(s *infer.Service) { s.Labels[key] = value }
}

func TestStoresAreKnownByTheirImage(t *testing.T) {
	for image, want := range map[string]stack.Layer{
		"postgres:16": "data", "postgis/postgis:16-3.4": "data", "timescale/timescaledb:latest-pg16": "data", "pgvector/pgvector:pg17": "data", "bitnami/postgresql:15": "data",
		"ghcr.io/immich-app/postgres:14": "data", "mysql": "data", "mysql/mysql-server:8.0": "data", "mariadb:11": "data", "lscr.io/linuxserver/mariadb": "data", "percona:8": "data",
		"mongo:7": "data", "redis:7-alpine": "data", "redis/redis-stack-server": "data", "valkey/valkey:8": "data", "eqalpha/keydb": "data", "docker.dragonflydb.io/dragonflydb/dragonfly": "data",
		"memcached": "data", "rabbitmq:3-management": "data", "nats:2": "data", "confluentinc/cp-kafka:7.3": "data", "apache/kafka": "data", "docker.redpanda.com/redpandadata/redpanda": "data",
		"zookeeper": "data", "docker.elastic.co/elasticsearch/elasticsearch:8.15.0": "data", "opensearchproject/opensearch:2": "data", "clickhouse/clickhouse-server": "data", "influxdb:2": "data",
		"quay.io/minio/minio": "data", "getmeili/meilisearch": "data", "typesense/typesense": "data", "couchdb:3": "data", "cassandra:5": "data", "neo4j:5": "data", "quay.io/coreos/etcd": "data",
		"hashicorp/consul": "data", "hashicorp/vault": "data", "mcr.microsoft.com/mssql/server:2022-latest": "data", "gvenzl/oracle-free": "data", "qdrant/qdrant": "data",
		"mongo-express": "app", "prometheuscommunity/postgres-exporter": "app", "nginx": "app", "redis/redisinsight": "app", "provectuslabs/kafka-ui": "app", "acme/my-postgres-backup": "app",
		"docker.elastic.co/kibana/kibana:8": "app", "grafana/grafana": "app", "": "app",
	} {
		if d := infer.Layers([]infer.Service{service("x", image)}, "")["x"]; d.Layer != want || d.LayerCause == "" {
			t.Errorf("%s: got %+v, want %s", image, d, want)
		}
	}
}

func TestLayersHaveTheirReason(t *testing.T) {
	said := func(l stack.Layer) func(*infer.Service) { return func(s *infer.Service) { s.Said = l } }
	at := func(target string) func(*infer.Service) {
		return func(s *infer.Service) { s.Volumes = append(s.Volumes, stack.Mount{Type: "volume", Target: target}) }
	}
	built := func(s *infer.Service) { s.Build = true }
	on := func(mode string) func(*infer.Service) { return func(s *infer.Service) { s.NetworkMode = mode } }
	for name, c := range map[string]struct {
		services []infer.Service
		layer    stack.Layer
		cause    string
	}{
		"said":              {[]infer.Service{service("x", "postgres", said(stack.LayerApp))}, "app", "x-stackctl says so"},
		"the edge":          {[]infer.Service{service("x", "traefik"), service("edge", "")}, "app", "every release"},
		"a folder of data":  {[]infer.Service{service("x", "", built, at("/var/lib/mysql"))}, "data", "where MySQL keeps data"},
		"below a folder":    {[]infer.Service{service("x", "acme/db", at("/var/lib/postgresql/data/pgdata"))}, "data", "PostgreSQL"},
		"like a folder":     {[]infer.Service{service("x", "acme/db", at("/var/lib/mysqlish"))}, "app", ""},
		"built and named":   {[]infer.Service{service("redis", "", built)}, "app", ""},
		"a store's port":    {[]infer.Service{service("x", "acme/cache", port("6379:6379"))}, "data", "where Redis answers"},
		"a store's and web": {[]infer.Service{service("x", "acme/all", port("6379:6379"), port("80:80"))}, "app", ""},
		"a client's dumps": {[]infer.Service{service("x", "mysql:8", func(s *infer.Service) {
			s.Command = []string{"sh", "-c", "while true; do mysqldump -h db app > /b/app.sql; sleep 60; done"}
		})}, "app", ""},
		"only stores use":  {[]infer.Service{service("x", "acme/certs"), service("es", "elasticsearch", needs("x", "service_healthy"))}, "data", "only es needs it"},
		"an app uses too":  {[]infer.Service{service("x", "acme/certs"), service("es", "elasticsearch", needs("x", "")), service("web", "acme/web", needs("x", ""))}, "app", ""},
		"shares a network": {[]infer.Service{service("x", "acme/agent", on("service:db")), service("db", "postgres")}, "data", "shares what db is in"},
		"lends a network":  {[]infer.Service{service("x", "acme/vpn"), service("db", "postgres", on("service:x"))}, "data", "db shares what it is in"},
	} {
		d := infer.Layers(c.services, "edge")["x"]
		if name == "built and named" {
			d = infer.Layers(c.services, "edge")["redis"]
			c.layer, c.cause = "data", "it is named for Redis"
		}
		if d.Layer != c.layer || !strings.Contains(d.LayerCause, c.cause) {
			t.Errorf("%s: got %+v", name, d)
		}
	}
	if d := infer.Layers([]infer.Service{service("edge", "traefik")}, "edge")["edge"]; d.Layer != stack.LayerEdge {
		t.Errorf("the edge: got %+v", d)
	}
}

func TestWhatEndsRunsOnce(t *testing.T) {
	restart := func(r string) func(*infer.Service) { return func(s *infer.Service) { s.Restart = r } }
	never := func(s *infer.Service) { s.Restart, s.NotRestarted = "no", true }
	probe := func(s *infer.Service) { s.Healthcheck = &stack.Healthcheck{Test: []string{"CMD", "x"}} }
	waiting := service("web", "acme/web", needs("x", "service_completed_successfully"))
	runs := func(words ...string) func(*infer.Service) { return func(s *infer.Service) { s.Command = words } }
	for name, c := range map[string]struct {
		x     infer.Service
		other infer.Service
		once  bool
	}{
		"a worker":           {service("x", "acme/web", never, runs("bundle", "exec", "sidekiq", "-C", "config/sidekiq.yml")), service("web", ""), false},
		"a server":           {service("x", "acme/web", never, runs("gunicorn", "shop.wsgi")), service("web", ""), false},
		"waited for":         {service("x", "acme/web"), waiting, true},
		"waited for, always": {service("x", "acme/web", restart("always")), waiting, true},
		"started for":        {service("x", "acme/web"), service("web", "", needs("x", "service_started")), false},
		"said":               {service("x", "acme/web", func(s *infer.Service) { s.SaidOnce = true }), service("web", ""), true},
		"the MinIO client":   {service("x", "minio/mc"), service("web", ""), true},
		"never again, but another starts after it": {service("x", "acme/web", never), service("web", "", needs("x", "service_started")), false},
	} {
		d := infer.Layers([]infer.Service{c.x, c.other}, "")["x"]
		if d.OneShot != c.once || d.OneShot != (d.OneShotCause != "") {
			t.Errorf("%s: got %+v", name, d)
		}
	}
	for name, c := range map[string]struct {
		s    infer.Service
		once bool
	}{
		"migrate": {service("db-migrate", "acme/web", restart("no")), true}, "migrate always": {service("migrate", "acme/web", restart("always")), false},
		"with a port": {service("setup", "acme/web", port("80:80")), false}, "with a probe": {service("init", "acme/web", probe), false}, "initial": {service("initiator", "acme/web"), false},
		"it copies":                      {service("frontend", "acme/web", runs("cp", "-r", "/app/build/.", "/static/")), true},
		"by a shell":                     {service("x", "acme/web", runs("sh", "-c", "sleep 5 && python manage.py migrate && python manage.py collectstatic --noinput")), true},
		"a framework's":                  {service("x", "acme/web", runs("npx", "prisma", "migrate", "deploy")), true},
		"then it serves":                 {service("x", "acme/web", runs("sh", "-c", "python manage.py migrate && gunicorn app")), false},
		"beside what runs":               {service("x", "acme/web", runs("sh", "-c", "cp a b & celery worker")), false},
		"it waits for ever":              {service("x", "acme/web", runs("sleep", "infinity")), false},
		"no command":                     {service("x", "acme/web"), false},
		"it copies, always":              {service("x", "acme/web", runs("cp", "a", "b"), restart("always")), false},
		"a store's client":               {service("rs", "mongo:7", runs("mongosh", "--eval", "rs.initiate()")), true},
		"a client in a loop":             {service("dump", "postgres", runs("sh", "-c", "while true; do pg_dump -U postgres app; sleep 60; done")), false},
		"a client called like it":        {service("dump", "mysql:8", runs("sh", "-c", "mysqldump -h db app > /b/app.sql")), true},
		"parts of a program":             {service("x", "composer:2", runs("install", "--no-dev")), true},
		"files of a program":             {service("x", "node:22", runs("sh", "-c", "npm ci && npm run build")), true},
		"files, again and again":         {service("x", "node:22", runs("yarn", "build", "--watch")), false},
		"parts, then it serves":          {service("x", "node:22", runs("sh", "-c", "npm ci && npm start")), false},
		"a store with both":              {service("x", "mongo:7", runs("sh", "-c", "mongod --fork && mongosh --eval 'rs.initiate()'; tail -f /dev/null")), false},
		"a store with a flag":            {service("x", "mysql:8", runs("--datadir", "/var/lib/mysql", "--character-set-server=utf8mb4")), false},
		"never again, a store's flags":   {service("x", "redis:7", never, runs("--appendonly", "yes")), false},
		"never again, a store's command": {service("x", "minio/minio", never, runs("server", "/data")), false},
		"a client by its path":           {service("x", "postgres", runs("sh", "-c", "until /usr/bin/psql -h db -c 'select 1'; do sleep 1; done")), true},
		"a store set up":                 {service("init", "cockroachdb/cockroach", runs("init", "--insecure")), true},
		"a store called setup":           {service("setup", "postgres"), false},
		"never again":                    {service("configurator", "acme/web", runs("acme", "configure"), never), true},
		"never again, a port":            {service("web", "acme/web", never, port("80:80")), false},
		"never again, a route":           {service("web", "acme/web", never, label("traefik.http.routers.w.rule", "Host(`example.com`)")), false},
		"never again, a store":           {service("x", "postgres", never), false},
		"never again, exposed":           {service("web", "acme/web", never, func(s *infer.Service) { s.Expose = []string{"80"} }), false},
	} {
		if d := infer.Layers([]infer.Service{c.s}, "")[c.s.Name]; d.OneShot != c.once {
			t.Errorf("%s: got %+v", name, d)
		}
	}
}

func text(r infer.Routing) string {
	var out []string
	for _, x := range r.Routes {
		at := x.Host + x.Path + "=" + x.Service + ":" + fmt.Sprint(x.Port)
		if x.Strip {
			at += " strip"
		}
		if x.Scheme != "" {
			at += " " + x.Scheme
		}
		out = append(out, at)
	}
	return strings.Join(out, ", ")
}

func TestRoutesAreWhatIsPublished(t *testing.T) {
	for name, c := range map[string]struct {
		services []infer.Service
		asked    []stack.RouteSpec
		want     string
		allow    []int
		told     string // service: a part of what is told
	}{
		"one":               {[]infer.Service{service("web", "acme/web", port("8080:3000"))}, nil, "=web:3000", nil, "web: no other service's"},
		"front and api":     {[]infer.Service{service("api", "acme/api", port("8080:8080")), service("frontend", "acme/front", port("3000:3000"))}, nil, "=frontend:3000, api=api:8080", nil, "api: looks like HTTP"},
		"a proxy in front":  {[]infer.Service{service("app", "acme/app", port("3000:3000")), service("nginx", "nginx", port("80:80"), port("443:443"))}, nil, "=nginx:80, app=app:3000", nil, "nginx: the edge serves HTTPS"},
		"asked":             {[]infer.Service{service("app", "acme/app", port("3000:3000")), service("x", "acme/x")}, []stack.RouteSpec{{Service: "x", Port: 9}}, "=x:9, app=app:3000", nil, "x: --route says so"},
		"a store":           {[]infer.Service{service("db", "postgres", port("5432:5432"))}, nil, "", nil, "db: not published any more"},
		"SSH beside":        {[]infer.Service{service("git", "gitea/gitea", port("3000:3000"), port("222:22"))}, nil, "=git:3000", []int{222}, "git: 222:22 stays published (SSH)"},
		"UDP":               {[]infer.Service{service("dns", "pihole/pihole", port("53:53/udp"), port("53:53"), port("80:80"))}, nil, "=dns:80", []int{53}, "dns: 53:53/udp stays published"},
		"HTTP/3":            {[]infer.Service{service("caddy", "caddy", port("443:443/udp"), port("443:443"), port("80:80"))}, nil, "=caddy:80", nil, "caddy: 443:443/udp is not published any more"},
		"a game":            {[]infer.Service{service("mc", "itzg/minecraft-server", port("25565:25565"))}, nil, "", []int{25565}, "mc: Minecraft"},
		"a range":           {[]infer.Service{service("ftp", "pure-ftpd", port("30000:30000"), port("30001:30001"), port("30002:30002"), func(s *infer.Service) { s.Ranges = []string{"30000-30002"} })}, nil, "", []int{30000, 30001, 30002}, "ftp: 30000-30002:30000-30002 stays published"},
		"three in a row":    {[]infer.Service{service("search", "acme/search", port("80:80"), port("9380:9380"), port("9381:9381"), port("9382:9382"))}, nil, "=search:80", nil, "search: 9381:9381 is not published any more"},
		"TLS of its own":    {[]infer.Service{service("p", "portainer/portainer-ce", port("9443:9443"), port("8000:8000"))}, nil, "=p:9443 https", nil, "p: 8000:8000 is not published any more: p has one route"},
		"loopback":          {[]infer.Service{service("v", "vaultwarden/server", port("127.0.0.1:8000:80"))}, nil, "=v:80", nil, ""},
		"nobody signs in":   {[]infer.Service{service("web", "acme/web", port("80:80")), service("prom", "prom/prometheus", port("9090:9090"))}, nil, "=web:80", nil, "prom: asks nobody to sign in"},
		"a mail catcher":    {[]infer.Service{service("web", "acme/web", port("80:80")), service("mail", "axllent/mailpit", port("1025:1025"), port("8025:8025"))}, nil, "=web:80", nil, "mail: 1025:1025 is not published any more"},
		"exposed":           {[]infer.Service{service("web", "acme/web", func(s *infer.Service) { s.Expose = []string{"3000"} }), service("db", "mysql")}, nil, "=web:3000", nil, "web: exposes the port"},
		"nothing":           {[]infer.Service{service("bot", "acme/bot")}, nil, "", nil, ""},
		"a debugger":        {[]infer.Service{service("web", "acme/web", port("80:80"), port("9229:9229"))}, nil, "=web:80", nil, "web: who reaches it runs what they like"},
		"a profile":         {[]infer.Service{service("web", "acme/web", port("80:80")), service("debug", "acme/d", port("81:81"), func(s *infer.Service) { s.Deployed = false })}, nil, "=web:80", nil, ""},
		"a port of no host": {[]infer.Service{service("x", "acme/x", port("22"))}, nil, "", nil, "x: names no port of the host"},
		"labels": {[]infer.Service{
			service("traefik", "traefik:v3", port("80:80"), port("8080:8080"), func(s *infer.Service) { s.Command = []string{"--providers.docker=true"} }),
			service("web", "acme/web", label("traefik.http.routers.w.rule", "Host(`example.com`) || Host(`www.example.com`)"), label("traefik.http.services.w.loadbalancer.server.port", "3000")),
			service("api", "acme/api", label("traefik.http.routers.a.rule", "Host(`example.com`) && PathPrefix(`/api/`)"), label("traefik.http.routers.a.middlewares", "s@docker"),
				label("traefik.http.middlewares.s.stripprefix.prefixes", "/api"), port("8000:8000")),
		}, nil, "=web:3000, www=web:3000, /api=api:8000 strip", nil, "web: its labels say so"},
		"alternatives": {[]infer.Service{
			service("web", "acme/web", label("traefik.http.routers.w.rule", "Host(`example.com`)"), label("traefik.http.services.w.loadbalancer.server.port", "3000")),
			service("api", "acme/api", label("traefik.http.routers.a.rule", "Host(`api.example.com`) || (Host(`example.com`) && (PathPrefix(`/v1`) || PathPrefix(`/v2`)))"), port("8000:8000")),
		}, nil, "=web:3000, api=api:8000, /v1=api:8000, /v2=api:8000", nil, "api: its labels say so"},
		"one label":   {[]infer.Service{service("who", "traefik/whoami", label("traefik.http.routers.w.rule", "Host(`whoami.localhost`)"))}, nil, "=who:80", nil, "who: 80 is assumed"},
		"old labels":  {[]infer.Service{service("who", "x", label("traefik.frontend.rule", "Host:a.example.com"), label("traefik.port", "81"))}, nil, "=who:81", nil, ""},
		"nginx-proxy": {[]infer.Service{service("who", "x", func(s *infer.Service) { s.Environment["VIRTUAL_HOST"] = "a.b.c,www.a.b.c" }, port("9:8080"))}, nil, "=who:8080, www=who:8080", nil, ""},
		"caddy labels": {[]infer.Service{service("c", "lucaslorentz/caddy-docker-proxy", port("80:80")), service("who", "x", label("caddy", "a.example.com"), label("caddy.reverse_proxy", "{{upstreams 8080}}"))}, nil,
			"=who:8080", nil, ""},
		"not enabled": {[]infer.Service{service("who", "x", label("traefik.enable", "false"), label("traefik.http.routers.w.rule", "Host(`a.b`)"))}, nil, "", nil, ""},
	} {
		r := infer.Routes(c.services, infer.Layers(c.services, ""), "shop.example", c.asked)
		if text(r) != c.want || !slices.Equal(r.Allow, c.allow) {
			t.Errorf("%s: got %q and %v, want %q and %v", name, text(r), r.Allow, c.want, c.allow)
		}
		if who, what, ok := strings.Cut(c.told, ": "); ok && !strings.Contains(strings.Join(r.Causes[who], "\n"), what) {
			t.Errorf("%s: %q is not told of %s: %q", name, what, who, r.Causes[who])
		}
	}
}

func TestRoutesLeadWhereTheFileSaysThatVisitorsGo(t *testing.T) {
	built := func(s *infer.Service) { s.Build = true }
	for name, c := range map[string]struct {
		services []infer.Service
		want     string
		allow    []int
		told     string
	}{
		"the server alone, beside a site":     {[]infer.Service{service("web", "acme/meet", port("8000:8000")), service("focus", "acme/focus", port("127.0.0.1:8888:8888"))}, "=web:8000", nil, "focus: 127.0.0.1:8888:8888 stays published on the server alone"},
		"the server alone, all of them":       {[]infer.Service{service("web", "acme/web", port("127.0.0.1:3000:3000")), service("stream", "acme/web", port("127.0.0.1:4000:4000"))}, "=web:3000, stream=stream:4000", nil, ""},
		"the server alone, beside a tool":     {[]infer.Service{service("web", "acme/web", port("127.0.0.1:3000:3000")), service("prom", "prom/prometheus", port("9090:9090"))}, "=web:3000", nil, "prom: asks nobody to sign in"},
		"no port of the host":                 {[]infer.Service{service("proxy", "acme/proxy", port("8080:8080")), service("ad", "acme/ad", port("9555"))}, "=proxy:8080", nil, "ad: it names no port of the host"},
		"no port of the host, all":            {[]infer.Service{service("nginx", "nginx", port("8080"))}, "=nginx:8080", nil, ""},
		"a pool of connections":               {[]infer.Service{service("pool", "edoburu/pgbouncer", port("6432:6432"))}, "", nil, "pool: 6432:6432 is not published any more"},
		"a store's port beside another":       {[]infer.Service{service("gate", "acme/gate", port("80:80"), port("9092:9092"))}, "=gate:80", nil, "gate: 9092:9092 is not published any more: services reach it inside, nobody else should (Kafka)"},
		"a store that nobody knows":           {[]infer.Service{service("web", "acme/web", port("80:80")), service("search", "acme/acme-search", port("9200:9200"), port("9300:9300"))}, "=web:80", nil, "search: services reach it inside, nobody else should"},
		"a store by its name":                 {[]infer.Service{service("web", "acme/web", port("80:80")), service("opensearch", "acme/shop-opensearch:2", port("9200:9200"))}, "=web:80", nil, "opensearch: services reach it inside, nobody else should"},
		"a tool by a store's name":            {[]infer.Service{service("mongo", "mongo-express", port("8081:8081")), service("web", "acme/web", port("80:80"))}, "=web:80", nil, "mongo: asks nobody to sign in"},
		"a label without a port":              {[]infer.Service{service("chat", "matrixdotorg/synapse", port("8448:8448"), port("8008:8008"), label("traefik.http.routers.c.rule", "Host(`chat.example.com`)"))}, "=chat:8008", nil, ""},
		"a cluster that runs what it is sent": {[]infer.Service{service("notebook", "jupyter/pyspark-notebook", port("8888:8888")), service("yarn", "bde2020/hadoop-resourcemanager", port("8088:8088")), service("spark", "bitnami/spark", port("8080:8080"), port("7077:7077"))}, "=notebook:8888", nil, "spark: asks nobody to sign in"},
		"cameras with a sign-in":              {[]infer.Service{service("nvr", "ghcr.io/blakeblackshear/frigate", port("5000:5000"), port("8971:8971"))}, "=nvr:8971 https", nil, "nvr: 5000:5000 is not published any more"},
		"TLS at another port":                 {[]infer.Service{service("board", "acme/board", port("443:5601"))}, "=board:5601 https", nil, ""},
		"443 beside 80":                       {[]infer.Service{service("board", "acme/board", port("443:4430"), port("80:8080"))}, "=board:8080", nil, ""},
		"TLS is the program's own page":       {[]infer.Service{service("u", "linuxserver/unifi-network-application", port("8080:8080"), port("8443:8443"))}, "=u:8443 https", nil, "u: 8080:8080 is not published any more: u has one route"},
		"a database shown by a command":       {[]infer.Service{service("web", "acme/web", port("3000:3000")), service("studio", "acme/web", port("5555:5555"), func(s *infer.Service) { s.Command = []string{"npx", "prisma", "studio"} })}, "=web:3000", nil, "studio: asks nobody to sign in"},
		"a notebook without a token":          {[]infer.Service{service("web", "acme/web", port("80:80")), service("lab", "acme/lab", port("8888:8888"), func(s *infer.Service) { s.Command = []string{"jupyter", "lab", "--NotebookApp.token=''"} })}, "=web:80", nil, "lab: asks nobody to sign in"},
		"a notebook with a token":             {[]infer.Service{service("web", "acme/web", port("80:80")), service("lab", "acme/lab", port("8888:8888"), func(s *infer.Service) { s.Command = []string{"jupyter", "lab", "--NotebookApp.token=abc"} })}, "=web:80, lab=lab:8888", nil, ""},
		"a registry that asks nobody":         {[]infer.Service{service("ui", "joxit/docker-registry-ui", port("80:80")), service("images", "registry:2", port("5000:5000"))}, "=ui:80", nil, "images: asks nobody to sign in"},
		"a registry with passwords":           {[]infer.Service{service("images", "registry:2", port("5000:5000"), func(s *infer.Service) { s.Environment["REGISTRY_AUTH"] = "htpasswd" }), service("ui", "joxit/docker-registry-ui", port("80:80"))}, "=ui:80, images=images:5000", nil, ""},
		"agents":                              {[]infer.Service{service("web", "zabbix/zabbix-web", port("80:8080")), service("server", "zabbix/zabbix-server", port("10051:10051"))}, "=web:8080", []int{10051}, "server: 10051:10051 stays published (Zabbix)"},
		"a shop that is called like a tool":   {[]infer.Service{service("api", "acme/api", port("8081:8081")), service("flower-shop", "", built, port("80:80")), service("spark-api", "", built, port("9000:9000"))}, "=flower-shop:80, api=api:8081, spark-api=spark-api:9000", nil, ""},
		"the server alone, beside labels":     {[]infer.Service{service("web", "acme/web", label("traefik.http.routers.w.rule", "Host(`example.com`)"), label("traefik.http.services.w.loadbalancer.server.port", "3000")), service("admin", "acme/admin", port("127.0.0.1:9000:9000"))}, "=web:3000", nil, "admin: stays published on the server alone"},
		"an old debugger":                     {[]infer.Service{service("result", "acme/result", port("5001:80"), port("5858:5858"))}, "=result:80", nil, "result: 5858:5858 is not published any more: who reaches it runs what they like"},
		"traces":                              {[]infer.Service{service("web", "acme/web", port("80:80")), service("traces", "acme/traces", port("4317:4317"), port("4318:4318"))}, "=web:80", nil, "traces: 4318:4318 is not published any more: it asks nobody to sign in"},
		"logs":                                {[]infer.Service{service("logs", "acme/logs", port("9000:9000"), port("5044:5044"))}, "=logs:9000", []int{5044}, "logs: 5044:5044 stays published (Beats)"},
		"a gateway before nginx":              {[]infer.Service{service("web", "nginx", port("9081:80")), service("gate", "apache/apisix:3", port("9180:9180"), port("9080:9080"))}, "=gate:9080, web=web:80", nil, "gate: 9180:9180 is not published any more"},
		"a gateway with its admin API":        {[]infer.Service{service("gate", "kong:3", port("8000:8000"), port("8443:8443"), port("8001:8001"), port("8002:8002"))}, "=gate:8000", nil, "gate: 8443:8443 is not published any more: the edge serves HTTPS"},
		"TLS at 8443":                         {[]infer.Service{service("u", "linuxserver/unifi-network-application", port("8443:8443"))}, "=u:8443 https", nil, ""},
		"five from 8000 on":                   {[]infer.Service{service("x", "acme/x", port("8000:8000"), port("8001:8001"), port("8002:8002"), port("8003:8003"), port("8004:8004"))}, "", []int{8000, 8001, 8002, 8003, 8004}, ""},
		"a websocket is no web":               {[]infer.Service{service("superset-websocket", "acme/ws", port("8080:8080")), service("superset", "apache/superset", port("8088:8088"))}, "=superset:8088, superset-websocket=superset-websocket:8080", nil, ""},
		"a model server beside its page":      {[]infer.Service{service("ollama", "ollama/ollama", port("11434:11434")), service("open-webui", "acme/ui", port("3000:8080"))}, "=open-webui:8080", nil, "ollama: asks nobody to sign in"},
		"a tool that is built":                {[]infer.Service{service("web", "acme/web", port("80:80")), service("prometheus-server", "", built, port("9091:9090"))}, "=web:80", nil, "prometheus-server: asks nobody to sign in"},
		"mails that are caught at 1080":       {[]infer.Service{service("web", "acme/web", port("80:80")), service("mail", "sj26/mailcatcher", port("1080:1080"))}, "=web:80", nil, "mail: asks nobody to sign in"},
	} {
		r := infer.Routes(c.services, infer.Layers(c.services, ""), "shop.example", nil)
		if text(r) != c.want || !slices.Equal(r.Allow, c.allow) {
			t.Errorf("%s: got %q and %v, want %q and %v", name, text(r), r.Allow, c.want, c.allow)
		}
		if who, what, ok := strings.Cut(c.told, ": "); ok && !strings.Contains(strings.Join(r.Causes[who], "\n"), what) {
			t.Errorf("%s: %q is not told of %s: %q", name, what, who, r.Causes[who])
		}
	}
}

func TestWhatLabelsAskOfVisitorsStaysAsked(t *testing.T) {
	rule := func(name, middlewares string) func(*infer.Service) {
		return func(s *infer.Service) {
			s.Labels["traefik.http.routers."+name+".rule"] = "Host(`" + name + ".example.com`)"
			s.Labels["traefik.http.routers."+name+".middlewares"] = middlewares
		}
	}
	services := []infer.Service{
		service("proxy", "traefik:v3", port("80:80"), func(s *infer.Service) { s.Command = []string{"--providers.docker=true"} },
			label("traefik.http.middlewares.Admins.basicauth.users", "a:b"), label("traefik.http.middlewares.office.ipallowlist.sourcerange", "203.0.113.0/24, 198.51.100.7"),
			label("traefik.http.middlewares.both.chain.middlewares", "office,admins@docker"), label("traefik.http.middlewares.unauthorized.headers.framedeny", "true"),
			label("traefik.http.middlewares.lan.ipwhitelist.sourcerange", "192.168.0.0/16,127.0.0.1/32"), label("traefik.http.middlewares.world.ipallowlist.sourcerange", "0.0.0.0/0")),
		service("lan", "acme/h", rule("lan", "lan")), service("world", "acme/i", rule("world", "world")),
		service("admins", "acme/a", rule("admins", "admins@docker")), service("office", "acme/b", rule("office", "office")), service("both", "acme/c", rule("both", "both@docker")),
		service("file", "acme/d", rule("file", "authelia@file")), service("open", "acme/e", rule("open", "unauthorized,compress")),
		service("shown", "acme/j", rule("shown", ""), label("traefik.http.routers.shown.tls.options", "mtls@file")), service("modern", "acme/k", rule("modern", ""), label("traefik.http.routers.modern.tls.options", "modern@file")),
		service("old", "acme/f", label("traefik.frontend.rule", "Host:old.example.com"), label("traefik.frontend.auth.basic", "a:b")),
		service("caddy", "acme/g", label("caddy_1", "caddy.example.com"), label("caddy_1.reverse_proxy", "{{upstreams 80}}"), label("caddy_1.basic_auth.admin", "hash")),
	}
	got := map[string]string{}
	for _, r := range infer.Routes(services, infer.Layers(services, ""), "example.com", nil).Routes {
		got[r.Host] = r.Guard + " " + strings.Join(r.Allow, " ")
	}
	for host, want := range map[string]string{"admins": "staff ", "office": "staff 198.51.100.7/32 203.0.113.0/24", "both": "staff 198.51.100.7/32 203.0.113.0/24", "file": "staff ", "open": " ", "lan": "staff ", "world": " ", "old": "staff ", "caddy": "staff ", "shown": "staff ", "modern": " "} {
		if got[host] != want {
			t.Errorf("%s: got %q, want %q", host, got[host], want)
		}
	}
}

func TestOnlyAProxyThatAsksDockerIsLeftOut(t *testing.T) {
	command := func(c string) func(*infer.Service) { return func(s *infer.Service) { s.Command = []string{c} } }
	mount := func(kind, target string) func(*infer.Service) {
		return func(s *infer.Service) { s.Volumes = append(s.Volumes, stack.Mount{Type: kind, Target: target}) }
	}
	socket := func(s *infer.Service) { s.Volumes = append(s.Volumes, stack.Mount{Source: "/var/run/docker.sock"}) }
	services := []infer.Service{
		service("labels", "traefik:v3", command("--providers.docker")), service("socket", "traefik", socket),
		service("files", "traefik", command("--providers.docker --providers.file.directory=/d"), mount("bind", "/d")), service("plain", "traefik"),
		service("file", "traefik", command("--providers.docker --providers.file.filename=/etc/traefik/dynamic.yml"), mount("bind", "/etc/traefik/")),
		service("unnamed", "traefik", command("--providers.docker --providers.file=true")),
		service("nothing", "traefik", command("--providers.docker.network=x --providers.file.directory=/rules"), socket),
		service("certificates", "traefik", command("--providers.docker --providers.file.directory=/storage/config"), socket, mount("volume", "/storage/config")),
		service("proxy", "nginxproxy/nginx-proxy"), service("companion", "nginxproxy/acme-companion"), service("whoami", "traefik/whoami"), service("nginx", "nginx"),
		service("sock", "tecnativa/docker-socket-proxy"), service("user", "traefik", needs("sock", ""), socket),
	}
	out := infer.LeftOut(services)
	for name, want := range map[string]bool{"labels": true, "socket": true, "files": false, "file": false, "unnamed": false, "nothing": true, "certificates": true, "plain": false, "proxy": true, "companion": true, "whoami": false, "nginx": false, "sock": true} {
		if (out[name] != "") != want {
			t.Errorf("%s: got %q", name, out[name])
		}
	}
}

func TestPortsStayPublishedWhereSomebodySaidSo(t *testing.T) {
	s := service("x", "acme/x", port("80:8000"), port("3000:3000"), port("222:22"), port("5000-5001:5000"), port("127.0.0.1:9000:9000"), port("53:53/udp"), port("443:443/udp"), port("4000:4000"))
	got := infer.Published(s, []stack.RouteSpec{{Service: "x", Port: 3000}}, []int{22, 80, 443, 222, 3000, 5000})
	if want := []bool{false, false, true, false, true, true, false, false}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatGetsCertificatesIsLeftOut(t *testing.T) {
	certificates := func(s *infer.Service) {
		s.Volumes = append(s.Volumes, stack.Mount{Type: "volume", Source: "certs", Target: "/etc/letsencrypt"})
	}
	services := []infer.Service{
		service("certbot", "certbot/certbot", certificates), service("dns", "docker.io/certbot/dns-cloudflare:v2", certificates), service("acme", "neilpang/acme.sh"),
		service("nginx", "nginx", certificates), service("web", "acme/web"), service("mail", "mailserver/docker-mailserver", certificates, port("25:25"), port("993:993")), service("with-a-port", "certbot/certbot", port("80:80")),
	}
	left := infer.LeftOut(services)
	for name, want := range map[string]bool{"certbot": true, "dns": true, "acme": true, "nginx": false, "web": false, "with-a-port": false} {
		if (left[name] != "") != want {
			t.Errorf("%s: %q", name, left[name])
		}
	}
	if told := infer.Certificates(services); len(told) != 1 || !strings.Contains(told["nginx"], "plain HTTP") {
		t.Errorf("it tells %v", told)
	}
}
