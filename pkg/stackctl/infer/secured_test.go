package infer_test

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/infer"
)

func variables(all ...string) func(*infer.Service) {
	return func(s *infer.Service) {
		s.Environment = map[string]string{}
		for _, one := range all {
			name, value, _ := strings.Cut(one, "=")
			s.Environment[name] = value
		}
	}
}

func TestAPageOfASearchStoreAsksForItsUsers(t *testing.T) {
	for name, c := range map[string]struct {
		store infer.Service
		board string
		open  bool
	}{
		"security is off":            {service("es", "docker.elastic.co/elasticsearch/elasticsearch:8.15.0", variables("xpack.security.enabled=false")), "docker.elastic.co/kibana/kibana:8.15.0", true},
		"it is on by itself":         {service("es", "docker.elastic.co/elasticsearch/elasticsearch:8.15.0"), "docker.elastic.co/kibana/kibana:8.15.0", false},
		"an old one":                 {service("es", "elasticsearch:7.17.0"), "kibana:7.17.0", true},
		"an old one that is told to": {service("es", "elasticsearch:7.17.0", variables("xpack.security.enabled=true")), "kibana:7.17.0", false},
		"nobody knows its version":   {service("es", "elasticsearch"), "kibana", false},
		"OpenSearch without":         {service("os", "opensearchproject/opensearch:2", variables("DISABLE_SECURITY_PLUGIN=true")), "opensearchproject/opensearch-dashboards:2", true},
		"OpenSearch":                 {service("os", "opensearchproject/opensearch:2"), "opensearchproject/opensearch-dashboards:2", false},
	} {
		services := []infer.Service{c.store, service("board", c.board, port("5601:5601")), service("web", "acme/web", port("80:80"))}
		routes := infer.Routes(services, infer.Layers(services, ""), "example.org", nil)
		told := strings.Join(routes.Causes["board"], "\n")
		if open := strings.Contains(told, "asks nobody to sign in"); open != c.open || open == strings.Contains(told, "→") {
			t.Errorf("%s: %s", name, told)
		}
	}
}

func TestWhatAVariableOrAFlagOpensHasNoOpenRoute(t *testing.T) {
	for name, c := range map[string]struct {
		tool   infer.Service
		reason string // empty: it has a route
	}{
		"phpMyAdmin for its user":        {service("x", "phpmyadmin", variables("PMA_USER=root", "PMA_PASSWORD=x")), "it asks nobody to sign in"},
		"phpMyAdmin":                     {service("x", "phpmyadmin/phpmyadmin:5", variables("PMA_HOST=db")), "who guesses a password there has the database"},
		"pgAdmin of one desk":            {service("x", "dpage/pgadmin4", variables("PGADMIN_CONFIG_SERVER_MODE=False")), "it asks nobody to sign in"},
		"pgAdmin":                        {service("x", "dpage/pgadmin4"), "who guesses a password there has the database"},
		"Adminer":                        {service("x", "adminer"), "who guesses a password there has the database"},
		"files for everyone":             {service("x", "filebrowser/filebrowser", runs("--noauth")), "it asks nobody to sign in"},
		"files for everyone, otherwise":  {service("x", "filebrowser/filebrowser", variables("FB_NOAUTH=true")), "it asks nobody to sign in"},
		"files":                          {service("x", "filebrowser/filebrowser"), ""},
		"a chat without users":           {service("x", "open-webui/open-webui", variables("WEBUI_AUTH=False")), "it asks nobody to sign in"},
		"a chat":                         {service("x", "open-webui/open-webui", variables("WEBUI_AUTH=True")), ""},
		"a browser to be driven":         {service("x", "mcr.microsoft.com/playwright:v1", runs("npx playwright run-server --port 3100")), "it asks nobody to sign in"},
		"Aspire's board for everyone":    {service("x", "mcr.microsoft.com/dotnet/aspire-dashboard:9", variables("DOTNET_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS=true")), "it asks nobody to sign in"},
		"a VPN's page before it asks":    {service("x", "ghcr.io/wg-easy/wg-easy:14", variables("WG_HOST=vpn")), "it asks nobody to sign in"},
		"one of which nobody knows":      {service("x", "weejewel/wg-easy"), "it asks nobody to sign in"},
		"one that is told":               {service("x", "ghcr.io/wg-easy/wg-easy:14", variables("PASSWORD_HASH=x")), ""},
		"one that asks by itself":        {service("x", "ghcr.io/wg-easy/wg-easy:15.1"), ""},
		"names without a password":       {service("x", "pihole/pihole", variables("FTLCONF_webserver_api_password=")), "it asks nobody to sign in"},
		"names with one that is made":    {service("x", "pihole/pihole"), ""},
		"builds without the first steps": {service("x", "jenkins/jenkins:lts", variables("JAVA_OPTS=-Xmx1g -Djenkins.install.runSetupWizard=false")), "it asks nobody to sign in"},
		"builds":                         {service("x", "jenkins/jenkins:lts", variables("JAVA_OPTS=-Xmx1g")), ""},
		"a cloud that is all in one":     {service("x", "ghcr.io/nextcloud-releases/all-in-one"), ""},
		"traces that are all in one":     {service("x", "jaegertracing/all-in-one:1.60"), "it asks nobody to sign in"},
		"flows of models":                {service("x", "flowiseai/flowise:2.2"), "it asks nobody to sign in"},
		"newer ones":                     {service("x", "flowiseai/flowise:3.0"), ""},
		"a window":                       {service("x", "jlesage/firefox"), "it asks nobody to sign in"},
		"a window with a password":       {service("x", "jlesage/firefox", variables("VNC_PASSWORD=x")), ""},
		"folders that are kept alike":    {service("x", "syncthing/syncthing"), "it asks nobody to sign in"},
		"backups for everyone":           {service("x", "kopia/kopia", runs("server start --without-password")), "it asks nobody to sign in"},
		"Aspire's board":                 {service("x", "mcr.microsoft.com/dotnet/aspire-dashboard:9"), ""},
		"a hub for everyone":             {service("x", "centrifugo/centrifugo:v5", runs("centrifugo --admin --admin_insecure")), "it asks nobody to sign in"},
		"another flag":                   {service("x", "acme/x", runs("serve --no-authors")), ""},
	} {
		c.tool.Ports = service("x", "", port("8080:8080")).Ports
		services := []infer.Service{c.tool, service("web", "acme/web", port("80:80"))}
		told := strings.Join(infer.Routes(services, infer.Layers(services, ""), "example.org", nil).Causes["x"], "\n")
		if c.reason == "" && !strings.Contains(told, "→") || c.reason != "" && !strings.Contains(told, "not published any more: "+c.reason) {
			t.Errorf("%s: %s", name, told)
		}
	}
}

func runs(text string) func(*infer.Service) {
	return func(s *infer.Service) { s.Command = strings.Fields(text) }
}

func TestWhatATeamBuildsGetsTheDomainBeforeWhatItIsBuiltOn(t *testing.T) {
	built := func(s *infer.Service) { s.Build = true }
	for name, c := range map[string]struct {
		services []infer.Service
		want     string
	}{
		"beside its accounts":     {[]infer.Service{service("keycloak", "keycloak/keycloak:26", port("8080:8080")), service("shop", "", built, port("4000:4000"))}, "shop"},
		"beside its pictures":     {[]infer.Service{service("pictures", "darthsim/imgproxy", port("8080:8080")), service("shop", "acme/shop", port("1337:1337"))}, "shop"},
		"behind a web server":     {[]infer.Service{service("edge", "nginx", port("8088:8088")), service("shop", "", built, port("4000:4000"))}, "edge"},
		"behind what is named so": {[]infer.Service{service("frontend", "acme/front", port("9999:9999")), service("shop", "", built, port("8080:8080"))}, "frontend"},
	} {
		routes := infer.Routes(c.services, infer.Layers(c.services, ""), "example.org", nil).Routes
		if len(routes) != 2 || routes[0].Host != "" || routes[0].Service != c.want {
			t.Errorf("%s: %+v", name, routes)
		}
	}
}
