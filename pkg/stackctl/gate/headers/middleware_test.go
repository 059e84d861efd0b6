package headers

import (
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
)

func TestMiddlewaresCatch(t *testing.T) {
	const (
		public = "    public-headers:\n      headers:\n"
		custom = "        customResponseHeaders:\n          Server: \"\"\n"
		guards = "[staff-headers, staff-addresses, staff-auth]"
	)
	header := func(name, line, problem string) gatetest.Mutant {
		return gatetest.Mutant{Name: name, File: gatetest.RoutesFile, From: custom, To: custom + "          " + line + "\n", Subject: "router web", Problem: problem}
	}
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		{Name: "headers of development", File: gatetest.RoutesFile, From: public, To: public + "        isDevelopment: true\n", Subject: "router web", Problem: "HSTS"},
		header("a policy that is taken away", "Content-Security-Policy: \"\"", "content security policy"),
		header("a policy that is replaced", "content-security-policy: \"default-src *\"", "wildcard"),
		header("HSTS that is taken away", "strict-transport-security: \"\"", "HSTS"),
		{Name: "a version in Server", File: gatetest.RoutesFile, From: "          Server: \"\"\n", To: "          Server: nginx/1.25\n", Subject: "router web", Problem: "version"},
		{Name: "a nonce for ever", File: gatetest.RoutesFile, From: "script-src 'self'", To: "script-src 'self' 'nonce-c3RhdGlj'", Subject: "router web", Problem: "nonce"},
		{Name: "a refusal that says 200", File: gatetest.RoutesFile, From: "      ipAllowList:\n", To: "      ipAllowList:\n        rejectStatusCode: 200\n", Subject: "middleware staff-addresses", Problem: "not told"},
		{Name: "staff passwords in the file", File: gatetest.RoutesFile, From: "        usersFile: /run/secrets/staff_htpasswd\n", To: "        users: [\"staff:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/\"]\n", Subject: "middleware staff-auth", Problem: "in the routes' file"},
		{Name: "a redirect to plain HTTP", File: gatetest.RoutesFile, From: "scheme: https, permanent: true", To: "scheme: http, permanent: true", Subject: "middleware to-https", Problem: "plain HTTP"},
		{Name: "every client is the server", File: gatetest.RoutesFile, From: "    strip-api:\n", To: "    told:\n      headers: {customRequestHeaders: {x-forwarded-for: 127.0.0.1}}\n    strip-api:\n", Subject: "middleware told", Problem: "another client"},
		{Name: "staff pages as error pages", File: gatetest.RoutesFile, From: "    strip-api:\n", To: "    sorry:\n      errors: {status: [\"401-403\"], service: admin, query: /}\n    strip-api:\n",
			Also: func(t *testing.T, r gatetest.Repo) {
				r.Change(t, gatetest.RoutesFile, guards, "[sorry, staff-headers, staff-addresses, staff-auth]")
			}, Subject: "router admin", Problem: "page of the staff"},
		{Name: "the site in a profile", File: gatetest.ComposeFile, From: "    command: [\"web\"]\n", To: "    command: [\"web\"]\n    profiles: [extra]\n", Subject: "router web", Problem: "not deployed"},
		{Name: "Docker's networks may claim", File: gatetest.StaticFile, From: "    address: \":443\"\n", To: "    address: \":443\"\n    proxyProtocol: {trustedIPs: [172.16.0.0/12]}\n", Subject: "entry point websecure", Problem: "Docker's proxy"},
		{Name: "Docker's networks are staff", File: gatetest.RoutesFile, From: "sourceRange: [", To: "sourceRange: [172.16.0.0/12, ", Subject: "middleware staff-addresses", Problem: "Docker's proxy"},
	})
}

func TestMiddlewaresDoNotCryWolf(t *testing.T) {
	for name, c := range map[string][3]string{
		"a balancer in front":             {gatetest.StaticFile, "    address: \":443\"\n", "    address: \":443\"\n    proxyProtocol: {trustedIPs: [10.0.0.5/32]}\n"},
		"staff behind a private network":  {gatetest.RoutesFile, "sourceRange: [", "sourceRange: [192.168.40.0/24, 172.20.5.0/24, "},
		"a refusal that hides":            {gatetest.RoutesFile, "      ipAllowList:\n", "      ipAllowList:\n        rejectStatusCode: 404\n"},
		"error pages of the site":         {gatetest.RoutesFile, "    strip-api:\n", "    sorry:\n      errors: {status: [\"500-599\"], service: web, query: /}\n    strip-api:\n"},
		"a header that names the request": {gatetest.RoutesFile, "    strip-api:\n", "    told:\n      headers: {customRequestHeaders: {X-Edge: one}}\n    strip-api:\n"},
		"an isolating header more":        {gatetest.RoutesFile, "          Server: \"\"\n", "          Server: \"\"\n          Cross-Origin-Opener-Policy: same-origin\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := gatetest.NewRepo(t)
			r.Change(t, c[0], c[1], c[2])
			if got := gatetest.Run(t.Context(), Declared(), r.Subject(t)); len(got.Findings) > 0 {
				t.Errorf("%+v", got.Findings)
			}
		})
	}
}
