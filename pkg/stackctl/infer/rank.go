package infer

import (
	"regexp"
	"slices"
	"strings"
)

// mains are the ports of programs whose page is not where one would look.
var mains = []struct {
	images []string
	ports  []int
}{
	{[]string{"portainer", "portainer-ce", "portainer-ee"}, []int{9000, 9443}},
	{[]string{"unifi-network-application", "unifi-controller", "unifi"}, []int{8443}},
	{[]string{"jenkins", "jenkins/jenkins"}, []int{8080}},
	{[]string{"syncthing"}, []int{8384}},
	{[]string{"all-in-one"}, []int{16686}},
	{[]string{"qbittorrent", "transmission"}, []int{8080, 9091}},
	{[]string{"apisix"}, []int{9080}},
	{[]string{"kong"}, []int{8000}},
	{[]string{"emqx"}, []int{18083}},
	{[]string{"nexus3"}, []int{8081}},
	{[]string{"superset"}, []int{8088}},
	{[]string{"synapse"}, []int{8008}},
	{[]string{"zwave-js-ui"}, []int{8091}},
	{[]string{"frigate"}, []int{8971}},
	{[]string{"hadoop-namenode"}, []int{9870}},
	{[]string{"maildev", "mailcatcher"}, []int{1080}},
}

func mainPorts(repository string) []int {
	for _, m := range mains {
		if names(m.images, repository) {
			return m.ports
		}
	}
	return nil
}

// rank orders the ports of one service: the program's own page, then where
// browsers ask first.
func rank(p published, main []int) int {
	if i := slices.Index(main, p.target); i >= 0 {
		return i - len(main)
	}
	for i, port := range preferred {
		if p.outside == port || p.target == port {
			return i
		}
	}
	return len(preferred)
}

// fronts are programs that stand in front of others.
var fronts = []string{"nginx", "nginx-unprivileged", "caddy", "httpd", "haproxy", "openresty", "envoy", "traefik", "nginx-proxy-manager", "swag", "kong", "varnish", "apisix", "bunkerweb", "angie"}

// gateways are fronts that serve no files of their own: where one stands beside
// an nginx or Caddy, that is what it leads to.
var gateways = []string{"haproxy", "envoy", "traefik", "nginx-proxy-manager", "kong", "varnish", "apisix", "bunkerweb"}

// frontNames are what people name a site's front, best first.
var frontNames = []string{"proxy", "nginx", "caddy", "web", "frontend", "front", "webapp", "website", "site", "app", "www", "ui", "client", "gateway", "server", "api", "backend"}

// notFronts takes words out of names that hold one of frontNames by chance.
var notFronts = strings.NewReplacer("websocket", "", "webhook", "")

// tools are programs beside a site that nobody takes for it.
var tools = []string{"adminer", "phpmyadmin", "phpmyadmin/phpmyadmin", "pgadmin4", "mongo-express", "redis-commander", "redisinsight", "redis-insight", "mailhog", "mailpit", "maildev", "mailcatcher", "smtp4dev", "inbucket",
	"portainer", "portainer-ce", "dozzle", "kafka-ui", "kafdrop", "akhq", "kafka-manager", "cmak", "schema-registry", "cp-schema-registry", "prometheus", "alertmanager", "cadvisor", "loki", "promtail", "tempo", "jaeger", "all-in-one", "zipkin",
	"swagger-ui", "cloudbeaver", "dbgate", "flower", "kibana", "opensearch-dashboards", "elasticsearch-head", "cerebro", "grafana", "localstack", "selenium", "hub", "watchtower", "otel-collector", "opentelemetry-collector", "opentelemetry-collector-contrib", "pushgateway", "seq", "console", "mc", "livebook"}

// bareTools are tools that ask nobody who they are.
var bareTools = []string{"prometheus", "alertmanager", "cadvisor", "loki", "promtail", "tempo", "mailhog", "mailpit", "maildev", "mailcatcher", "smtp4dev", "inbucket", "redis-commander", "kafka-ui", "kafdrop", "akhq", "dozzle",
	"jaeger", "all-in-one", "zipkin", "flower", "elasticsearch-head", "cerebro", "pushgateway", "otel-collector", "opentelemetry-collector", "opentelemetry-collector-contrib", "schema-registry", "cp-schema-registry", "mongo-express", "localstack",
	"hadoop", "hadoop-namenode", "hadoop-datanode", "hadoop-resourcemanager", "hadoop-nodemanager", "hadoop-historyserver", "spark", "spark-master", "spark-worker", "flink", "druid", "netdata",
	"alloy", "datalust/seq", "logstash", "ollama", "vllm-openai", "localai", "gotenberg", "tika", "redisinsight", "redpandadata/console", "temporalio/auto-setup", "temporalio/server", "temporalio/ui", "temporalio/web",
	"node-red", "nodered", "zigbee2mqtt", "esphome", "comfyui", "stable-diffusion-webui", "text-generation-webui", "changedetection.io", "glances", "kafka-manager", "cmak", "kafka-connect", "cp-kafka-connect", "debezium/connect", "cp-kafka-rest", "ksqldb-server", "cp-ksqldb-server",
	"cp-enterprise-control-center", "trino", "prestodb/presto", "pinot", "prefect", "prefecthq/prefect", "pgweb", "sqlite-web", "bull-board", "asynqmon", "gotty", "ttyd", "wetty", "flagd", "conductor", "mlflow", "immich-machine-learning", "ngrok", "mailslurper",
	"selenium/hub", "standalone-chrome", "standalone-chromium", "standalone-firefox", "browserless/chrome", "browserless/chromium"}

// told are programs that ask nobody who they are until a variable tells them
// whom to ask: a registry of images takes what anybody brings, and an engine for
// queries answers with the whole database.
var told = []struct{ images, keys []string }{
	{[]string{"registry"}, []string{"REGISTRY_AUTH"}},
	{[]string{"graphql-engine"}, []string{"HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_GRAPHQL_ACCESS_KEY"}},
	{[]string{"linuxserver/code-server", "code-server"}, []string{"PASSWORD", "HASHED_PASSWORD", "FILE__PASSWORD"}},
	{[]string{"webtop", "linuxserver/rdesktop", "linuxserver/firefox", "linuxserver/chromium"}, []string{"PASSWORD", "FILE__PASSWORD"}},
	{[]string{"dbgate"}, []string{"LOGIN", "PASSWORD", "OAUTH"}},
	{[]string{"langflow"}, []string{"LANGFLOW_SUPERUSER"}},
	{[]string{"mage-ai", "mageai"}, []string{"REQUIRE_USER_AUTHENTICATION"}},
}

// openUntilTold reports whether a service is one of those, and no variable tells it.
func openUntilTold(s Service, repository string) bool {
	for _, t := range told {
		if names(t.images, repository) {
			return !slices.ContainsFunc(sortedKeys(s.Environment), func(key string) bool {
				return slices.ContainsFunc(t.keys, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
			})
		}
	}
	// Grafana lets whoever comes change what it shows.
	role := strings.ToLower(s.Environment["GF_AUTH_ANONYMOUS_ORG_ROLE"])
	return strings.EqualFold(s.Environment["GF_AUTH_ANONYMOUS_ENABLED"], "true") && (role == "admin" || role == "editor")
}

// namedTools are those of bareTools whose names nobody gives to anything else.
var namedTools = []string{"prometheus", "alertmanager", "cadvisor", "mailhog", "mailpit", "maildev", "mailcatcher", "kafdrop", "zipkin", "jaeger", "pushgateway", "dozzle", "localstack", "promtail", "logstash", "fluentd", "filebeat", "telegraf"}

// bareCommands start programs that ask nobody who they are with an image that
// tells nothing of it: an application's own.
var bareCommands = regexp.MustCompile(`\bprisma\s+studio\b|\bdrizzle-kit\s+studio\b|\bcelery\b.*\bflower\b|\bmlflow\s+(?:server|ui)\b|\btensorboard\b|\brq-dashboard\b|\bsqlite_web\b|\blocust\b|\bdagster-webserver\b|\bdagit\b|\bprefect\s+server\s+start\b|(?:NotebookApp|ServerApp|IdentityProvider)\.(?:token|password)=(?:''|"")?(?:\s|$)`)

// bareNames are names of a team's own programs that tell whoever asks where its
// services are, or their settings with the passwords: Spring's registry and
// configuration server.
var bareNames = regexp.MustCompile(`(?i)^(?:\w+[-_])?(?:eureka|config|configuration|discovery|registry)(?:[-_]?(?:server|service))?$`)

// springAdmin is a name of Spring's administration of other services, which shows
// their settings and memory.
var springAdmin = regexp.MustCompile(`(?i)spring.*\badmin(?:-?server)?$|^spring-?boot-?admin`)

// asksNobodyByName reports whether a service is one of those, at its port.
func asksNobodyByName(s Service) bool {
	if springAdmin.MatchString(s.Name) || springAdmin.MatchString(Repository(s.Image)) {
		return true
	}
	return bareNames.MatchString(s.Name) && slices.ContainsFunc(portsOf(s), func(p published) bool { return p.target == 8761 || p.target == 8888 })
}

// withoutSignIn reports whether a service shows what it has to whoever comes.
func withoutSignIn(s Service) bool {
	repository := Repository(s.Image)
	for _, suffix := range []string{"exporter", "otel-collector"} {
		if strings.HasSuffix(repository, suffix) {
			return true
		}
	}
	if openUntilTold(s, repository) || asksNobodyByName(s) {
		return true
	}
	// What a team builds it names: a `prometheus-server` is one, a `flower-shop`
	// is no flower.
	if s.Image == "" && slices.ContainsFunc(words(s.Name), func(word string) bool { return slices.Contains(namedTools, word) }) {
		return true
	}
	return names(bareTools, repository) || strings.EqualFold(s.Name, "flower") || bareCommands.MatchString(commandText(s))
}

// words are the parts of a service's name, in lower case.
func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
}

// score returns how much a service looks like the site: who gets the domain.
func score(c candidate) int {
	if len(c.ports) == 0 {
		return 0
	}
	p := c.ports[0]
	repository, n := Repository(c.service.Image), 0
	if names(fronts, repository) {
		n += 100
	}
	if names(gateways, repository) {
		n += 60
	}
	switch p.outside {
	case 80:
		n += 90
	case 443:
		n += 85
	default:
		n += 30 - 2*max(0, rank(p, mainPorts(repository)))
	}
	called := notFronts.Replace(strings.ToLower(c.service.Name))
	for i, name := range frontNames {
		if called == name || strings.Contains(called, name) && i < 6 {
			n += 60 - 3*i
			break
		}
	}
	if names(tools, repository) || withoutSignIn(c.service) {
		n -= 200
	}
	if p.loopback {
		n -= 40
	}
	return n
}
