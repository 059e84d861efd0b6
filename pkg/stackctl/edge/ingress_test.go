package edge

import (
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

func TestIngressRoutesAreReadBack(t *testing.T) {
	f, err := IngressRoutes("shop", stack.IngressAlias("shop"), "", []string{"example.org", "www.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := IngressHosts(f)
	if err != nil || !slices.Equal(hosts, []string{"example.org", "www.example.org"}) {
		t.Errorf("it names %v, %v", hosts, err)
	}
	for _, want := range []string{"HostSNI(`example.org`) || HostSNI(`www.example.org`)", "passthrough: true", "version: 2",
		"address: " + stack.IngressAlias("shop") + ":443", "url: http://" + stack.IngressAlias("shop") + ":80"} {
		if !strings.Contains(string(f.Content), want) {
			t.Errorf("it lacks %q:\n%s", want, f.Content)
		}
	}
}

func TestAnAliasIsOneLabel(t *testing.T) {
	if alias := stack.IngressAlias(strings.Repeat("x", 40)); len(alias) > 63 {
		t.Errorf("%q has %d characters, DNS allows 63", alias, len(alias))
	}
	if stack.IngressAlias("shop") == stack.IngressAlias("shop-eu") {
		t.Error("two projects have one alias")
	}
}

func TestAnEdgeBehindTheIngressBelievesItAlone(t *testing.T) {
	static, public, err := behindIngress("own.yml", ownStatic, stack.Target{})
	if err != nil {
		t.Fatal(err)
	}
	type believed struct {
		TrustedIPs []string `yaml:"trustedIPs"`
		Insecure   bool     `yaml:"insecure"`
	}
	var doc struct {
		EntryPoints map[string]struct {
			ForwardedHeaders believed `yaml:"forwardedHeaders"`
			ProxyProtocol    believed `yaml:"proxyProtocol"`
		} `yaml:"entryPoints"`
		CertificatesResolvers map[string]any `yaml:"certificatesResolvers"`
	}
	if err := yaml.Unmarshal(static, &doc); err != nil {
		t.Fatal(err)
	}
	slices.Sort(public)
	if !slices.Equal(public, []string{"web", "websecure"}) {
		t.Errorf("it is led to %v", public)
	}
	ingress := []string{stack.IngressAddress + "/32"}
	web, secure, inside := doc.EntryPoints["web"], doc.EntryPoints["websecure"], doc.EntryPoints["internal"]
	if !slices.Equal(web.ForwardedHeaders.TrustedIPs, ingress) || !slices.Equal(secure.ProxyProtocol.TrustedIPs, ingress) {
		t.Errorf("it believes %v and %v", web, secure)
	}
	if len(secure.ForwardedHeaders.TrustedIPs)+len(web.ProxyProtocol.TrustedIPs)+len(inside.ForwardedHeaders.TrustedIPs)+len(inside.ProxyProtocol.TrustedIPs) > 0 {
		t.Errorf("it believes more than it needs: %v", doc.EntryPoints)
	}
	if len(doc.CertificatesResolvers) != 1 {
		t.Error("the resolvers are gone")
	}
}

func TestTheIngressHasTheWebPortsAndNothingOfAProject(t *testing.T) {
	raw, err := IngressCompose("traefik:v3", false)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Services map[string]struct {
			Ports    []struct{ Published, Target string }
			Volumes  []struct{ Source string }
			CapAdd   []string `yaml:"cap_add"`
			ReadOnly bool     `yaml:"read_only"`
		}
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	s := doc.Services[stack.IngressService]
	if len(s.Ports) != 2 || s.Ports[0].Published != "80" || s.Ports[1].Published != "443" || !s.ReadOnly || !slices.Equal(s.CapAdd, []string{"NET_BIND_SERVICE"}) {
		t.Errorf("it is %+v", s)
	}
	for _, v := range s.Volumes {
		if !strings.HasPrefix(v.Source, stack.IngressPath+"/") {
			t.Errorf("it mounts %s", v.Source)
		}
	}
}

// On a cluster the ingress has no address of its own: whoever is on its network is
// believed, and nobody else.
func TestTheEdgesOfAClusterBelieveTheIngresssNetwork(t *testing.T) {
	cluster := stack.Target{Nodes: []stack.Node{{Name: "one"}, {Name: "two"}}}
	static, _, err := behindIngress("own.yml", ownStatic, cluster)
	if err != nil || strings.Count(string(static), stack.IngressClusterSubnet) != 2 || strings.Contains(string(static), stack.IngressAddress) {
		t.Errorf("%v\n%s", err, static)
	}
	compose, err := IngressCompose("traefik:v3", true)
	if err != nil || strings.Contains(string(compose), "ipv4_address") {
		t.Errorf("%v\n%s", err, compose)
	}
}

func TestTaken(t *testing.T) {
	ingress := map[string][]string{"shop": {"example.org"}, "notes": {"notes.example.net"}}
	if host, by := Taken(ingress, "shop", []string{"example.org", "Notes.example.net"}); host != "Notes.example.net" || by != "notes" {
		t.Errorf("%q is taken by %q", host, by)
	}
	if host, by := Taken(ingress, "shop", []string{"example.org", "www.example.org"}); by != "" {
		t.Errorf("%q is taken by %q", host, by)
	}
}

func TestACopyOfTheEdgeAsksNoAuthority(t *testing.T) {
	static, err := StandbyStatic(ownStatic)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(static); strings.Contains(text, "letsencrypt") || !strings.Contains(text, nowhere) || !strings.Contains(text, "/acme/acme.json") {
		t.Errorf("it is\n%s", text)
	}
}

func TestAnEdgeOfTheProjectsOwnIsBehindTheIngress(t *testing.T) {
	const file = `
entryPoints:
  plain: {address: ":80", forwardedHeaders: {trustedIPs: [203.0.113.0/24]}}
  tls: {address: ":443/tcp"}
  inside: {address: ":8090"}
`
	static, public, err := behindIngress("traefik.yml", []byte(file), stack.Target{})
	if err != nil || !slices.Equal(public, []string{"plain", "tls"}) {
		t.Fatalf("%v, %v", public, err)
	}
	for _, want := range []string{"- 203.0.113.0/24\n", "keepAliveMaxTime: 10s", "proxyProtocol:"} {
		if !strings.Contains(string(static), want) {
			t.Errorf("it lacks %q:\n%s", want, static)
		}
	}
	if _, _, err := behindIngress("traefik.yml", []byte("entryPoints: {web: {address: \":80\"}, tls: {address: \":8443\"}}"), stack.Target{}); err == nil || stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), `":443"`) {
		t.Errorf("without an entry point at 443: %v", err)
	}
	for name, c := range map[string]struct {
		route stack.Route
		good  bool
	}{
		"a host":                          {stack.Route{EntryPoints: []string{"tls"}, Hosts: []string{"a.org"}}, true},
		"every host":                      {stack.Route{EntryPoints: []string{"tls"}}, false},
		"every host of every entry point": {stack.Route{}, false},
		"inside":                          {stack.Route{EntryPoints: []string{"inside"}}, true},
	} {
		if err := namesHosts([]stack.Route{c.route}, public, "dynamic"); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
