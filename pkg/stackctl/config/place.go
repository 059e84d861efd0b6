package config

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

var (
	yamlLine   = regexp.MustCompile(`(?:yaml: )?line (\d+): (.*)`)
	wrongType  = regexp.MustCompile(`expected type '([^']+)', got unconvertible type '([^']+)'(, value: .*)?`)
	namedField = regexp.MustCompile(`^'([^']+)' (.*)`)
)

// yamlError takes the line out of a YAML error's text.
func yamlError(err error) (int, string) {
	text := strings.TrimPrefix(err.Error(), "While parsing config: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n, m[2]
	}
	return 0, strings.TrimPrefix(text, "yaml: ")
}

// explain finds the place in the file that a decoding error speaks of.
func (d document) explain(err error) error {
	text := plainTypes(firstProblem(err))
	if m := namedField.FindStringSubmatch(text); m != nil {
		if name := variableOf(path(m[1])...); name != "" {
			return stack.Usage(name, 0, fmt.Sprintf("%s %s", m[1], m[2]), "correct the environment variable, or unset it")
		}
		return stack.Usage(d.name, d.line(path(m[1])...), fmt.Sprintf("%s %s", m[1], m[2]), "see docs/configuration.md")
	}
	return stack.Usage(d.name, 0, text, "see docs/configuration.md")
}

// unlike is what the decoder says of values that are not of the shape that it wants.
var unlike = map[string]string{
	"expected a map or struct, got":              "must be keys with values",
	"source data must be an array or slice, got": "must be a list",
	"cannot parse value as 'int'":                "must be a whole number",
	"cannot parse value as 'bool'":               "must be true or false",
}

// plainTypes says in the words of YAML what the decoder says in Go's.
func plainTypes(text string) string {
	for said, meant := range unlike {
		if strings.Contains(text, said) {
			name, _, _ := strings.Cut(text, said)
			return name + meant
		}
	}
	return wrongType.ReplaceAllStringFunc(text, func(said string) string {
		m := wrongType.FindStringSubmatch(said)
		return "is " + yamlType(m[2]) + "; it must be " + yamlType(m[1])
	})
}

func yamlType(name string) string {
	switch {
	case strings.HasPrefix(name, "[]"):
		return "a list"
	case strings.HasPrefix(name, "map["), strings.HasPrefix(name, "stack."):
		return "keys with values"
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "uint"):
		return "a whole number"
	}
	switch name {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "float64":
		return "a number"
	case "time.Duration":
		return "a duration such as 10s"
	}
	return name
}

// variableOf names the environment variable that gives a setting its value;
// empty: the file does, or the default.
func variableOf(keys ...string) string {
	name := "STACKCTL_" + strings.ToUpper(strings.Join(keys, "_"))
	if _, ours := defaults()[strings.Join(keys, ".")]; !ours || os.Getenv(name) == "" {
		return ""
	}
	return name
}

// firstProblem is the first line of a decoding error that names a field.
func firstProblem(err error) string {
	text := err.Error()
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "* "))
		if strings.HasPrefix(line, "'") {
			return line
		}
	}
	return text
}

func under(parent string) string {
	if parent == "" {
		return ""
	}
	return " under " + parent
}

// path splits mapstructure's notation: gates.health[2].path, targets[prod].host.
func path(name string) []string {
	name = strings.TrimPrefix(name, "stack.Config")
	name = strings.NewReplacer("[", ".", "]", "").Replace(name)
	return strings.FieldsFunc(name, func(r rune) bool { return r == '.' })
}

// secondDocument is the line where a second document begins; 0: there is none.
func secondDocument(raw []byte) int {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var first, second yaml.Node
	if dec.Decode(&first) != nil || dec.Decode(&second) != nil {
		return 0
	}
	return max(1, second.Line)
}

// known refuses keys that no setting has. Viper would pass over one whose value
// is empty.
func (d document) known(node *yaml.Node, t reflect.Type, parent string) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case node.Kind == yaml.AliasNode:
		return d.known(node.Alias, t, parent)
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range node.Content {
			if err := d.known(item, t.Elem(), parent); err != nil {
				return err
			}
		}
	case node.Kind == yaml.MappingNode && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		lines := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if key.Value == "<<" {
				continue
			}
			// YAML tells Host from host; a setting's name does not.
			folded := strings.ToLower(key.Value)
			if before := lines[folded]; before > 0 && !keepsCase(t, parent) {
				return stack.Usage(d.name, key.Line, fmt.Sprintf("key %q%s stands at line %d already", key.Value, under(parent), before), "keep one of them")
			}
			lines[folded] = key.Line
			next, ok := member(t, key.Value)
			if !ok {
				return stack.Usage(d.name, key.Line, fmt.Sprintf("unknown key %q%s", key.Value, under(parent)), keyFix(t, key.Value))
			}
			if err := d.known(value, next, key.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepsCase reports whether the keys of a mapping are names of their own: those of
// variables are.
func keepsCase(t reflect.Type, parent string) bool {
	return t.Kind() == reflect.Map && (parent == "env" || parent == "secrets")
}

// member is the type of a key's value: of a struct's field, or of any entry of a map.
func member(t reflect.Type, key string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("mapstructure")
		if name == ",squash" {
			if inner, ok := member(t.Field(i).Type, key); ok {
				return inner, true
			}
		}
		if name != "-" && strings.EqualFold(name, key) {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}

func (d document) line(keys ...string) int {
	node := d.node
	line := 0
	for _, k := range keys {
		key, next := child(node, k)
		if next == nil {
			break
		}
		node, line = next, key.Line
	}
	return line
}

// find walks the document to a key's value.
func (d document) find(keys ...string) *yaml.Node {
	node := d.node
	for _, k := range keys {
		_, node = child(node, k)
		if node == nil {
			return nil
		}
	}
	return node
}

// child finds a key in a mapping, or an index in a sequence, ignoring case.
func child(node *yaml.Node, key string) (at, value *yaml.Node) {
	if node == nil {
		return nil, nil
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if strings.EqualFold(node.Content[i].Value, key) {
				return node.Content[i], node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if n, err := strconv.Atoi(key); err == nil && n >= 0 && n < len(node.Content) {
			return node.Content[n], node.Content[n]
		}
	}
	return nil, nil
}
