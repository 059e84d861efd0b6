package main

import "strings"

// openapi replaces one place of the contract.
func openapi(from, to string) func(p *project) {
	return func(p *project) { p.edit(openapiFile, from, to) }
}

// Places in the contract: who may ask whether the process lives, who may read
// the user's own page, who may change it.
const (
	liveGet = "      operationId: getLive\n      summary: Whether the process answers\n      tags: [health]\n      security: []\n"
	meGet   = "      operationId: getMe\n      summary: The user who is logged in\n      tags: [users]\n      security:\n        - session: []\n"
	mePatch = "No other member of a user can be set here.\n      tags: [users]\n      security:\n        - session: []\n          csrf: []\n"
)

// contractFiles break the committed contract itself.
var contractFiles = []mutant{
	{name: "the contract is no OpenAPI", gates: "G2", rule: "contract/document", files: func(p *project) { p.write(openapiFile, "<!doctype html><title>API</title>\n") }},
	{name: "the contract is empty", gates: "G2", rule: "contract/document", files: func(p *project) { p.write(openapiFile, "") }},
	{name: "the contract has no paths", gates: "G2", rule: "contract/document", files: func(p *project) {
		p.write(openapiFile, "openapi: 3.0.3\ninfo: {title: t, version: \"1\"}\npaths: {}\n")
	}},
	{name: "the contract refers to another host", gates: "G2", rule: "contract/document", files: openapi("$ref: \"#/components/schemas/Problem\"", "$ref: \"https://evil.example/problem.yaml\"")},
	{name: "the contract refers to a file outside", gates: "G2", rule: "contract/document", files: openapi("$ref: \"#/components/schemas/Problem\"", "$ref: \"../../../etc/passwd\"")},
	{name: "the contract refers to what is not there", gates: "G2", rule: "contract/document", files: openapi("$ref: \"#/components/schemas/Problem\"", "$ref: \"#/components/schemas/Probelm\"")},
	{name: "the contract names a security scheme that nobody defines", gates: "G2", rule: "contract/document", files: func(p *project) { p.append(openapiFile, "\nsecurity: [{nobody: []}]\n") }},
	{name: "security that is optional", gates: "G2", rule: "contract/guarded", files: openapi(meGet, strings.Replace(meGet, "        - session: []\n", "        - session: []\n        - {}\n", 1))},
	{name: "the user's own page is open", gates: "G2", rule: "contract/guarded", files: openapi(meGet, strings.Replace(meGet, "      security:\n        - session: []\n", "      security: []\n", 1))},
	{name: "a change without CSRF token", gates: "G2", rule: "contract/csrf", files: openapi(mePatch, strings.Replace(mePatch, "          csrf: []\n", "", 1))},
	{name: "a session or a CSRF token, where both belong", gates: "G2", rule: "contract/guarded", files: openapi(mePatch, strings.Replace(mePatch, "          csrf: []\n", "        - csrf: []\n", 1))},
	{name: "the session in the URL", gates: "G2", rule: "contract/credential-in-url", also: because("what opens the operation is no longer the login's cookie", "contract/csrf"), files: openapi("      in: cookie\n      name: __Host-session", "      in: query\n      name: session")},
	{name: "another session cookie than the login's", gates: "G2", rule: "contract/csrf", files: openapi("      name: __Host-session", "      name: sid")},
	{name: "passwords instead of a session", gates: "G2", rule: "contract/csrf", files: openapi("      type: apiKey\n      in: cookie\n      name: __Host-session", "      type: http\n      scheme: basic")},
	{name: "clients are sent to another host over plain HTTP", gates: "G2", rule: "contract/servers", files: openapi("  - url: /api\n", "  - url: http://evil.example/api\n")},
	{name: "clients are sent to a path that is not served", gates: "G2", rule: "contract/servers", files: openapi("  - url: /api\n", "  - url: /v2\n")},
	{name: "a body of any kind", gates: "G2", rule: "contract/body-schema", files: openapi("              $ref: \"#/components/schemas/ProfileUpdate\"", "              {}")},
	{name: "an open path of administration in other words", gates: "G2", rule: "contract/guarded", files: openapi("  /auth/csrf:\n", "  /management/users:\n    get:\n      operationId: listAll\n      security: []\n      responses:\n        \"200\": {description: all}\n        default: {$ref: \"#/components/responses/Problem\"}\n  /auth/csrf:\n")},
	{name: "a password in the URL", gates: "G2", rule: "contract/credential-in-url", files: openapi("      operationId: getLive\n", "      operationId: getLive\n      parameters: [{name: password, in: query, schema: {type: string}}]\n")},
	{name: "another CSRF header than the site's", gates: "G2", rule: "contract/csrf", files: openapi("      name: X-CSRF-Token\n", "      name: X-Token\n")},
	{name: "the login is not in the contract", gates: "G2", rule: "contract/configured-paths", files: openapi("  /auth/login:\n", "  /auth/log-in:\n")},
	{name: "an operation without a name", gates: "G2", rule: "contract/operation-id", files: openapi("      operationId: getLive\n", "")},
	{name: "an operation that says nothing of security", gates: "G2", rule: "contract/security-decided", files: openapi(liveGet, strings.Replace(liveGet, "      security: []\n", "", 1))},
	{name: "an operation that documents no success", gates: "G2", rule: "contract/responses", files: several(
		openapi(liveGet+"      responses:\n        \"200\":", liveGet+"      responses:\n        \"102\":"),
		openapi("        default:\n          $ref: \"#/components/responses/Problem\"\n  /health/ready:\n", "  /health/ready:\n"))},
	{name: "errors as plain JSON", gates: "G2", rule: "contract/problem-details", files: openapi("application/problem+json:", "application/json:")},
}
