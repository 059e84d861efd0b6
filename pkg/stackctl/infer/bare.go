package infer

import (
	"regexp"
	"slices"
	"strings"
)

// bareTools are tools that ask nobody who they are.
var bareTools = []string{"prometheus", "alertmanager", "cadvisor", "loki", "promtail", "tempo", "mailhog", "mailpit", "maildev", "mailcatcher", "smtp4dev", "inbucket", "redis-commander", "kafka-ui", "kafdrop", "akhq", "dozzle",
	"jaeger", "jaegertracing/all-in-one", "zipkin", "flower", "elasticsearch-head", "cerebro", "pushgateway", "otel-collector", "opentelemetry-collector", "opentelemetry-collector-contrib", "schema-registry", "cp-schema-registry", "mongo-express", "localstack",
	"hadoop", "hadoop-namenode", "hadoop-datanode", "hadoop-resourcemanager", "hadoop-nodemanager", "hadoop-historyserver", "spark", "spark-master", "spark-worker", "flink", "druid", "netdata",
	"alloy", "datalust/seq", "logstash", "ollama", "vllm-openai", "localai", "gotenberg", "tika", "redisinsight", "redpandadata/console", "temporalio/auto-setup", "temporalio/server", "temporalio/ui", "temporalio/web",
	"node-red", "nodered", "zigbee2mqtt", "esphome", "comfyui", "stable-diffusion-webui", "text-generation-webui", "changedetection.io", "glances", "kafka-manager", "cmak", "kafka-connect", "cp-kafka-connect", "debezium/connect", "cp-kafka-rest", "ksqldb-server", "cp-ksqldb-server",
	"cp-enterprise-control-center", "trino", "prestodb/presto", "pinot", "prefect", "prefecthq/prefect", "pgweb", "sqlite-web", "bull-board", "asynqmon", "gotty", "ttyd", "wetty", "flagd", "conductor", "mlflow", "immich-machine-learning", "ngrok", "mailslurper",
	"crawl4ai", "docling-serve", "openai-whisper-asr-webservice", "faster-whisper-server", "speaches", "text-embeddings-inference", "text-generation-inference", "tritonserver", "unstructured-api", "flaresolverr",
	"mimir", "cortex", "thanos", "vmagent", "vmalert", "pyroscope", "grafana/agent", "k6", "logflare", "grpcui", "grpcox", "nats-nui/nui", "attu", "memgraph/lab", "rayproject/ray", "ray-ml", "daskdev/dask",
	"wiremock", "mockserver", "dynamodb-admin", "adminmongo", "scrutiny", "selenoid", "selenoid-ui",
	"syncthing", "go2rtc", "motioneye", "zwave-js-ui", "zwavejs2mqtt", "jackett", "nzbhydra2", "bazarr", "mylar3", "lazylibrarian", "metube", "youtubedl-material", "smokeping", "netbootxyz", "netalertx", "rtorrent-rutorrent", "gitpod/openvscode-server", "theia", "novnc",
	"gocd-server", "etcdkeeper", "zoonavigator", "visualizer", "invokeai", "fake-gcs-server", "s3mock", "moto", "elasticmq", "elasticmq-native",
	"papercut-smtp", "graphite-statsd", "chronograf", "zeppelin", "headless-shell",
	"selenium/hub", "standalone-chrome", "standalone-chromium", "standalone-firefox", "browserless/chrome", "browserless/chromium"}

// told are programs that ask nobody who they are until a variable tells them
// whom to ask: a registry of images takes what anybody brings, and an engine for
// queries answers with the whole database.
var told = []struct {
	images, keys []string
	// until is the first version that asks by itself; 0: none does. An image whose
	// version nobody knows is taken for one before it.
	until int
}{
	{[]string{"registry"}, []string{"REGISTRY_AUTH"}, 0},
	{[]string{"graphql-engine"}, []string{"HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_GRAPHQL_ACCESS_KEY"}, 0},
	{[]string{"wg-easy"}, []string{"PASSWORD", "PASSWORD_HASH"}, 15},
	{[]string{"flowise"}, []string{"FLOWISE_USERNAME"}, 3},
	{[]string{"linuxserver/transmission"}, []string{"USER", "FILE__USER"}, 0},
	{[]string{"haugene/transmission-openvpn"}, []string{"TRANSMISSION_RPC_AUTHENTICATION_REQUIRED"}, 0},
	{[]string{"linuxserver/openvscode-server"}, []string{"CONNECTION_TOKEN", "CONNECTION_SECRET"}, 0},
	{[]string{"dorowu/ubuntu-desktop-lxde-vnc"}, []string{"HTTP_PASSWORD", "VNC_PASSWORD"}, 0},
	{[]string{"lobe-chat", "chatgpt-next-web"}, []string{"ACCESS_CODE", "CODE"}, 0},
	{[]string{"cloudcmd"}, []string{"CLOUDCMD_AUTH"}, 0},
	{[]string{"chartmuseum"}, []string{"BASIC_AUTH_USER", "BEARER_AUTH"}, 0},
	{[]string{"linuxserver/code-server", "code-server"}, []string{"PASSWORD", "HASHED_PASSWORD", "FILE__PASSWORD"}, 0},
	{[]string{"webtop", "linuxserver/rdesktop", "linuxserver/firefox", "linuxserver/chromium"}, []string{"PASSWORD", "FILE__PASSWORD"}, 0},
	{[]string{"dbgate"}, []string{"LOGIN", "PASSWORD", "OAUTH"}, 0},
	{[]string{"langflow"}, []string{"LANGFLOW_SUPERUSER"}, 0},
	{[]string{"litellm"}, []string{"LITELLM_MASTER_KEY"}, 0},
	{[]string{"mage-ai", "mageai"}, []string{"REQUIRE_USER_AUTHENTICATION"}, 0},
}

// untold are programs that ask nobody once a variable says so: phpMyAdmin signs
// everybody in as the user that it is given.
var untold = []struct {
	images, keys []string
	// values are those that say so, in lower case; none: any does.
	values []string
}{
	{[]string{"phpmyadmin", "phpmyadmin/phpmyadmin"}, []string{"PMA_USER"}, nil},
	{[]string{"pgadmin4"}, []string{"PGADMIN_CONFIG_SERVER_MODE"}, []string{"false"}},
	{[]string{"filebrowser"}, []string{"FB_NOAUTH"}, []string{"true", "1", "noauth"}},
	{[]string{"open-webui"}, []string{"WEBUI_AUTH"}, []string{"false", "0"}},
	{[]string{"photoprism"}, []string{"PHOTOPRISM_AUTH_MODE", "PHOTOPRISM_PUBLIC"}, []string{"public", "true"}},
	{[]string{"opensearch-dashboards"}, []string{"DISABLE_SECURITY_DASHBOARDS_PLUGIN"}, []string{"true", "1"}},
	{[]string{"aspire-dashboard"}, []string{"DOTNET_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS", "ASPIRE_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS"}, []string{"true", "1"}},
	{[]string{"centrifugo"}, []string{"CENTRIFUGO_ADMIN_INSECURE", "CENTRIFUGO_CLIENT_INSECURE"}, []string{"true", "1"}},
	{[]string{"livebook"}, []string{"LIVEBOOK_TOKEN_ENABLED"}, []string{"false", "0"}},
	{[]string{"rstudio", "rocker/rstudio", "verse", "tidyverse"}, []string{"DISABLE_AUTH"}, []string{"true", "1"}},
	{[]string{"jenkins"}, []string{"JAVA_OPTS", "JENKINS_JAVA_OPTS", "JENKINS_OPTS"}, []string{"-djenkins.install.runsetupwizard=false"}},
	{[]string{"sqlpad"}, []string{"SQLPAD_AUTH_DISABLED"}, []string{"true", "1"}},
	{[]string{"airflow"}, []string{"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"}, []string{"true", "1"}},
}

// openOnceTold reports whether a service is one of those, and a variable says so.
func openOnceTold(s Service, repository string) bool {
	for _, u := range untold {
		if names(u.images, repository) && slices.ContainsFunc(u.keys, func(key string) bool {
			value := strings.ToLower(strings.Trim(s.Environment[key], `"'`))
			return value != "" && (u.values == nil || slices.Contains(u.values, value) || slices.Contains(strings.Fields(value), u.values[0]))
		}) {
			return true
		}
	}
	return false
}

// openWhenEmpty reports whether a service is a program that asks nobody once its
// password is there and empty: without the variable it makes one.
func openWhenEmpty(s Service, repository string) bool {
	return names([]string{"pihole"}, repository) && slices.ContainsFunc([]string{"WEBPASSWORD", "FTLCONF_webserver_api_password"}, func(key string) bool {
		value, there := s.Environment[key]
		return there && value == ""
	})
}

// openUntilTold reports whether a service is one of those, and no variable tells it.
func openUntilTold(s Service, repository string) bool {
	for _, t := range told {
		if names(t.images, repository) {
			if version, known := major(s.Image); known && t.until > 0 && version >= t.until {
				return false
			}
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
var bareCommands = regexp.MustCompile(`\bprisma\s+studio\b|\bdrizzle-kit\s+studio\b|\bcelery\b.*\bflower\b|\bmlflow\s+(?:server|ui)\b|\btensorboard\b|\brq-dashboard\b|\bsqlite_web\b|\blocust\b|\bdagster-webserver\b|\bdagit\b|\bprefect\s+server\s+start\b|\bplaywright\s+(?:run|launch)-server\b|(?:^|\s)--(?:no-?auth|rc-no-auth|without-password|(?:admin|client)[._]insecure|disable-auth|auth[= ]none|without-connection-token|no-token)(?:\s|$)|(?:NotebookApp|ServerApp|IdentityProvider)\.(?:token|password)=(?:''|"")?(?:\s|$)`)

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

// administrators are programs whose visitors have a database once they guess its
// password.
var administrators = []string{"adminer", "adminerevo", "phpmyadmin", "phpmyadmin/phpmyadmin", "pgadmin4", "phppgadmin", "cloudbeaver", "phpldapadmin"}

// notForVisitors is why visitors get no open way to a service; empty: they may.
func notForVisitors(s Service) string {
	switch {
	case withoutSignIn(s):
		return "it asks nobody to sign in"
	case names(administrators, Repository(s.Image)):
		return "who guesses a password there has the database"
	}
	return ""
}

// withoutSignIn reports whether a service shows what it has to whoever comes.
func withoutSignIn(s Service) bool {
	repository := Repository(s.Image)
	for _, suffix := range []string{"exporter", "otel-collector"} {
		if strings.HasSuffix(repository, suffix) {
			return true
		}
	}
	// Its images show a program's window to whoever comes.
	if strings.HasPrefix(repository, "jlesage/") && s.Environment["VNC_PASSWORD"] == "" && s.Environment["WEB_AUTHENTICATION"] == "" {
		return true
	}
	if s.unsecured || openUntilTold(s, repository) || openOnceTold(s, repository) || openWhenEmpty(s, repository) || asksNobodyByName(s) {
		return true
	}
	// What a team builds it names: a `prometheus-server` is one, a `flower-shop`
	// is no flower.
	if s.Image == "" && slices.ContainsFunc(words(s.Name), func(word string) bool { return slices.Contains(namedTools, word) }) {
		return true
	}
	return names(bareTools, repository) || strings.EqualFold(s.Name, "flower") || bareCommands.MatchString(commandText(s))
}
