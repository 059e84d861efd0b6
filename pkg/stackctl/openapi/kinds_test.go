package openapi

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// kind is a change of one small document. there and back report whether
// clients of the first cannot live with the second, and the other way round.
type kind struct {
	name        string
	a, b        string
	there, back bool
}

// document is a document of one operation, in OpenAPI 3.0 unless it asks for 3.1.
func document(path, operation, more string) string {
	version := "3.0.3"
	if strings.Contains(operation+more, "# 3.1") {
		version = "3.1.0"
	}
	return fmt.Sprintf("openapi: %s\ninfo: {title: x, version: '1'}\npaths:\n  %s:\n    post:\n      operationId: x\n%s\n%s\n",
		version, path, indent(operation, 6), more)
}

func indent(text string, by int) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.Repeat(" ", by) + lines[i]
	}
	return strings.Join(lines, "\n")
}

const fine = "responses: {'200': {description: x}}\n"

func parameters(list string) string { return document("/a", fine+"parameters: ["+list+"]", "") }

// withItem is a document whose path parameter stands on the path.
func withItem(path, name string) string {
	return strings.Replace(document(path, fine, ""), "    post:", "    parameters: [{in: path, name: "+name+", required: true, schema: {type: string}}]\n    post:", 1)
}

func responsesOf(schema string) string {
	return "responses: {'200': {description: x, content: {application/json: {schema: " + schema + "}}}}"
}

func query(rest string) string { return parameters("{in: query, name: q, " + rest + "}") }

func request(schema string) string {
	return document("/a", fine+"requestBody: {required: true, content: {application/json: {schema: "+schema+"}}}", "")
}

func member(schema string) string { return request("{type: object, properties: {m: " + schema + "}}") }

func answer(schema string) string {
	return document("/a", "responses: {'200': {description: x, content: {application/json: {schema: "+schema+"}}}}", "")
}

func said(schema string) string {
	return answer("{type: object, required: [m], properties: {m: " + schema + "}}")
}

func headers(list string) string {
	return document("/a", "responses: {'200': {description: x, headers: {"+list+"}}}", "")
}

func responses(list string) string { return document("/a", "responses: {"+list+"}", "") }

const schemes = `components:
  securitySchemes:
    a: {type: apiKey, in: cookie, name: a}
    b: {type: apiKey, in: header, name: b}
    o: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://x.example/t, scopes: {r: x, w: x}}}}
`

func security(list string) string { return document("/a", fine+"security: ["+list+"]", schemes) }

const pets = `components:
  schemas:
    Cat: {type: object, required: [kind], properties: {kind: {type: string}, purrs: {type: boolean}}}
    Dog: {type: object, required: [kind], properties: {kind: {type: string}, barks: {type: boolean}}}
`

func pet(in, discriminator string) string {
	schema := "{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]" + discriminator + "}"
	if in == "request" {
		return document("/a", fine+"requestBody: {content: {application/json: {schema: "+schema+"}}}", pets)
	}
	return document("/a", "responses: {'200': {description: x, content: {application/json: {schema: "+schema+"}}}}", pets)
}

func mapping(cat, dog string) string {
	return ", discriminator: {propertyName: kind, mapping: {" + cat + ": '#/components/schemas/Cat', " + dog + ": '#/components/schemas/Dog'}}"
}

const twoWays = "{a: []}, {b: []}"

var kinds = []kind{
	// Parameters.
	{"style of a query parameter", query("schema: {type: array, items: {type: string}}"), query("style: pipeDelimited, explode: false, schema: {type: array, items: {type: string}}"), true, true},
	{"explode of a query parameter", query("schema: {type: array, items: {type: string}}"), query("explode: false, schema: {type: array, items: {type: string}}"), true, true},
	{"explode that says the default", query("schema: {type: array, items: {type: string}}"), query("style: form, explode: true, schema: {type: array, items: {type: string}}"), false, false},
	{"style of a path parameter", document("/a/{k}", fine+"parameters: [{in: path, name: k, required: true, schema: {type: array, items: {type: string}}}]", ""), document("/a/{k}", fine+"parameters: [{in: path, name: k, required: true, style: label, schema: {type: array, items: {type: string}}}]", ""), true, true},
	{"explode of one string", query("schema: {type: string}"), query("explode: false, schema: {type: string}"), false, false},
	{"required parameter", parameters(""), query("required: true, schema: {type: string}"), true, false},
	{"optional parameter", parameters(""), query("schema: {type: string}"), false, false},
	{"parameter becomes required", query("schema: {type: string}"), query("required: true, schema: {type: string}"), true, false},
	{"parameter's pattern", query("schema: {type: string}"), query("schema: {type: string, pattern: '^a$'}"), true, false},
	{"parameter's format", query("schema: {type: string}"), query("schema: {type: string, format: uuid}"), true, false},
	{"parameter's enum narrowed", query("schema: {type: string, enum: [a, b]}"), query("schema: {type: string, enum: [a]}"), true, false},
	{"parameter's default", query("schema: {type: string, default: a}"), query("schema: {type: string, default: b}"), false, false},
	{"parameter's maximum", query("schema: {type: integer, maximum: 9}"), query("schema: {type: integer, maximum: 5}"), true, false},
	{"parameter moves to a header", query("schema: {type: string}"), parameters("{in: header, name: q, required: true, schema: {type: string}}"), true, false},
	{"path parameter renamed", document("/a/{id}", fine+"parameters: [{in: path, name: id, required: true, schema: {type: string}}]", ""), document("/a/{key}", fine+"parameters: [{in: path, name: key, required: true, schema: {type: string}}]", ""), false, false},
	{"path parameter renamed and made an integer", document("/a/{id}", fine+"parameters: [{in: path, name: id, required: true, schema: {type: string}}]", ""), document("/a/{key}", fine+"parameters: [{in: path, name: key, required: true, schema: {type: integer}}]", ""), true, false},
	{"path parameter of the path renamed", withItem("/a/{id}/b", "id"), withItem("/a/{key}/b", "key"), false, false},
	{"two path parameters renamed", document("/a/{id}/b/{n}", fine+"parameters: [{in: path, name: id, required: true, schema: {type: string}}, {in: path, name: n, required: true, schema: {type: integer}}]", ""), document("/a/{n}/b/{id}", fine+"parameters: [{in: path, name: id, required: true, schema: {type: integer}}, {in: path, name: n, required: true, schema: {type: string}}]", ""), false, false},
	{"path parameter renamed beside another change", document("/a/{id}", responsesOf("{type: object, required: [m], properties: {m: {type: string}}}")+"\nparameters: [{in: path, name: id, required: true, schema: {type: string}}]", ""), document("/a/{key}", responsesOf("{type: object, required: [m], properties: {m: {type: string}, n: {type: string}}}")+"\nparameters: [{in: path, name: key, required: true, schema: {type: string}}]", ""), false, false},
	{"parameter as content", query("schema: {type: string}"), query("content: {application/json: {schema: {type: string}}}"), true, true},

	// Requests.
	{"property required", member("{type: string}"), request("{type: object, required: [m], properties: {m: {type: string}}}"), true, false},
	{"enum narrowed in a request", member("{type: string, enum: [a, b]}"), member("{type: string, enum: [a]}"), true, false},
	{"pattern tightened", member("{type: string}"), member("{type: string, pattern: '^[a-z]+$'}"), true, false},
	{"format demanded", member("{type: string}"), member("{type: string, format: email}"), true, false},
	{"length tightened", member("{type: string, maxLength: 9}"), member("{type: string, maxLength: 5}"), true, false},
	{"minimum raised", member("{type: integer, minimum: 1}"), member("{type: integer, minimum: 2}"), true, false},
	{"bound made exclusive", member("{type: integer, minimum: 1}"), member("{type: integer, minimum: 1, exclusiveMinimum: true}"), true, false},
	{"items bounded", member("{type: array, items: {type: string}}"), member("{type: array, maxItems: 3, items: {type: string}}"), true, false},
	{"items unique", member("{type: array, items: {type: string}}"), member("{type: array, uniqueItems: true, items: {type: string}}"), true, false},
	{"null refused", member("{type: string, nullable: true}"), member("{type: string}"), true, false},
	{"null refused in 3.1", document("/a", fine+"requestBody: {content: {application/json: {schema: {type: [string, 'null']}}}} # 3.1", ""), document("/a", fine+"requestBody: {content: {application/json: {schema: {type: string}}}} # 3.1", ""), true, false},
	{"other properties refused", request("{type: object, properties: {m: {type: string}}}"), request("{type: object, additionalProperties: false, properties: {m: {type: string}}}"), true, false},
	{"other properties typed", request("{type: object, additionalProperties: true}"), request("{type: object, additionalProperties: {type: integer}}"), true, false},
	{"integer for number", member("{type: number}"), member("{type: integer}"), true, false},
	{"default in a request", member("{type: string, default: a}"), member("{type: string, default: b}"), false, false},
	{"media type of a request", request("{type: string}"), strings.ReplaceAll(request("{type: string}"), "application/json", "application/xml"), true, true},
	{"body required", strings.ReplaceAll(request("{type: string}"), "required: true", "required: false"), request("{type: string}"), true, false},
	{"multiple of", member("{type: integer}"), member("{type: integer, multipleOf: 5}"), true, false},
	{"property made read-only", member("{type: string}"), member("{type: string, readOnly: true}"), true, false},
	{"encoding of a form", document("/a", fine+"requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {m: {type: array, items: {type: string}}}}}}}", ""), document("/a", fine+"requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {m: {type: array, items: {type: string}}}}, encoding: {m: {contentType: application/json}}}}}", ""), true, true},
	{"property into a composition", request("{type: object, required: [m], properties: {m: {type: string}, n: {type: integer}}}"), request("{allOf: [{type: object, required: [m], properties: {m: {type: string}}}, {type: object, properties: {n: {type: integer}}}]}"), false, false},
	{"property into a composition, beside others", request("{type: object, required: [m, n], properties: {m: {type: string}, n: {type: integer}}}"), request("{type: object, required: [m], properties: {m: {type: string}}, allOf: [{type: object, required: [n], properties: {n: {type: integer}}}]}"), false, false},
	{"property into a composition, tighter", request("{type: object, properties: {m: {type: string}}}"), request("{type: object, allOf: [{type: object, properties: {m: {type: string, maxLength: 3}}}]}"), true, false},
	{"property of a property into a composition", member("{type: object, properties: {n: {type: integer}}}"), member("{allOf: [{type: object}, {properties: {n: {type: integer}}}]}"), false, false},

	{"a text into a composition", member("{type: string, maxLength: 5}"), member("{allOf: [{type: string}, {maxLength: 5}]}"), false, false},
	{"a text into a composition with a name", member("{type: string, maxLength: 5}"), document("/a", fine+"requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {m: {allOf: [{$ref: '#/components/schemas/Short'}]}}}}}}", "components: {schemas: {Short: {type: string, maxLength: 5}}}"), false, false},
	{"a text that may be null into a composition", document("/a", fine+"requestBody: {content: {application/json: {schema: {type: object, properties: {m: {type: [string, 'null']}}}}}} # 3.1", ""), document("/a", fine+"requestBody: {content: {application/json: {schema: {type: object, properties: {m: {oneOf: [{type: string}, {type: 'null'}]}}}}}} # 3.1", ""), false, false},
	{"required property into a composition of the property", request("{type: object, required: [m], properties: {m: {type: object, required: [n], properties: {n: {type: string}}}}}"), request("{type: object, required: [m], properties: {m: {allOf: [{type: object, properties: {n: {type: string}}}, {required: [n]}]}}}"), false, false},
	{"property of items into a composition", member("{type: array, items: {type: object, required: [n], properties: {n: {type: string}, o: {type: integer}}}}"), member("{type: array, items: {allOf: [{type: object, required: [n], properties: {n: {type: string}}}, {type: object, properties: {o: {type: integer}}}]}}"), false, false},
	{"property into a oneOf of one", request("{type: object, required: [m], properties: {m: {type: string}}}"), request("{type: object, required: [m], oneOf: [{properties: {m: {type: string}}}]}"), false, false},
	{"property into an anyOf of one", request("{type: object, properties: {m: {type: string}, n: {type: string}}}"), request("{type: object, properties: {n: {type: string}}, anyOf: [{type: object, properties: {m: {type: string}}}]}"), false, false},
	{"property into a named part", request("{type: object, required: [m], properties: {m: {type: string}, n: {type: string}}}"), document("/a", fine+"requestBody: {required: true, content: {application/json: {schema: {allOf: [{$ref: '#/components/schemas/P'}, {type: object, properties: {n: {type: string}}}]}}}}", "components: {schemas: {P: {type: object, required: [m], properties: {m: {type: string}}}}}"), false, false},

	// Responses.
	{"enum widened in a response", said("{type: string, enum: [a]}"), said("{type: string, enum: [a, b]}"), true, false},
	{"null in a response", said("{type: string}"), said("{type: string, nullable: true}"), true, false},
	{"property of a response optional", said("{type: string}"), answer("{type: object, properties: {m: {type: string}}}"), true, false},
	{"property of a response removed", said("{type: string}"), answer("{type: object}"), true, false},
	{"required property of a response write-only", said("{type: string}"), said("{type: string, writeOnly: true}"), true, false},
	{"optional property of a response write-only", answer("{type: object, properties: {m: {type: string}}}"), answer("{type: object, properties: {m: {type: string, writeOnly: true}}}"), true, false},
	{"write-only in a composition", answer("{allOf: [{type: object, properties: {m: {type: string}}}]}"), answer("{allOf: [{type: object, properties: {m: {type: string, writeOnly: true}}}]}"), true, false},
	{"type of a response", said("{type: integer}"), said("{type: string}"), true, true},
	{"format of a response", said("{type: string, format: uuid}"), said("{type: string}"), true, false},
	{"bound of a response raised", said("{type: string, maxLength: 5}"), said("{type: string, maxLength: 9}"), true, false},
	{"default in a response", said("{type: string, default: a}"), said("{type: string, default: b}"), false, false},
	{"optional property of a response removed", answer("{type: object, required: [m], properties: {m: {type: string}, n: {type: string}}}"), answer("{type: object, required: [m], properties: {m: {type: string}}}"), false, false},
	{"response header removed", headers("X-Rate: {required: true, schema: {type: integer}}"), headers(""), true, false},
	{"optional response header removed", headers("X-Rate: {schema: {type: integer}}"), headers(""), true, false},
	{"response header optional", headers("X-Rate: {required: true, schema: {type: integer}}"), headers("X-Rate: {schema: {type: integer}}"), true, false},
	{"type of a response header", headers("X-Rate: {schema: {type: integer}}"), headers("X-Rate: {schema: {type: string}}"), true, false},
	{"explode of a response header", headers("X-R: {schema: {type: object, properties: {a: {type: string}}}}"), headers("X-R: {explode: true, schema: {type: object, properties: {a: {type: string}}}}"), true, true},
	{"case of a response header", headers("X-Rate: {schema: {type: integer}}"), headers("x-rate: {schema: {type: integer}}"), false, false},
	{"success removed", responses("'200': {description: x}, '202': {description: x}"), responses("'200': {description: x}"), true, false},
	{"error removed", responses("'200': {description: x}, '404': {description: x}"), responses("'200': {description: x}"), true, false},
	{"error among its class", responses("'200': {description: x}, '404': {description: x}"), responses("'200': {description: x}, '4XX': {description: x}"), false, true},
	{"default response removed", responses("'200': {description: x}, default: {description: x}"), responses("'200': {description: x}"), true, false},
	{"media type of a response removed", answer("{type: string}"), responses("'200': {description: x}"), true, false},
	{"media type of a response added", responses("'200': {description: x, content: {application/json: {schema: {type: string}}}}"), responses("'200': {description: x, content: {application/json: {schema: {type: string}}, text/csv: {schema: {type: string}}}}"), false, true},

	// Security.
	{"a further scheme", security("{a: []}"), security("{a: [], b: []}"), true, true},
	{"an alternative removed", security(twoWays), security("{a: []}"), true, true},
	{"order of alternatives", security(twoWays), security("{b: []}, {a: []}"), false, false},
	{"scope added", security("{o: [r]}"), security("{o: [r, w]}"), true, true},
	{"made open", security("{a: []}"), security(""), true, true},

	// Discriminators and compositions.
	{"mapping changed in a response", pet("response", mapping("cat", "dog")), pet("response", mapping("katze", "dog")), true, true},
	{"mapping swapped", pet("response", mapping("cat", "dog")), pet("response", ", discriminator: {propertyName: kind, mapping: {cat: '#/components/schemas/Dog', dog: '#/components/schemas/Cat'}}"), true, true},
	{"mapping changed in a request", pet("request", mapping("cat", "dog")), pet("request", mapping("katze", "dog")), true, true},
	{"mapping that says what the names say", pet("request", ", discriminator: {propertyName: kind}"), pet("request", mapping("Cat", "Dog")), false, false},
	{"discriminator's property", pet("response", ", discriminator: {propertyName: kind}"), pet("response", ", discriminator: {propertyName: purrs}"), true, true},
	{"order of a oneOf", pet("response", ""), strings.Replace(pet("response", ""), "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]", "oneOf: [{$ref: '#/components/schemas/Dog'}, {$ref: '#/components/schemas/Cat'}]", 1), false, false},
	{"branch added in a response", answer("{oneOf: [{type: string}, {type: integer}]}"), answer("{oneOf: [{type: string}, {type: integer}, {type: boolean}]}"), true, false},
	{"branch removed in a request", request("{oneOf: [{type: string}, {type: integer}]}"), request("{oneOf: [{type: string}]}"), true, false},

	{"a tree of either, unchanged but for a title", tree("", ""), tree("title: y, ", ""), false, false},
	{"a tree of either, order of the branches", tree("", ""), strings.Replace(tree("", ""), "oneOf: [{$ref: '#/components/schemas/Leaf'}, {$ref: '#/components/schemas/Branch'}]", "oneOf: [{$ref: '#/components/schemas/Branch'}, {$ref: '#/components/schemas/Leaf'}]", 1), false, false},
	{"a tree of either, with a mapping", tree("", ", discriminator: {propertyName: kind, mapping: {l: Leaf, b: Branch}}"), tree("", ", discriminator: {propertyName: kind, mapping: {l: Leaf, c: Branch}}"), true, true},
	{"a tree of either, a property deep in it", tree("", ""), strings.Replace(tree("", ""), "text: {type: string}", "text: {type: string, writeOnly: true}", 1), true, false},

	// Callbacks and webhooks.
	{"callback sends a property more", callback("{type: object}"), callback("{type: object, properties: {m: {type: string}}}"), false, false},
	{"callback to another address", callback("{type: object}"), strings.Replace(callback("{type: object}"), "'{$request.body#/url}'", "'{$request.body#/url}/x'", 1), false, false},
	{"webhook removed", document("/a", fine+"# 3.1", "webhooks: {w: {post: {responses: {'200': {description: x}}}}}"), document("/a", fine+"# 3.1", ""), true, false},
	{"webhook's enum widened", document("/a", fine+"# 3.1", "webhooks: {w: {post: {requestBody: {content: {application/json: {schema: {type: string, enum: [a]}}}}, responses: {'200': {description: x}}}}}"), document("/a", fine+"# 3.1", "webhooks: {w: {post: {requestBody: {content: {application/json: {schema: {type: string, enum: [a, b]}}}}, responses: {'200': {description: x}}}}}"), true, false},
	{"callback's body", callback("{type: object, properties: {m: {type: string}}, required: [m]}"), callback("{type: object, properties: {m: {type: string}}}"), true, false},
	{"callback removed", callback("{type: string}"), document("/a", fine, ""), true, false},
}

// tree is an answer that leads back to itself through a choice.
func tree(title, discriminator string) string {
	return document("/a", "responses: {'200': {description: x, content: {application/json: {schema: {$ref: '#/components/schemas/Node'}}}}}", `components:
  schemas:
    Node: {`+title+`oneOf: [{$ref: '#/components/schemas/Leaf'}, {$ref: '#/components/schemas/Branch'}]`+discriminator+`}
    Leaf: {type: object, required: [kind], properties: {kind: {type: string}, text: {type: string}}}
    Branch: {type: object, required: [kind, left], properties: {kind: {type: string}, left: {$ref: '#/components/schemas/Node'}, right: {$ref: '#/components/schemas/Node'}, more: {type: array, items: {$ref: '#/components/schemas/Node'}}}}
`)
}

func callback(schema string) string {
	return document("/a", fine+"callbacks: {done: {'{$request.body#/url}': {post: {requestBody: {content: {application/json: {schema: "+schema+"}}}, responses: {'200': {description: x}}}}}}", "")
}

func TestKindsOfBreaks(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			a, b := parsed(t, k.a), parsed(t, k.b)
			for direction, want := range map[string]bool{"there": k.there, "back": k.back} {
				before, now := a, b
				if direction == "back" {
					before, now = b, a
				}
				list, err := Breaking(before, now, "X-CSRF-Token")
				if err != nil {
					t.Fatalf("%s: %v", direction, err)
				}
				if (len(list) > 0) != want {
					t.Errorf("%s: breaking %v, want %v: %+v", direction, len(list) > 0, want, list)
				}
			}
		})
	}
}

func parsed(t testing.TB, content string) *Doc {
	t.Helper()
	d, err := Parse([]byte(content), true)
	if err != nil {
		t.Fatalf("%v in\n%s", err, content)
	}
	return d
}

// Only what is really large is too entangled: choices of the same few schemas
// in turn, forty levels deep, are not.
func TestTheSizeThatIsTooEntangled(t *testing.T) {
	doc := func(levels int, last string) *Doc {
		var b strings.Builder
		b.WriteString("openapi: 3.0.3\npaths: {/a: {get: {responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/S0'}}}}}}}}\ncomponents:\n  schemas:\n")
		for i := range levels {
			fmt.Fprintf(&b, "    S%d: {oneOf: [{type: string}, {type: object, properties: {a: {$ref: '#/components/schemas/S%d'}}}, {type: array, items: {$ref: '#/components/schemas/S%d'}}]}\n", i, i+1, i+1)
		}
		fmt.Fprintf(&b, "    S%d: {type: %s}\n", levels, last)
		return parsed(t, b.String())
	}
	if list, err := Compare(doc(40, "string"), doc(40, "string")); err != nil || len(list) > 0 {
		t.Errorf("forty levels: %v %v", err, list)
	}
	if list, err := Compare(doc(40, "string"), doc(40, "integer")); err != nil || len(list) == 0 {
		t.Errorf("forty levels with another end: %v %v", err, list)
	}
	for _, levels := range []int{MaxLevels + 1, MaxSchemas / 7} {
		if _, err := Compare(doc(levels, "string"), doc(levels, "string")); !errors.Is(err, ErrComplex) || !strings.Contains(err.Error(), "20000 schemas, 200 levels") {
			t.Errorf("%d levels: %v, want a refusal that states the size", levels, err)
		}
	}
}
