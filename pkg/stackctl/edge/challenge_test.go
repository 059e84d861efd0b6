package edge

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

func severalEdges() (stack.Config, stack.Target) {
	c := stack.Config{Project: "shop", Routes: []stack.RouteSpec{{Service: "web", Port: 80}}}
	c.Traefik = stack.Traefik{Own: true, Service: "stackctl-edge", Resolver: "le-staging", APIPort: 8090}
	return c, stack.Target{Domain: "shop.example", ACME: stack.ACME{Directory: acmeStaging}, Nodes: []stack.Node{
		{Name: "one", Labels: []string{"edge", "data", "app"}}, {Name: "two", Labels: []string{"edge"}}, {Name: "three", Labels: []string{"app"}}}}
}

func TestEachOfSeveralEdgesOrdersAndAnswersInside(t *testing.T) {
	c, target := severalEdges()
	e, err := own(c, target, Behind{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := traefik.ParseFile("traefik.yml", e.Static)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"entryPoint": "internal", "delay": challengeDelay} {
		if got := root.First("certificatesResolvers", "le-staging", "acme", "httpChallenge").Text(key); got != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	if got := root.First("certificatesResolvers", "le-staging", "acme").Text("caServer"); got != acmeStaging || e.Edges != 2 || e.Asked != "web" {
		t.Errorf("directory %s, %d edges, asked at %q", got, e.Edges, e.Asked)
	}
	target.Nodes = target.Nodes[:1]
	if one, err := own(c, target, Behind{}); err != nil || one.Edges != 0 || one.Asked != "" || strings.Contains(string(one.Static), "delay") {
		t.Errorf("one edge: %+v %v", one, err)
	}
}

func TestEdgesAskEachOther(t *testing.T) {
	c, target := severalEdges()
	e, err := own(c, target, Behind{})
	if err != nil {
		t.Fatal(err)
	}
	f, some, err := Challenge(c, e, 3)
	if err != nil || !some {
		t.Fatal(some, err)
	}
	for _, want := range []string{
		"rule: PathRegexp(`^/\\.well-known/acme-challenge/[A-Za-z0-9_-]{22,}$`) && (Host(`shop.example`))", "- web\n",
		"http://shop-stackctl-edge-1:8090", "http://shop-stackctl-edge-2:8090", "http://shop-stackctl-edge-3:8090",
		"retryExpression: ResponseCode() > 399 && Attempts() < 6",
	} {
		if !strings.Contains(string(f.Content), want) {
			t.Errorf("it lacks %q:\n%s", want, f.Content)
		}
	}
	if !IsChallenge(c, e, f.Content) {
		t.Error("it is not known again")
	}
	for _, other := range []string{strings.Replace(string(f.Content), "shop-stackctl-edge-2", "evil.example", 1), string(f.Content) + "tls: {}\n", "http: {}\n", "{", strings.Replace(string(f.Content), "web", "websecure", 1)} {
		if IsChallenge(c, e, []byte(other)) {
			t.Errorf("taken for one of stackctl's:\n%s", other)
		}
	}
	if _, some, err := Challenge(c, e, 1); some || err != nil {
		t.Errorf("one edge asks nobody: %t %v", some, err)
	}
}

func TestOfSeveralEdgesNoneIsAskedOtherwise(t *testing.T) {
	c, target := severalEdges()
	c.Traefik.Own = false
	file := func(challenge string) string {
		return "entryPoints:\n  web: {address: ':80'}\n  api: {address: ':8090'}\ncertificatesResolvers:\n  le:\n    acme:\n      storage: /acme/acme.json\n      " + challenge + "\n"
	}
	e, err := share(c, target, stack.EdgeConfig{Static: []byte(file("httpChallenge: {entryPoint: web}"))})
	if err != nil || e.Asked != "web" || !strings.Contains(string(e.Static), "entryPoint: api") || strings.Contains(string(e.Static), "delay") {
		t.Errorf("%s %v", e.Static, err)
	}
	if e, err := share(c, target, stack.EdgeConfig{Static: []byte(file("dnsChallenge: {provider: ovh}"))}); err != nil || e.Asked != "" || e.Edges != 2 || !strings.Contains(string(e.Static), "ovh") {
		t.Errorf("nobody is asked: %+v %v", e, err)
	}
	_, err = share(c, target, stack.EdgeConfig{Static: []byte(file("tlsChallenge: {}"))})
	if err == nil || !strings.Contains(err.Error(), "use the HTTP challenge") || !strings.Contains(err.Error(), ":7") {
		t.Errorf("any edge may be asked by TLS: %v", err)
	}
}
