package config_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/stack"
)

// enums are the values that some settings are limited to.
var enums = map[string][]any{
	"Config.policy": {"standard", "strict"}, "ACME.policy": {"staging", "public"}, "RouteSpec.guard": {"", "staff"}, "RouteSpec.scheme": {"", "http", "https", "h2c"},
	"BackupPlace.as": {"postgresql", "mysql", "redis", "files", "none"}, "BackupPlace.while": {"running", "paused", "stopped"},
}

// maker makes a schema of the types, with what their comments say.
type maker struct{ comments map[string]string }

func (m maker) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`, "examples": []any{"10s", "5m", "1h"}}
	case t.Kind() == reflect.Pointer:
		return m.of(t.Elem())
	case t.Kind() == reflect.Struct:
		out := map[string]any{"type": "object", "additionalProperties": false}
		properties := map[string]any{}
		m.fields(t, properties)
		out["properties"] = properties
		return out
	}
	switch t.Kind() {
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": m.of(t.Elem())}
	case reflect.Slice:
		list := map[string]any{"type": "array", "items": m.of(t.Elem())}
		if t.Elem().Kind() == reflect.String || t.Elem().Kind() == reflect.Int {
			return map[string]any{"anyOf": []any{list, m.of(t.Elem())}} // one alone stands for a list of one
		}
		return list
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": "string"}
	}
	return map[string]any{}
}

func (m maker) fields(t reflect.Type, into map[string]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("mapstructure")
		switch name {
		case ",squash":
			m.fields(f.Type, into)
			continue
		case "", "-":
			continue
		}
		one := m.of(f.Type)
		if values := enums[t.Name()+"."+name]; values != nil {
			one["enum"] = values
		}
		if about := m.comments[t.Name()+"."+f.Name]; about != "" {
			one["description"] = about
		}
		into[name] = one
	}
}

// comments are those of the fields, by TYPE.FIELD.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob("../stack/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no sources", err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if of, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range of.Fields.List {
					for _, name := range f.Names {
						out[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return out
}

// TestTheSchemaIsOfTheTypes holds that schema.json is as the types make it;
// UPDATE=1 writes it anew.
func TestTheSchemaIsOfTheTypes(t *testing.T) {
	made := maker{comments(t)}.of(reflect.TypeFor[stack.Config]())
	made["$schema"], made["title"] = "https://json-schema.org/draft/2020-12/schema", "stackctl.yaml"
	made["required"] = []any{"project"}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "") // the program carries it
	if err := enc.Encode(made); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("schema.json", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(b.Bytes(), config.Schema()) {
		t.Error("schema.json is not as the types make it: UPDATE=1 go test -run TheSchemaIsOfTheTypes ./pkg/stackctl/config")
	}
}

func TestTheSchemaTakesWhatStackctlTakes(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("stackctl.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("stackctl.json")
	if err != nil {
		t.Fatal(err)
	}
	judge := func(raw []byte) error {
		var v any
		if err := yaml.Unmarshal(raw, &v); err != nil {
			return err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return err
		}
		return compiled.Validate(instance)
	}
	own, err := os.ReadFile("../../../stackctl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := judge(own); err != nil {
		t.Errorf("this repository's own: %v", err)
	}
	written := config.Write(stack.Config{Project: "shop", Policy: stack.PolicyStandard, Compose: stack.Compose{Files: []string{"compose.yaml"}},
		Targets: map[string]stack.Target{"production": {Host: "203.0.113.7", Domain: "example.org"}}, Routes: []stack.RouteSpec{{Service: "web", Port: 80, Strip: true, Path: "/x"}}})
	if err := judge(written); err != nil {
		t.Errorf("what init writes: %v", err)
	}
	for _, bad := range []string{"projekt: x", "project: x\npolicy: lax", "project: x\nroutes: [{service: web, port: http}]", "project: x\ntimeouts: {start: 10}"} {
		if judge([]byte(bad)) == nil {
			t.Errorf("it takes %q", bad)
		}
	}
}
