package infer

import (
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
	{[]string{"jaegertracing/all-in-one"}, []int{16686}},
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
	"portainer", "portainer-ce", "dozzle", "kafka-ui", "kafdrop", "akhq", "kafka-manager", "cmak", "schema-registry", "cp-schema-registry", "prometheus", "alertmanager", "cadvisor", "loki", "promtail", "tempo", "jaeger", "jaegertracing/all-in-one", "zipkin",
	"swagger-ui", "cloudbeaver", "dbgate", "flower", "kibana", "opensearch-dashboards", "elasticsearch-head", "cerebro", "grafana", "localstack", "selenium", "hub", "watchtower", "otel-collector", "opentelemetry-collector", "opentelemetry-collector-contrib", "pushgateway", "seq", "console", "mc", "livebook",
	"imgproxy", "thumbor", "soketi", "centrifugo", "papercut-smtp", "aspire-dashboard"}

// ownBonus is for what a team builds: where ports alone would tell the site, the
// images of others beside it are what it is built on.
const ownBonus = 22

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
		if called == name || strings.Contains(called, name) && i < 6 || name == "gateway" && isGateway(called) {
			n += 60 - 3*i
			break
		}
	}
	if c.service.Build {
		n += ownBonus
	}
	if names(tools, repository) || withoutSignIn(c.service) {
		n -= 200
	}
	if p.loopback {
		n -= 40
	}
	return n
}
