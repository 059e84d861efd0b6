package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// tree is a contract as values that a test may change.
type tree = map[string]any

func contractTree(t testing.TB) tree {
	t.Helper()
	content, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	v, err := g2Decode(content, true)
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
	// breaks says that clients of the document before cannot live with it.
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

func runtimeDeployment(t *testing.T, change func(m tree)) *fakeDeployment {
	d := goodDeployment(t)
	m := contractTree(t)
	change(m)
	d.site.contract = []byte(g2Text(m))
	return d
}

func TestRunningContractTolerates(t *testing.T) {
	for name, change := range benign {
		t.Run(name, func(t *testing.T) {
			d := runtimeDeployment(t, change)
			d.Before = &Before{ID: "bbbbbbbbbbbb", Contract: d.Release.Contract}
			passes(t, contractRuntime(), d.Subject)
		})
	}
}

func TestRunningContractCatchesDrift(t *testing.T) {
	for name, m := range drifts {
		t.Run(name, func(t *testing.T) {
			d := runtimeDeployment(t, m.change)
			catches(t, contractRuntime(), d.Subject, m.want)
			for _, name := range []string{contractArtifact, contractDiffJSON, contractDiffText} {
				if len(d.sink.kept[name]) == 0 {
					t.Errorf("%s is missing", name)
				}
			}
		})
	}
}

// The release before is judged one way only: what its clients cannot live with.
func TestContractOfTheReleaseBefore(t *testing.T) {
	for name, m := range drifts {
		t.Run(name, func(t *testing.T) {
			before, now := contractTree(t), contractTree(t)
			m.change(now)
			list, err := g2Breaking(parsed(t, before), parsed(t, now), "X-CSRF-Token")
			if err != nil {
				t.Fatal(err)
			}
			if m.breaks != (len(list) > 0) {
				t.Errorf("breaking %v, want %v: %+v", len(list) > 0, m.breaks, list)
			}
		})
	}
	for name, change := range benign {
		t.Run(name, func(t *testing.T) {
			before, now := contractTree(t), contractTree(t)
			change(now)
			if list, err := g2Breaking(parsed(t, before), parsed(t, now), "X-CSRF-Token"); err != nil || len(list) > 0 {
				t.Errorf("%v %+v", err, list)
			}
		})
	}
}

func parsed(t testing.TB, m tree) *g2Doc {
	t.Helper()
	d, err := g2Parse([]byte(g2Text(m)), false)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRunningContractFromTheImageInProductionMode(t *testing.T) {
	d := goodDeployment(t)
	d.site.wrap = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/openapi.json" {
			d.site.problem(w, 404)
			return true
		}
		return false
	}
	d.server.exec = func(container string, argv []string) (stack.Output, error) {
		if container != "id-api" || strings.Join(argv, " ") != "/server openapi" {
			return stack.Output{Exit: 127}, nil
		}
		return stack.Output{Stdout: d.Release.Contract}, nil
	}
	passes(t, contractRuntime(), d.Subject)
	m := contractTree(t)
	delete(at(m, "paths"), "/version")
	d.server.exec = func(string, []string) (stack.Output, error) { return stack.Output{Stdout: []byte(g2Text(m))}, nil }
	catches(t, contractRuntime(), d.Subject, "GET /version")
	d.server.exec = func(string, []string) (stack.Output, error) { return stack.Output{Exit: 1, Stderr: []byte("no")}, nil }
	catches(t, contractRuntime(), d.Subject, "exit 1")
	d.Config.Contract.Command = nil
	if _, err := contractRuntime().Check(t.Context(), d.Subject); err == nil {
		t.Error("judged a contract that it cannot have")
	}
}

func TestRunningContractThatIsNone(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300)
	circle := `{"openapi":"3.0.3","paths":{"/a":{"get":{"responses":{"200":{"description":"","content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},"components":{"schemas":{"A":{"$ref":"#/components/schemas/B"},"B":{"$ref":"#/components/schemas/A"}}}}`
	external := `{"openapi":"3.0.3","paths":{"/a":{"$ref":"http://127.0.0.1:1/x.json"}}}`
	hidden := `{"openapi":"3.0.3","paths":{"/a":{"get":{"responses":{"default":{"$ref":"file:///etc/passwd"}}}}}}`
	for name, m := range map[string]struct{ body, want string }{
		"HTML":                  {"<!doctype html><html></html>", "not JSON"},
		"empty":                 {"", "empty"},
		"null":                  {"null", "not an object"},
		"a list":                {"[]", "not an object"},
		"another document":      {`{"a":1}`, "not an OpenAPI 3 document"},
		"Swagger 2":             {`{"swagger":"2.0","paths":{"/a":{}}}`, "not an OpenAPI 3 document"},
		"no paths":              {`{"openapi":"3.0.3","info":{}}`, "no paths"},
		"empty paths":           {`{"openapi":"3.0.3","paths":{}}`, "no paths"},
		"paths without methods": {`{"openapi":"3.0.3","paths":{"/a":{}}}`, "no operations"},
		"half of it":            {`{"openapi":"3.0.3","paths":{"/a":`, "in the middle"},
		"two documents":         {`{"openapi":"3.0.3","paths":{"/a":{"get":{}}}} {}`, "follows"},
		"too deep":              {`{"openapi":"3.0.3","paths":` + deep + `}`, "nested deeper"},
		"circle of references":  {circle, "circle"},
		"external reference":    {external, "leaves the document"},
		"hidden reference":      {hidden, "leaves the document"},
		"dangling reference":    {`{"openapi":"3.0.3","paths":{"/a":{"$ref":"#/nowhere"}}}`, "leads nowhere"},
		"huge":                  {`{"openapi":"3.0.3","x":"` + strings.Repeat("a", g2Limit) + `"}`, "larger than 4 MB"},
		"too many values":       {`{"openapi":"3.0.3","x":[` + strings.Repeat("1,", g2Nodes) + `1]}`, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			d := goodDeployment(t)
			d.site.contract = []byte(m.body)
			catches(t, contractRuntime(), d.Subject, m.want)
		})
	}
}

func TestRunningContractOnABadWire(t *testing.T) {
	for name, m := range map[string]struct {
		serve func(w http.ResponseWriter, r *http.Request)
		want  string
	}{
		"HTML with JSON inside": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "{}")
		}, "not JSON"},
		"failure": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "answered 500"},
		"half sent": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"openapi":`)
		}, "did not end"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/docs", 302) }, "answered 302"},
	} {
		t.Run(name, func(t *testing.T) {
			d := goodDeployment(t)
			d.site.wrap = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/openapi.json" {
					m.serve(w, r)
					return true
				}
				return false
			}
			catches(t, contractRuntime(), d.Subject, m.want)
		})
	}
}

func TestOpenPathsAnswerAsDocumented(t *testing.T) {
	for name, m := range map[string]struct {
		serve func(w http.ResponseWriter)
		want  string
	}{
		"not found":  {func(w http.ResponseWriter) { w.WriteHeader(404) }, "not documented"},
		"failure":    {func(w http.ResponseWriter) { w.WriteHeader(500) }, "not documented"},
		"HTML":       {func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/html"); fmt.Fprint(w, "hi") }, "content type"},
		"no content": {func(w http.ResponseWriter) { w.WriteHeader(200) }, "content type"},
		"a required member missing": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"commit":"a","built":"b"}`)
		}, "does not fit its schema"},
		"a member of another type": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"commit":"a","built":"b","release":7}`)
		}, "does not fit its schema"},
		"half a body": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"commit":`)
		}, "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			d := goodDeployment(t)
			d.site.wrap = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/version" {
					m.serve(w)
					return true
				}
				return false
			}
			catches(t, contractRuntime(), d.Subject, m.want)
		})
	}
}

func TestCommittedContract(t *testing.T) {
	d := goodDeployment(t)
	if a := passes(t, contractStatic(), d.Subject); a.Inspected != 10 {
		t.Errorf("inspected %d operations", a.Inspected)
	}
	for name, m := range map[string]struct {
		change func(m tree)
		want   string
	}{
		"no operationId":     {func(m tree) { delete(operationAt(m, "get", "/version"), "operationId") }, "no operationId"},
		"operationId twice":  {func(m tree) { operationAt(m, "get", "/version")["operationId"] = "getMe" }, "operationId"},
		"security undecided": {func(m tree) { delete(operationAt(m, "get", "/version"), "security") }, "security is not decided"},
		"unknown scheme":     {func(m tree) { operationAt(m, "get", "/version")["security"] = []any{tree{"nope": []any{}}} }, "scheme is not defined"},
		"no 401":             {func(m tree) { operationAt(m, "get", "/users/me")["responses"] = tree{"200": tree{"description": "x"}} }, "refusal not documented"},
		"no errors on a POST": {func(m tree) {
			operationAt(m, "post", "/auth/login")["responses"] = tree{"200": tree{"description": "x"}}
		}, "errors not documented"},
		"no success": {func(m tree) { operationAt(m, "get", "/version")["responses"] = tree{"404": tree{"description": "x"}} }, "no successful response"},
		"errors as JSON": {func(m tree) {
			at(m, "components", "responses", "Problem")["content"] = tree{"application/json": tree{}}
		}, "error without problem details"},
		"open admin path":      {func(m tree) { at(m, "paths")["/admin/users"] = at(m, "paths", "/version") }, "administration"},
		"no paths":             {func(m tree) { delete(m, "paths") }, "no paths"},
		"external reference":   {func(m tree) { schemaAt(m, "User")["$ref"] = "other.yaml#/User" }, "leaves the document"},
		"not valid":            {func(m tree) { schemaAt(m, "User")["type"] = "objekt" }, "objekt"},
		"missing description":  {func(m tree) { delete(at(operationAt(m, "get", "/version"), "responses", "200"), "description") }, "description"},
		"parameter not stated": {func(m tree) { at(m, "paths")["/users/{id}"] = at(m, "paths", "/version") }, "path"},
		"no title":             {func(m tree) { delete(at(m, "info"), "title") }, "title"},
	} {
		t.Run(name, func(t *testing.T) {
			d := goodDeployment(t)
			m0 := contractTree(t)
			m.change(m0)
			d.Release.Contract = []byte(g2Text(m0))
			catches(t, contractStatic(), d.Subject, m.want)
		})
	}
	d.Release.Contract = nil
	if _, err := contractStatic().Check(t.Context(), d.Subject); err == nil {
		t.Error("judged without a contract")
	}
	d.Release.Contract = []byte("paths: [")
	catches(t, contractStatic(), d.Subject, "neither JSON nor YAML")
}

func TestRecursiveSchemasCompare(t *testing.T) {
	node := `{"type":"object","properties":{"next":{"$ref":"#/components/schemas/%s"}%s}}`
	doc := func(a, b string) *g2Doc {
		d, err := g2Parse([]byte(`{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"security":[],"responses":{"200":{"description":"","content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},"components":{"schemas":{"A":`+a+`,"B":`+b+`}}}`), false)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	plain := fmt.Sprintf(node, "A", "")
	one := doc(plain, plain)
	// A list of A is a list of A and B in turn, as long as both are the same.
	two := doc(fmt.Sprintf(node, "B", ""), plain)
	if list, err := g2Compare(one, two); err != nil || len(list) > 0 {
		t.Errorf("%v %+v", err, list)
	}
	other := doc(fmt.Sprintf(node, "B", ""), fmt.Sprintf(node, "A", `,"x":{"type":"string"}`))
	if list, err := g2Compare(one, other); err != nil || len(list) == 0 {
		t.Errorf("%v %+v", err, list)
	}
	if _, err := g2Breaking(one, other, ""); err != nil {
		t.Error(err)
	}
}

func TestEntangledDocumentsEnd(t *testing.T) {
	// Compositions of compositions: the branches multiply with every level.
	schemas := tree{}
	for i := range 40 {
		ref := tree{"$ref": fmt.Sprintf("#/components/schemas/S%d", i+1)}
		schemas[fmt.Sprintf("S%d", i)] = tree{"anyOf": []any{
			tree{"type": "object", "properties": tree{"a": ref}}, tree{"type": "object", "properties": tree{"b": ref}}, tree{"not": ref}}}
	}
	last := tree{"type": "string"}
	schemas["S40"] = last
	m := tree{"openapi": "3.1.0", "paths": tree{"/a": tree{"get": tree{"responses": tree{"200": tree{"content": tree{"application/json": tree{"schema": tree{"$ref": "#/components/schemas/S0"}}}}}}}},
		"components": tree{"schemas": schemas}}
	one := parsed(t, m)
	last["type"] = "integer"
	start := time.Now()
	list, err := g2Compare(one, parsed(t, m))
	if err == nil && len(list) == 0 {
		t.Error("a difference at the bottom is missed")
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzContract(f *testing.F) {
	content, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		f.Fatal(err)
	}
	good, err := g2Parse(content, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(g2Text(good.root)))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a":{"get":{"responses":{"200":{"$ref":"#/paths/~1a"}}}}}}`))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"$ref":"#/paths"}],"responses":{}}}}}`))
	f.Add([]byte("openapi: 3.0.0\npaths: &a {/x: {get: *a}}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := g2Parse(content, true)
		if err != nil {
			return
		}
		list, err := g2Compare(d, d)
		if err == nil && len(list) > 0 {
			t.Errorf("a document differs from itself: %+v", list)
		}
		if _, err := g2Compare(good, d); err != nil && !errors.Is(err, errG2Complex) {
			t.Error(err)
		}
		for _, o := range d.operations() {
			g2Rules(d, o, "X-CSRF-Token")
		}
		g2Weaker(good, d, "X-CSRF-Token")
	})
}

func TestContractArtifactsAreReadable(t *testing.T) {
	d := runtimeDeployment(t, func(m tree) { delete(at(m, "paths"), "/version") })
	before := contractTree(t)
	at(before, "paths")["/news"] = at(before, "paths", "/version")
	d.Before = &Before{ID: "bbbbbbbbbbbb", Contract: []byte(g2Text(before))}
	catches(t, contractRuntime(), d.Subject, "breaks clients of release bbbbbbbbbbbb")
	var diffs contractDiffs
	if err := json.Unmarshal(d.sink.kept[contractDiffJSON], &diffs); err != nil || len(diffs.Drift) == 0 || len(diffs.Breaking) == 0 {
		t.Errorf("%v %s", err, d.sink.kept[contractDiffJSON])
	}
	if !bytes.Contains(d.sink.kept[contractDiffText], []byte("GET /version")) {
		t.Errorf("%s", d.sink.kept[contractDiffText])
	}
	if _, err := g2Parse(d.sink.kept[contractArtifact], false); err != nil {
		t.Error(err)
	}
}

// The contract of the application in this repository is one that the gate accepts.
func TestTheApplicationsOwnContract(t *testing.T) {
	content, err := os.ReadFile("../../contract/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := goodDeployment(t)
	d.Release.Contract = content
	passes(t, contractStatic(), d.Subject)
}
