package main

import "stackctl/test/mutants/fault"

const contractPath = "/openapi\\.json"

// drift changes the contract that runs.
func drift(set map[string]any, remove ...string) []fault.Rule {
	return []fault.Rule{{Path: contractPath, Set: set, Remove: remove}}
}

func text(s string) *string { return &s }

const (
	mePath       = "paths/~1users~1me/"
	userFields   = "components/schemas/User/"
	signUpFields = "components/schemas/SignUp/"
)

// contracts let the contract that runs drift from the committed one.
var contracts = []mutant{
	{name: "an optional request field is required", row: 9, gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/schemas/ProfileUpdate/required": []string{"bio"}})},
	{name: "a request field narrowed to two words", row: 9, gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/schemas/ProfileUpdate/properties/bio/enum": []string{"a", "b"}})},
	{name: "a required response field removed", row: 10, gates: "G2", rule: "contract/drift", faults: drift(nil, userFields+"properties/display_name")},
	{name: "security removed from an operation", row: 11, gates: "G2", rule: "contract/drift", faults: drift(nil, mePath+"get/security")},
	{name: "security of an operation set to nothing", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{mePath + "get/security": []any{}})},
	{name: "security made a choice with nothing", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{mePath + "patch/security/-": map[string]any{}})},
	{name: "the CSRF token no longer asked for", gates: "G2", rule: "contract/drift", faults: drift(nil, mePath+"patch/security/0/csrf")},
	{name: "an undocumented path at runtime", row: 12, gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"paths/~1debug": map[string]any{"get": map[string]any{"responses": map[string]any{"200": map[string]any{"description": "d"}}}}})},
	{name: "a new admin path without security", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"paths/~1admin~1users": map[string]any{"get": map[string]any{"security": []any{}, "responses": map[string]any{"200": map[string]any{"description": "d"}}}}})},
	{name: "the contract at runtime is a page", row: 12, gates: "G2", rule: "contract/document", faults: []fault.Rule{{Path: contractPath, Body: text("<!doctype html><title>Site</title>"), Header: map[string]string{"Content-Type": "text/html"}}}},
	{name: "the contract at runtime has no paths", gates: "G2", rule: "contract/document", faults: drift(map[string]any{"paths": map[string]any{}})},
	{name: "the contract at runtime is half sent", gates: "G2", rule: "contract/document", faults: []fault.Rule{{Path: contractPath, Half: true}}},
	{name: "the contract at runtime never ends", gates: "G2", rule: "contract/document", faults: []fault.Rule{{Path: contractPath, Trickle: true}}},
	{name: "the contract at runtime never begins", gates: "G2", rule: "contract/document", faults: []fault.Rule{{Path: contractPath, Hang: true}}},
	{name: "the contract at runtime is huge", gates: "G2", rule: "contract/document", faults: []fault.Rule{{Path: contractPath, Pad: 20 << 20}}},
	{name: "the contract at runtime is cyclic", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/schemas/User": map[string]any{"allOf": []any{map[string]any{"$ref": "#/components/schemas/User"}}}})},
	{name: "the contract at runtime refers to another host", gates: "G2", rule: "contract/document", faults: drift(map[string]any{"components/schemas/User": map[string]any{"$ref": "http://10.255.255.1/user.json"}})},
	{name: "the contract at runtime answers 500", gates: "G2", rule: "contract/document", faults: []fault.Rule{{Path: contractPath, Status: 500}}},
	{name: "the documented 401 is gone", gates: "G2", rule: "contract/drift", faults: drift(nil, mePath+"get/responses/401")},
	{name: "a success status is another one", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"paths/~1auth~1signup/post/responses/201": map[string]any{"description": "made"}}, "paths/~1auth~1signup/post/responses/202")},
	{name: "servers changed", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"servers": []any{map[string]any{"url": "https://evil.example/api"}}})},
	{name: "a response enum widened", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/schemas/Live/properties/status/enum": []string{"ok", "fine"}})},
	{name: "a response field may be null", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{userFields + "properties/display_name/nullable": true})},
	{name: "a response field has another type", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{userFields + "properties/display_name": map[string]any{"type": "integer"}})},
	{name: "a response field is no longer promised", gates: "G2", rule: "contract/drift", faults: drift(nil, userFields+"required")},
	{name: "other members are let into a request", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/schemas/ProfileUpdate/additionalProperties": true})},
	{name: "a header is required", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{mePath + "get/parameters": []any{map[string]any{"name": "X-Tenant", "in": "header", "required": true, "schema": map[string]any{"type": "string"}}}})},
	{name: "a request content type is gone", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{mePath + "patch/requestBody/content": map[string]any{"application/xml": map[string]any{}}})},
	{name: "a request content type is added", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{mePath + "patch/requestBody/content/application~1x-www-form-urlencoded": map[string]any{"schema": map[string]any{"type": "object"}}})},
	{name: "the shortest password is longer", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/schemas/NewPassword/minLength": 40})},
	{name: "a pattern on a request field", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/schemas/Email/pattern": "^[a-z]+@corp\\.example$"})},
	{name: "an operation is removed", gates: "G2", rule: "contract/drift", faults: drift(nil, mePath+"delete")},
	{name: "the session comes from a header", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/securitySchemes/session/in": "header"})},
	{name: "the session cookie has another name", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{"components/securitySchemes/session/name": "sid"})},
	{name: "an operation is deprecated and its answer another media type", gates: "G2", rule: "contract/drift", faults: drift(map[string]any{mePath + "get/responses/200/content": map[string]any{"text/plain": map[string]any{"schema": map[string]any{"type": "string"}}}})},
	{name: "an answer does not fit its schema", gates: "G2", rule: "contract/answers", faults: []fault.Rule{{Path: "/version", Set: map[string]any{"release": 7}}}},
	{name: "an answer lacks a required member", gates: "G2", rule: "contract/answers", faults: []fault.Rule{{Path: "/version", Remove: []string{"commit"}}}},
	{name: "an answer has an undocumented status", gates: "G2", rule: "contract/answers", faults: []fault.Rule{{Path: "/version", Status: 203}}},
}
