package gate

import "testing"

func TestMiddlewaresCatch(t *testing.T) {
	const (
		public = "    public-headers:\n      headers:\n"
		custom = "        customResponseHeaders:\n          Server: \"\"\n"
		guards = "[staff-headers, staff-addresses, staff-auth]"
	)
	header := func(name, line, problem string) mutant {
		return mutant{name: name, file: routesFile, from: custom, to: custom + "          " + line + "\n", subject: "router web", problem: problem}
	}
	staticMutants(t, headersDeclared(), []mutant{
		{name: "headers of development", file: routesFile, from: public, to: public + "        isDevelopment: true\n", subject: "router web", problem: "HSTS"},
		header("a policy that is taken away", "Content-Security-Policy: \"\"", "content security policy"),
		header("a policy that is replaced", "content-security-policy: \"default-src *\"", "wildcard"),
		header("HSTS that is taken away", "strict-transport-security: \"\"", "HSTS"),
		{name: "a version in Server", file: routesFile, from: "          Server: \"\"\n", to: "          Server: nginx/1.25\n", subject: "router web", problem: "version"},
		{name: "a nonce for ever", file: routesFile, from: "script-src 'self'", to: "script-src 'self' 'nonce-c3RhdGlj'", subject: "router web", problem: "nonce"},
		{name: "a refusal that says 200", file: routesFile, from: "      ipAllowList:\n", to: "      ipAllowList:\n        rejectStatusCode: 200\n", subject: "middleware staff-addresses", problem: "not told"},
		{name: "staff passwords in the file", file: routesFile, from: "        usersFile: /run/secrets/staff_htpasswd\n", to: "        users: [\"staff:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/\"]\n", subject: "middleware staff-auth", problem: "in the routes' file"},
		{name: "a redirect to plain HTTP", file: routesFile, from: "scheme: https, permanent: true", to: "scheme: http, permanent: true", subject: "middleware to-https", problem: "plain HTTP"},
		{name: "every client is the server", file: routesFile, from: "    strip-api:\n", to: "    told:\n      headers: {customRequestHeaders: {x-forwarded-for: 127.0.0.1}}\n    strip-api:\n", subject: "middleware told", problem: "another client"},
		{name: "staff pages as error pages", file: routesFile, from: "    strip-api:\n", to: "    sorry:\n      errors: {status: [\"401-403\"], service: admin, query: /}\n    strip-api:\n",
			also: func(t *testing.T, r repo) {
				r.change(t, routesFile, guards, "[sorry, staff-headers, staff-addresses, staff-auth]")
			}, subject: "router admin", problem: "page of the staff"},
		{name: "the site in a profile", file: composeFile, from: "    command: [\"web\"]\n", to: "    command: [\"web\"]\n    profiles: [extra]\n", subject: "router web", problem: "not deployed"},
		{name: "Docker's networks may claim", file: staticFile, from: "    address: \":443\"\n", to: "    address: \":443\"\n    proxyProtocol: {trustedIPs: [172.16.0.0/12]}\n", subject: "entry point websecure", problem: "Docker's proxy"},
		{name: "Docker's networks are staff", file: routesFile, from: "sourceRange: [", to: "sourceRange: [172.16.0.0/12, ", subject: "middleware staff-addresses", problem: "Docker's proxy"},
	})
}

func TestMiddlewaresDoNotCryWolf(t *testing.T) {
	for name, c := range map[string][3]string{
		"a balancer in front":             {staticFile, "    address: \":443\"\n", "    address: \":443\"\n    proxyProtocol: {trustedIPs: [10.0.0.5/32]}\n"},
		"staff behind a private network":  {routesFile, "sourceRange: [", "sourceRange: [192.168.40.0/24, 172.20.5.0/24, "},
		"a refusal that hides":            {routesFile, "      ipAllowList:\n", "      ipAllowList:\n        rejectStatusCode: 404\n"},
		"error pages of the site":         {routesFile, "    strip-api:\n", "    sorry:\n      errors: {status: [\"500-599\"], service: web, query: /}\n    strip-api:\n"},
		"a header that names the request": {routesFile, "    strip-api:\n", "    told:\n      headers: {customRequestHeaders: {X-Edge: one}}\n    strip-api:\n"},
		"an isolating header more":        {routesFile, "          Server: \"\"\n", "          Server: \"\"\n          Cross-Origin-Opener-Policy: same-origin\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.change(t, c[0], c[1], c[2])
			if got := runAlone(t.Context(), headersDeclared(), r.subject(t)); len(got.Findings) > 0 {
				t.Errorf("%+v", got.Findings)
			}
		})
	}
}
