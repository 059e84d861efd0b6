package contract

import (
	"stackctl/pkg/stackctl/gate/gatetest"
	"testing"

	"stackctl/pkg/stackctl/openapi"
)

// tree is a contract as values that a test may change.
type tree = map[string]any

func contractTree(t testing.TB) tree {
	t.Helper()
	content := gatetest.Contract
	v, err := openapi.Decode(content, true)
	if err != nil {
		t.Fatal(err)
	}
	return v.(tree)
}

// at follows names into a tree.
func at(v any, names ...string) tree {
	for _, n := range names {
		v = v.(tree)[n]
	}
	return v.(tree)
}

func schemaAt(m tree, name string) tree { return at(m, "components", "schemas", name) }

func operationAt(m tree, method, path string) tree { return at(m, "paths", path, method) }

// benign changes leave the contract what it is.
var benign = map[string]func(m tree){
	"nothing": func(tree) {},
	"title, descriptions, examples, tags": func(m tree) {
		at(m, "info")["title"] = "Another title"
		at(m, "info")["description"] = "Another description"
		operationAt(m, "get", "/users/me")["description"] = "x"
		operationAt(m, "get", "/users/me")["summary"] = "x"
		operationAt(m, "get", "/users/me")["tags"] = []any{"other"}
		schemaAt(m, "User")["title"] = "User"
		schemaAt(m, "Email")["example"] = "bob@example.com"
		at(schemaAt(m, "User"), "properties", "email")["description"] = "mail"
		delete(m, "tags")
	},
	"order": func(m tree) {
		schemaAt(m, "User")["required"] = []any{"created_at", "bio", "avatar_url", "display_name", "email_verified", "email", "id"}
		at(schemaAt(m, "Ready"), "properties", "status")["enum"] = []any{"unavailable", "ok"}
	},
	"inline instead of $ref": func(m tree) {
		body := at(operationAt(m, "post", "/auth/login"), "requestBody", "content", "application/json")
		body["schema"] = schemaAt(m, "LogIn")
		responses := at(operationAt(m, "post", "/auth/login"), "responses")
		responses["401"] = at(m, "components", "responses", "Unauthorized")
	},
	"$ref instead of inline": func(m tree) {
		at(m, "components", "schemas")["Name"] = tree{"type": "string"}
		at(schemaAt(m, "User"), "properties")["bio"] = tree{"$ref": "#/components/schemas/Name"}
	},
	"component renamed": func(m tree) {
		schemas := at(m, "components", "schemas")
		schemas["Account"] = schemas["User"]
		content := at(operationAt(m, "get", "/users/me"), "responses", "200", "content", "application/json")
		content["schema"] = tree{"$ref": "#/components/schemas/Account"}
	},
	"integer as anyOf of one": func(m tree) {
		at(schemaAt(m, "Problem"), "properties")["status"] = tree{"anyOf": []any{tree{"type": "integer"}}}
	},
	"$ref as allOf of one": func(m tree) {
		at(schemaAt(m, "SignUp"), "properties")["email"] = tree{"allOf": []any{tree{"$ref": "#/components/schemas/Email"}}, "description": "x"}
	},
	"security inherited instead of repeated": func(m tree) {
		m["security"] = []any{tree{"session": []any{}}}
		delete(operationAt(m, "get", "/users/me"), "security")
	},
	"security scheme renamed": func(m tree) {
		schemes := at(m, "components", "securitySchemes")
		schemes["cookie"] = schemes["session"]
		operationAt(m, "get", "/users/me")["security"] = []any{tree{"cookie": []any{}}}
	},
	"extensions": func(m tree) {
		m["x-generated-by"] = "something"
		operationAt(m, "get", "/users/me")["x-order"] = 1.0
		schemaAt(m, "User")["x-go-type"] = "User"
	},
	"defaults spelled out": func(m tree) {
		schemaAt(m, "User")["additionalProperties"] = true
		at(schemaAt(m, "User"), "properties", "bio")["nullable"] = false
		operationAt(m, "get", "/users/me")["deprecated"] = false
		operationAt(m, "get", "/users/me")["parameters"] = []any{}
	},
	"server with a slash at its end": func(m tree) { m["servers"] = []any{tree{"url": "/api/", "description": "x"}} },
	"unused component":               func(m tree) { at(m, "components", "schemas")["Unused"] = tree{"type": "string"} },
}

// drifts change what is on the wire.
var drifts = map[string]struct {
	change func(m tree)
	want   string
	// breaks reports whether clients of the document before cannot live with it.
	breaks bool
}{
	"operation missing":    {func(m tree) { delete(at(m, "paths", "/users/me"), "patch") }, "PATCH /users/me", true},
	"path missing":         {func(m tree) { delete(at(m, "paths"), "/version") }, "GET /version", true},
	"undocumented path":    {func(m tree) { at(m, "paths")["/debug/vars"] = at(m, "paths", "/version") }, "GET /debug/vars", true},
	"new open path":        {func(m tree) { at(m, "paths")["/news"] = at(m, "paths", "/version") }, "GET /news", false},
	"unguarded admin path": {func(m tree) { at(m, "paths")["/admin/users"] = tree{"get": operationAt(m, "get", "/version")} }, "GET /admin/users", true},
	"security removed":     {func(m tree) { operationAt(m, "get", "/users/me")["security"] = []any{} }, "security", true},
	"security of one part": {func(m tree) { operationAt(m, "patch", "/users/me")["security"] = []any{tree{"session": []any{}}} }, "security", true},
	"anonymous way added": {func(m tree) {
		operationAt(m, "get", "/users/me")["security"] = []any{tree{"session": []any{}}, tree{}}
	}, "security", true},
	"scheme changed":  {func(m tree) { at(m, "components", "securitySchemes", "session")["name"] = "session" }, "security", true},
	"security added":  {func(m tree) { operationAt(m, "get", "/version")["security"] = []any{tree{"session": []any{}}} }, "security", true},
	"401 removed":     {func(m tree) { delete(at(operationAt(m, "get", "/users/me"), "responses"), "401") }, "401", true},
	"403 removed":     {func(m tree) { delete(at(operationAt(m, "post", "/auth/login"), "responses"), "403") }, "403", true},
	"servers changed": {func(m tree) { m["servers"] = []any{tree{"url": "https://evil.example/api"}} }, "servers", true},
	"servers removed": {func(m tree) { delete(m, "servers") }, "servers", true},
	"response enum widened": {func(m tree) {
		at(schemaAt(m, "Check"), "properties", "status")["enum"] = []any{"ok", "unavailable", "degraded"}
	}, "enum", true},
	"required response field removed": {func(m tree) {
		delete(at(schemaAt(m, "User"), "properties"), "email")
		schemaAt(m, "User")["required"] = []any{"id", "email_verified", "display_name", "avatar_url", "bio", "created_at"}
	}, "email", true},
	"response field no longer required": {func(m tree) { schemaAt(m, "Version")["required"] = []any{"commit", "built"} }, "required", true},
	"request field made required": {func(m tree) {
		schemaAt(m, "SignUp")["required"] = []any{"email", "password", "display_name"}
	}, "required", true},
	"new required request field": {func(m tree) {
		at(schemaAt(m, "LogIn"), "properties")["captcha"] = tree{"type": "string"}
		schemaAt(m, "LogIn")["required"] = []any{"email", "password", "captcha"}
	}, "captcha", true},
	"request enum narrowed": {func(m tree) {
		at(schemaAt(m, "ProfileUpdate"), "properties", "bio")["enum"] = []any{"a"}
	}, "enum", true},
	"type changed":     {func(m tree) { at(schemaAt(m, "Problem"), "properties", "status")["type"] = "string" }, "type", true},
	"format changed":   {func(m tree) { at(schemaAt(m, "User"), "properties", "created_at")["format"] = "date" }, "format", true},
	"length tightened": {func(m tree) { schemaAt(m, "NewPassword")["maxLength"] = 72.0 }, "maxLength", true},
	"pattern changed":  {func(m tree) { schemaAt(m, "Email")["pattern"] = "^[a-z]+@x$" }, "pattern", true},
	"content type removed": {func(m tree) {
		at(m, "components", "responses", "Unauthorized")["content"] = tree{"text/plain": tree{"schema": tree{"type": "string"}}}
	}, "application/problem+json", true},
	"request content type changed": {func(m tree) {
		at(operationAt(m, "post", "/auth/login"), "requestBody")["content"] = tree{"application/xml": tree{"schema": tree{"$ref": "#/components/schemas/LogIn"}}}
	}, "application/", true},
	"additional properties closed in a request": {func(m tree) { at(schemaAt(m, "ProfileUpdate"))["additionalProperties"] = tree{"type": "string"} }, "additionalProperties", false},
	"success status changed": {func(m tree) {
		r := at(operationAt(m, "post", "/auth/signup"), "responses")
		r["201"] = r["202"]
		delete(r, "202")
	}, "202", true},
	"new required parameter": {func(m tree) {
		operationAt(m, "get", "/users/me")["parameters"] = []any{tree{"in": "query", "name": "v", "required": true, "schema": tree{"type": "string"}}}
	}, "v", true},
	"parameter required on the path": {func(m tree) {
		at(m, "paths", "/users/me")["parameters"] = []any{tree{"in": "header", "name": "X-Tenant", "required": true, "schema": tree{"type": "string"}}}
	}, "x-tenant", true},
	"response header removed": {func(m tree) { delete(at(operationAt(m, "get", "/users/me"), "responses", "200"), "headers") }, "cache-control", true},
	"operationId changed":     {func(m tree) { operationAt(m, "get", "/users/me")["operationId"] = "me" }, "operationId", false},
	"optional field added":    {func(m tree) { at(schemaAt(m, "User"), "properties")["is_staff"] = tree{"type": "boolean"} }, "is_staff", false},
	"null allowed in a response": {func(m tree) {
		at(schemaAt(m, "User"), "properties", "email")["nullable"] = true
	}, "type", true},
	"body no longer required":  {func(m tree) { delete(at(operationAt(m, "post", "/auth/login"), "requestBody"), "required") }, "requestBody/required", false},
	"request body removed":     {func(m tree) { delete(operationAt(m, "patch", "/users/me"), "requestBody") }, "request", true},
	"read-only request member": {func(m tree) { at(schemaAt(m, "ProfileUpdate"), "properties", "bio")["readOnly"] = true }, "readOnly", true},
}
