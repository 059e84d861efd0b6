package edge

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

func TestACopyOfTheEdgeRehearsesAtTheStagingDirectoryAlone(t *testing.T) {
	acme := stack.ACME{Policy: stack.ACMEPublic, Email: "ada@example.net", Rehearsal: stack.Rehearsal{Directory: "https://staging.example.net/directory"}}
	r, ok, err := Rehearse(ownStatic, "le-staging", 8090, acme)
	if err != nil || !ok || r.Point != "web" || r.Port != "80" || r.Inside != "internal" {
		t.Fatalf("%+v, %v, %v", r, ok, err)
	}
	var doc struct {
		EntryPoints map[string]struct {
			Transport struct {
				KeepAliveMaxRequests int `yaml:"keepAliveMaxRequests"`
			}
		} `yaml:"entryPoints"`
		Resolvers map[string]struct {
			ACME struct {
				CAServer      string `yaml:"caServer"`
				Storage       string
				HTTPChallenge struct {
					EntryPoint string `yaml:"entryPoint"`
				} `yaml:"httpChallenge"`
			}
		} `yaml:"certificatesResolvers"`
	}
	if err := yaml.Unmarshal(r.Static, &doc); err != nil {
		t.Fatal(err)
	}
	resolver, there := doc.Resolvers[rehearsal]
	if !there || len(doc.Resolvers) != 1 || resolver.ACME.CAServer != acme.Rehearsal.Directory || resolver.ACME.HTTPChallenge.EntryPoint != "web" ||
		!strings.HasPrefix(resolver.ACME.Storage, RehearsalStore+"/") || doc.EntryPoints["web"].Transport.KeepAliveMaxRequests != 1 {
		t.Errorf("its static file is\n%s", r.Static)
	}
}

func TestAnEdgeWithoutAnEntryPointForQuestionsHasNoRehearsal(t *testing.T) {
	for name, static := range map[string]string{
		"no port 80": "entryPoints: {websecure: {address: \":443\"}, in: {address: \":8090\"}}\ncertificatesResolvers: {le: {acme: {tlsChallenge: {}}}}\n",
		"no inside":  "entryPoints: {web: {address: \":80\"}}\ncertificatesResolvers: {le: {acme: {httpChallenge: {entryPoint: web}}}}\n",
		"another":    "entryPoints: {web: {address: \":80\"}, in: {address: \":8090\"}}\ncertificatesResolvers: {le: {acme: {httpChallenge: {entryPoint: www}}}}\n",
	} {
		if r, ok, err := Rehearse([]byte(static), "le", 8090, stack.ACME{}); ok || err != nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	const other = "entryPoints: {plain: {address: \":8080\"}, tls: {address: \":443\"}, in: {address: \":8090\"}}\ncertificatesResolvers: {le: {acme: {httpChallenge: {entryPoint: plain}}}}\n"
	if r, ok, err := Rehearse([]byte(other), "le", 8090, stack.ACME{}); !ok || err != nil || r.Port != "8080" {
		t.Errorf("another port inside: %+v, %v", r, err)
	}
}

func TestADetourPassesAllOfPort80AndNothingElse(t *testing.T) {
	f, rules, err := Rehearsal{Point: "web", Port: "80"}.Detour("shop-rehearsal")
	const want = "tcp:\n    routers:\n        stackctl-rehearsal:\n            entryPoints:\n                - web\n            rule: HostSNI(`*`)\n            service: stackctl-rehearsal\n" +
		"    services:\n        stackctl-rehearsal:\n            loadBalancer:\n                servers:\n                    - address: shop-rehearsal:80\n"
	if err != nil || f.Path != stack.DetourFile || string(f.Content) != want || rules["stackctl-rehearsal"] != "HostSNI(`*`)" {
		t.Errorf("%v, %v\n%s", err, rules, f.Content)
	}
}

func TestTheIngressLeadsOnlyQuestionsAboutNewHostsToTheCopy(t *testing.T) {
	f, rules, err := IngressDetour("shop", "shop-edge", []string{"shop.example"}, []string{"new.shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	if rule := rules[stack.RehearsalAlias("shop")]; rule != "(Host(`new.shop.example`)) && PathPrefix(`/.well-known/acme-challenge/`)" {
		t.Errorf("the rule is %s", rule)
	}
	if !strings.Contains(string(f.Content), "url: http://"+stack.RehearsalAlias("shop")+":80") {
		t.Errorf("it leads nowhere:\n%s", f.Content)
	}
	// One that a run leaves behind which is killed does not make the host the project's.
	if hosts, err := IngressHosts(f); err != nil || strings.Join(hosts, " ") != "shop.example" {
		t.Errorf("its hosts are %v, %v", hosts, err)
	}
}

// While a copy of the edge serves, port 80 is its as well: the edge is being replaced.
// The authority's questions are about certificates that the edge itself asks for.
func TestACopyOfTheEdgeRedirectsAndAnswersNoAuthority(t *testing.T) {
	f, err := IngressRoutes("shop", stack.StandbyAlias("shop"), "", []string{"shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	routes, err := Routes([]stack.File{f})
	if err != nil || len(routes) != 2 {
		t.Fatalf("%v, %v", routes, err)
	}
	for _, r := range routes {
		want := map[string]string{"shop": stack.StandbyAlias("shop"), stack.IngressAlias("shop"): stack.IngressAlias("shop")}[r.Name]
		if r.Service != want {
			t.Errorf("%s leads to %s", r.Name, r.Service)
		}
	}
}

func TestWhyADirectoryRefusesIsReadFromTheCopysLog(t *testing.T) {
	const log = `{"level":"error","error":"no such file","message":"Unable to append"}
not JSON
{"level":"error","providerName":"stackctl-rehearsal.acme","domains":["typo.example.org"],"error":"unable to generate a certificate for the domains [typo.example.org]: error: one or more domains had a problem:\n[typo.example.org] invalid authorization: acme: error: 400 :: urn:ietf:params:acme:error:dns :: DNS problem: NXDOMAIN looking up A for typo.example.org\n","message":"Unable to obtain ACME certificate for domains"}
`
	refused, asked := Refusals([]byte(log), []string{"typo.example.org", "good.example.org"})
	if !asked || len(refused) != 1 || refused["typo.example.org"] != "invalid authorization: acme: error: 400 :: urn:ietf:params:acme:error:dns :: DNS problem: NXDOMAIN looking up A for typo.example.org" {
		t.Errorf("%v, %v", asked, refused)
	}
	const away = `{"level":"error","domains":["new.example.org"],"error":"cannot get ACME client get directory at 'https://staging.example.net/directory': dial tcp: i/o timeout","message":"Unable to obtain ACME certificate for domains"}`
	if refused, asked := Refusals([]byte(away), []string{"new.example.org"}); asked || len(refused) != 1 {
		t.Errorf("a directory that is away: %v, %v", asked, refused)
	}
}
