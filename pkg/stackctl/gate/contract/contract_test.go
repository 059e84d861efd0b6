package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/openapi"
	"stackctl/pkg/stackctl/stack"
)

func runtimeDeployment(t *testing.T, change func(m tree)) *gatetest.Deployment {
	d := gatetest.GoodDeployment(t)
	m := contractTree(t)
	change(m)
	d.Site.Contract = []byte(openapi.Text(m))
	return d
}

func TestRunningContractTolerates(t *testing.T) {
	for name, change := range benign {
		t.Run(name, func(t *testing.T) {
			d := runtimeDeployment(t, change)
			d.Before = &gate.Before{ID: "bbbbbbbbbbbb", Contract: d.Release.Contract}
			gatetest.Passes(t, Runtime(), d.Subject)
		})
	}
}

func TestRunningContractCatchesDrift(t *testing.T) {
	for name, m := range drifts {
		t.Run(name, func(t *testing.T) {
			d := runtimeDeployment(t, m.change)
			gatetest.Catches(t, Runtime(), d.Subject, m.want)
			for _, name := range []string{artifact, diffJSON, diffText} {
				if len(d.Sink.Kept[name]) == 0 {
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
			list, err := openapi.Breaking(parsed(t, before), parsed(t, now), "X-CSRF-Token")
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
			if list, err := openapi.Breaking(parsed(t, before), parsed(t, now), "X-CSRF-Token"); err != nil || len(list) > 0 {
				t.Errorf("%v %+v", err, list)
			}
		})
	}
}

func parsed(t testing.TB, m tree) *openapi.Doc {
	t.Helper()
	d, err := openapi.Parse([]byte(openapi.Text(m)), false)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRunningContractFromTheImageInProductionMode(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/openapi.json" {
			d.Site.Problem(w, 404)
			return true
		}
		return false
	}
	d.Fake.OnExec = func(container string, argv []string) (stack.Output, error) {
		if container != "id-api" || strings.Join(argv, " ") != "/server openapi" {
			return stack.Output{Exit: 127}, nil
		}
		return stack.Output{Stdout: d.Release.Contract}, nil
	}
	gatetest.Passes(t, Runtime(), d.Subject)
	m := contractTree(t)
	delete(at(m, "paths"), "/version")
	d.Fake.OnExec = func(string, []string) (stack.Output, error) {
		return stack.Output{Stdout: []byte(openapi.Text(m))}, nil
	}
	gatetest.Catches(t, Runtime(), d.Subject, "GET /version")
	d.Fake.OnExec = func(string, []string) (stack.Output, error) { return stack.Output{Exit: 1, Stderr: []byte("no")}, nil }
	gatetest.Catches(t, Runtime(), d.Subject, "exit 1")
	d.Config.Contract.Command = nil
	if _, err := Runtime().Check(t.Context(), d.Subject); err == nil {
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
		"Swagger 2":             {`{"swagger":"2.0","paths":{"/a":{}}}`, "a Swagger 2.0 document"},
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
		"huge":                  {`{"openapi":"3.0.3","x":"` + strings.Repeat("a", openapi.Limit) + `"}`, "larger than 4 MB"},
		"too many values":       {`{"openapi":"3.0.3","x":[` + strings.Repeat("1,", openapi.Nodes) + `1]}`, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Contract = []byte(m.body)
			gatetest.Catches(t, Runtime(), d.Subject, m.want)
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
		"nothing sent": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "answers elsewhere"},
		"redirect":     {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/docs", http.StatusFound) }, "answered 302"},
	} {
		t.Run(name, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/openapi.json" {
					m.serve(w, r)
					return true
				}
				return false
			}
			gatetest.Catches(t, Runtime(), d.Subject, m.want)
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
		"another release": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"commit":"a","built":"b","release":"bbbbbbbbbbbb"}`)
		}, "the answer is of another release"},
		"another release in a header": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Release", "bbbbbbbbbbbb")
			fmt.Fprint(w, `{"commit":"a","built":"b","release":"`+gatetest.ReleaseID+`"}`)
		}, "the answer is of another release"},
		"half a body": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"commit":`)
		}, "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/version" {
					m.serve(w)
					return true
				}
				return false
			}
			gatetest.Catches(t, Runtime(), d.Subject, m.want)
		})
	}
}

func TestCommittedContract(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	if a := gatetest.Passes(t, Static(), d.Subject); a.Inspected != 10 {
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
			d := gatetest.GoodDeployment(t)
			m0 := contractTree(t)
			m.change(m0)
			d.Release.Contract = []byte(openapi.Text(m0))
			gatetest.Catches(t, Static(), d.Subject, m.want)
		})
	}
	d.Release.Contract, d.Config.Contract.File = nil, "contract.yaml"
	gatetest.Catches(t, Static(), d.Subject, "an empty file")
	d.Release.Contract = []byte("paths: [")
	gatetest.Catches(t, Static(), d.Subject, "neither JSON nor YAML")
}

func TestRecursiveSchemasCompare(t *testing.T) {
	node := `{"type":"object","properties":{"next":{"$ref":"#/components/schemas/%s"}%s}}`
	doc := func(a, b string) *openapi.Doc {
		d, err := openapi.Parse([]byte(`{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"security":[],"responses":{"200":{"description":"","content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},"components":{"schemas":{"A":`+a+`,"B":`+b+`}}}`), false)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	plain := fmt.Sprintf(node, "A", "")
	one := doc(plain, plain)
	// A list of A is a list of A and B in turn, as long as both are the same.
	two := doc(fmt.Sprintf(node, "B", ""), plain)
	if list, err := openapi.Compare(one, two); err != nil || len(list) > 0 {
		t.Errorf("%v %+v", err, list)
	}
	other := doc(fmt.Sprintf(node, "B", ""), fmt.Sprintf(node, "A", `,"x":{"type":"string"}`))
	if list, err := openapi.Compare(one, other); err != nil || len(list) == 0 {
		t.Errorf("%v %+v", err, list)
	}
	if _, err := openapi.Breaking(one, other, ""); err != nil {
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
	if list, err := openapi.Compare(one, parsed(t, m)); err != nil || len(list) == 0 {
		t.Errorf("a difference at the bottom is missed: %v", err)
	}
}

func FuzzContract(f *testing.F) {
	content := gatetest.Contract
	good, err := openapi.Parse(content, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(openapi.Text(good.Root)))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a":{"get":{"responses":{"200":{"$ref":"#/paths/~1a"}}}}}}`))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"$ref":"#/paths"}],"responses":{}}}}}`))
	f.Add([]byte("openapi: 3.0.0\npaths: &a {/x: {get: *a}}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := openapi.Parse(content, true)
		if err != nil {
			return
		}
		list, err := openapi.Compare(d, d)
		if err == nil && len(list) > 0 {
			t.Errorf("a document differs from itself: %+v", list)
		}
		if _, err := openapi.Compare(good, d); err != nil && !errors.Is(err, openapi.ErrComplex) {
			t.Error(err)
		}
		for _, o := range d.Operations() {
			rules(d, o, "X-CSRF-Token")
		}
		openapi.Weaker(good, d, "X-CSRF-Token")
	})
}

func TestContractArtifactsAreReadable(t *testing.T) {
	d := runtimeDeployment(t, func(m tree) { delete(at(m, "paths"), "/version") })
	before := contractTree(t)
	at(before, "paths")["/news"] = at(before, "paths", "/version")
	d.Before = &gate.Before{ID: "bbbbbbbbbbbb", Contract: []byte(openapi.Text(before))}
	gatetest.Catches(t, Runtime(), d.Subject, "breaks clients of release bbbbbbbbbbbb")
	var diffs diffs
	if err := json.Unmarshal(d.Sink.Kept[diffJSON], &diffs); err != nil || len(diffs.Drift) == 0 || len(diffs.Breaking) == 0 {
		t.Errorf("%v %s", err, d.Sink.Kept[diffJSON])
	}
	if !bytes.Contains(d.Sink.Kept[diffText], []byte("GET /version")) {
		t.Errorf("%s", d.Sink.Kept[diffText])
	}
	if _, err := openapi.Parse(d.Sink.Kept[artifact], false); err != nil {
		t.Error(err)
	}
}

// The contract of the application in this repository is one that the gate accepts.
func TestTheApplicationsOwnContract(t *testing.T) {
	content, err := os.ReadFile("../../../contract/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := gatetest.GoodDeployment(t)
	d.Release.Contract = content
	gatetest.Passes(t, Static(), d.Subject)
}
