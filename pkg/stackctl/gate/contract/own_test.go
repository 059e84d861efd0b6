package contract

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/openapi"
	"stackctl/pkg/stackctl/stack"
)

func TestOwnContractRules(t *testing.T) {
	const head = "openapi: 3.0.3\ninfo: {title: t, version: \"1\"}\nservers: [{url: /api}]\ncomponents: {securitySchemes: {s: {type: apiKey, in: cookie, name: sid}, c: {type: apiKey, in: header, name: X-CSRF}, q: {type: apiKey, in: query, name: key}}}\npaths:\n"
	s := gate.Subject{Config: stack.Config{Contract: stack.Contract{Prefix: "/api"}, Gates: stack.Gates{Auth: stack.AuthGate{Me: "/me", Login: "/login", Cookie: "sid", Header: "X-CSRF"}}}}
	for name, c := range map[string]struct{ text, problem string }{
		"good":               {"  /me: {get: {security: [{s: []}]}, patch: {security: [{s: [], c: []}]}}", ""},
		"a machine's way":    {"  /me: {get: {security: [{s: []}, {c: []}]}}", "unguarded"},
		"open":               {"  /me: {get: {security: []}}", "unguarded"},
		"optional":           {"  /x: {get: {security: [{s: []}, {}], responses: {\"401\": {}}}}", "optional"},
		"no token":           {"  /me: {patch: {security: [{s: []}]}}", "no CSRF token"},
		"in the URL":         {"  /x: {get: {security: [{q: []}]}}", "in the URL"},
		"a parameter":        {"  /x: {get: {parameters: [{in: query, name: access_token}]}}", "in the URL"},
		"a page's parameter": {"  /x: {get: {parameters: [{in: query, name: page_token_count}]}}", ""},
		"any body":           {"  /x: {post: {requestBody: {content: {application/json: {schema: {}}}}}}", "any body"},
		"said body":          {"  /x: {post: {requestBody: {content: {application/json: {schema: {type: object}}}}}}", ""},
	} {
		d, err := openapi.Parse([]byte(head+c.text+"\n"), true)
		if err != nil {
			t.Fatal(name, err)
		}
		var found []string
		for _, o := range d.Operations() {
			for _, f := range own(s, d, o) {
				found = append(found, f.Problem)
			}
		}
		if text := strings.Join(found, "; "); c.problem == "" && text != "" || !strings.Contains(text, c.problem) {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestServersLeadToTheSite(t *testing.T) {
	s := gate.Subject{Config: stack.Config{Contract: stack.Contract{Prefix: "/api"}}, Target: stack.Target{Domain: "site.example"},
		Release: stack.Release{Edge: stack.EdgeConfig{Routes: []stack.Route{{Hosts: []string{"www.site.example"}}}}}}
	for servers, problem := range map[string]string{
		"{url: /api}":                                            "",
		"{url: /api/}":                                           "",
		"{url: 'https://site.example/api'}":                      "",
		"{url: 'https://WWW.site.example/api'}":                  "",
		"{url: /api}, {url: 'http://localhost:8000/api'}":        "",
		"{url: '//site.example/api'}":                            "",
		"{url: /v1}":                                             "not served",
		"{url: 'https://evil.example/api'}":                      "another host",
		"{url: '//evil.example/api'}":                            "another host",
		"{url: /api}, {url: 'https://staging.site.example/api'}": "another host",
		"{url: 'http://site.example/api'}":                       "plain HTTP",
		"{url: 'ws://site.example/api'}":                         "another protocol",
		"{url: 'https://{host}/api', variables: {host: {default: evil.example}}}":                                     "another host",
		"{url: 'https://{host}/api', variables: {host: {default: site.example, enum: [site.example, evil.example]}}}": "another host",
		"{url: 'https://{host}/api', variables: {host: {default: site.example}}}":                                     "",
		"{url: '/{base}', variables: {base: {default: api}}}":                                                         "",
		"{url: '/{base}', variables: {base: {default: v2}}}":                                                          "not served",
		"{url: 'https://{host}/api'}":                                                                                 "without a value",
	} {
		d, err := openapi.Parse([]byte("openapi: 3.0.3\ninfo: {title: t, version: \"1\"}\nservers: ["+servers+"]\npaths: {/x: {get: {}}}\n"), true)
		if err != nil {
			t.Fatal(servers, err)
		}
		var found []string
		for _, f := range served(s, d, d.Operations()[0]) {
			found = append(found, f.Problem)
		}
		if text := strings.Join(found, "; "); problem == "" && text != "" || !strings.Contains(text, problem) {
			t.Errorf("%s: %q, want %q", servers, text, problem)
		}
	}
}
