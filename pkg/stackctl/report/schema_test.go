package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"stackctl/pkg/stackctl/stack"
)

// published is where readers of report.json find its schema.
var published = filepath.Join("..", "..", "..", "docs", "schema", "report.schema.json")

// words are the values that a kind of text may have.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[stack.Verdict](): {"good", "gate-failed", "could-not-judge", "step-failed", "refused", "interrupted"},
	reflect.TypeFor[stack.Status]():  {"passed", "failed", "could-not-judge", "skipped"},
	reflect.TypeFor[stack.Phase]():   {"", "static", "pre-switch", "post-switch"},
}

// schemaOf describes a Go type; every member that is not omitted when empty
// is required, and no other member is known.
func schemaOf(t reflect.Type, defs map[string]any) any {
	if values, ok := enums[t]; ok {
		return map[string]any{"enum": values}
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "integer", "description": "nanoseconds"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), defs)
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), defs)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), defs)}
	case reflect.Struct:
		name := strings.ToLower(t.Name()[:1]) + t.Name()[1:]
		if _, ok := defs[name]; !ok {
			defs[name] = nil // a type may hold itself
			defs[name] = object(t, defs)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	}
	panic("no schema for " + t.String())
}

func object(t reflect.Type, defs map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	members(t, func(name string, omit bool, typ reflect.Type) {
		properties[name] = schemaOf(typ, defs)
		if !omit {
			required = append(required, name)
		}
	})
	return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func members(t reflect.Type, each func(name string, omit bool, typ reflect.Type)) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			members(f.Type, each)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "-" {
			each(name, strings.Contains(options, "omitempty"), f.Type)
		}
	}
}

func TestPublishedSchemaIsThatOfTheReport(t *testing.T) {
	defs := map[string]any{}
	root := object(reflect.TypeFor[document](), defs)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = SchemaID
	root["title"] = "report.json of a stackctl run"
	root["$defs"] = defs
	got, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(published), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(published, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale; run go test ./pkg/stackctl/report -update\n%s", published, firstDifference(got, want))
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(published)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryReportFitsTheSchema(t *testing.T) {
	schema := compiled(t)
	all := samples()
	all["empty"] = stack.Report{Verdict: stack.VerdictRefused}
	for name, r := range all {
		content, err := JSON(r)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefusesWhatIsNoReport(t *testing.T) {
	schema := compiled(t)
	good, err := JSON(good())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"unknown member":  func(m map[string]any) { m["more"] = 1 },
		"missing verdict": func(m map[string]any) { delete(m, "verdict") },
		"unknown verdict": func(m map[string]any) { m["verdict"] = "fine" },
		"text as a count": func(m map[string]any) { m["exit_code"] = "0" },
	} {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		if schema.Validate(m) == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
