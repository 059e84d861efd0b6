package traefik

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"gopkg.in/yaml.v3"
)

// StaticPlaces are where Traefik looks for its static file, in its order.
func StaticPlaces(argv []string, env map[string]string) []string {
	flags := ParseFlags(argv)
	for _, named := range []string{flags.Text("configFile"), ParseEnv(env).Text("configFile")} {
		if named != "" {
			return []string{path.Clean("/" + named)}
		}
	}
	return []string{"/etc/traefik/traefik.toml", "/etc/traefik/traefik.yaml", "/etc/traefik/traefik.yml"}
}

// Flat returns every setting by its whole name, in lower case: Traefik's keys are
// case-insensitive, and what differs in the case of a name alone is judged
// where names matter.
func (n *Node) Flat() map[string]string {
	out := map[string]string{}
	n.Walk(func(at []string, n *Node) {
		key := strings.ToLower(strings.Join(at, "."))
		switch {
		case len(n.Items) > 0:
			out[key] = strings.Join(n.Items, ", ")
		case len(n.Kids) == 0:
			out[key] = n.Value
		}
	})
	return out
}

// Differing names the settings that are not the same in two trees.
func Differing(want, have map[string]string) []string {
	var out []string
	for k, v := range want {
		if now, there := have[k]; !there {
			out = append(out, k+" is gone")
		} else if now != v {
			out = append(out, k+" is another")
		}
	}
	for k := range have {
		if _, wanted := want[k]; !wanted {
			out = append(out, k+" was added")
		}
	}
	slices.Sort(out)
	return out
}

// Bounds of what is read of one Traefik source.
const (
	maxBytes = 4 << 20
	MaxNodes = 200_000
	maxDepth = 64
)

// Node is one setting of a Traefik configuration, whatever source it came
// from. Traefik's keys are case-insensitive; names keep their case because
// routers, resolvers and the like are named by map keys.
type Node struct {
	Name  string
	Value string   // a scalar
	Items []string // a list of scalars
	Kids  []*Node
	Line  int
	null  bool
}

// Find returns all settings at a path; there can be several where keys differ
// in case only.
func (n *Node) Find(keys ...string) []*Node {
	if n == nil {
		return nil
	}
	if len(keys) == 0 {
		return []*Node{n}
	}
	var out []*Node
	key, rest := keys[0], keys[1:]
	for _, k := range n.Kids {
		if strings.EqualFold(k.Name, key) {
			out = append(out, k.Find(rest...)...)
		}
	}
	return out
}

// First returns the first setting at a path, or nil.
func (n *Node) First(keys ...string) *Node {
	if found := n.Find(keys...); len(found) > 0 {
		return found[0]
	}
	return nil
}

// Text returns the scalar at a path.
func (n *Node) Text(keys ...string) string {
	if f := n.First(keys...); f != nil {
		return f.Value
	}
	return ""
}

// Truth returns the boolean at a path. The last word of several wins for true:
// a switch that is on anywhere counts as on.
func (n *Node) Truth(keys ...string) bool {
	return slices.ContainsFunc(n.Find(keys...), func(f *Node) bool {
		on, _ := strconv.ParseBool(strings.ToLower(f.Value))
		return on || strings.EqualFold(f.Value, "yes") || strings.EqualFold(f.Value, "on")
	})
}

// List returns the list at a path; flags and variables write lists with commas.
func (n *Node) List(keys ...string) []string {
	var out []string
	for _, f := range n.Find(keys...) {
		out = append(out, f.Items...)
		for _, k := range f.Kids { // name[0]=value
			if k.Value != "" && (strings.HasPrefix(k.Name, "[") || isNumber(k.Name)) {
				out = append(out, k.Value)
			}
		}
		if f.Value != "" {
			for v := range strings.SplitSeq(f.Value, ",") {
				out = append(out, strings.TrimSpace(v))
			}
		}
	}
	return out
}

// Walk visits every setting below n with its path.
func (n *Node) Walk(visit func(at []string, n *Node)) { n.descend(nil, visit) }

func (n *Node) descend(at []string, visit func([]string, *Node)) {
	for _, k := range n.Kids {
		below := append(slices.Clone(at), k.Name)
		visit(below, k)
		k.descend(below, visit)
	}
}

// put adds a value at a path given as flags and variables write it.
func (n *Node) put(keys []string, value string) {
	for _, k := range keys {
		next := n.First(k)
		if next == nil {
			next = &Node{Name: k}
			n.Kids = append(n.Kids, next)
		}
		n = next
	}
	n.Value = value
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// Source is one place that Traefik could take its static configuration from.
type Source struct {
	Kind  string // "file", "flags", "environment"
	Where string // the file, or the service
	Root  *Node
}

// ParseFile reads a Traefik file as Traefik does: by its extension, TOML,
// or YAML (which holds JSON).
func ParseFile(name string, content []byte) (*Node, error) {
	if len(content) > maxBytes {
		return nil, fmt.Errorf("%d bytes are more than the %d that are read", len(content), maxBytes)
	}
	if strings.EqualFold(path.Ext(name), ".toml") {
		return parseTOML(content)
	}
	return parseYAML(content)
}

func parseTOML(content []byte) (*Node, error) {
	var doc map[string]any
	if err := toml.Unmarshal(content, &doc); err != nil {
		return nil, err
	}
	b := Builder{Left: MaxNodes, text: string(content)}
	root := &Node{}
	return root, b.FromMap(root, doc, 0)
}

func parseYAML(content []byte) (*Node, error) {
	// The decoder refuses what Traefik would refuse: duplicate keys, cycles,
	// aliases that grow without bound.
	var doc map[string]any
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return nil, err
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(content, &tree); err != nil {
		return nil, err
	}
	root := &Node{Line: 1}
	if len(tree.Content) == 0 {
		return root, nil
	}
	b := Builder{Left: MaxNodes}
	return root, b.fromYAML(root, tree.Content[0], 0)
}

// Builder makes a tree of bounded size.
type Builder struct {
	Left int
	text string
}

func (b *Builder) spend(depth int) error {
	b.Left--
	if b.Left < 0 || depth > maxDepth {
		return fmt.Errorf("more than %d settings or %d levels", MaxNodes, maxDepth)
	}
	return nil
}

func (b *Builder) fromYAML(into *Node, y *yaml.Node, depth int) error {
	if err := b.spend(depth); err != nil {
		return err
	}
	switch y.Kind {
	case yaml.AliasNode:
		return b.fromYAML(into, y.Alias, depth+1)
	case yaml.ScalarNode:
		into.Value, into.null = y.Value, y.Tag == "!!null"
		if into.null {
			into.Value = ""
		}
	case yaml.SequenceNode:
		for i, item := range y.Content {
			kid := &Node{Name: "[" + strconv.Itoa(i) + "]", Line: item.Line}
			if err := b.fromYAML(kid, item, depth+1); err != nil {
				return err
			}
			into.addItem(kid)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(y.Content); i += 2 {
			key, value := y.Content[i], y.Content[i+1]
			if key.Tag == "!!merge" {
				if err := b.merge(into, value, depth); err != nil {
					return err
				}
				continue
			}
			kid := &Node{Name: key.Value, Line: key.Line}
			if err := b.fromYAML(kid, value, depth+1); err != nil {
				return err
			}
			into.override(kid)
		}
	}
	return nil
}

// merge adds the keys of a `<<` that the mapping itself does not have.
func (b *Builder) merge(into *Node, from *yaml.Node, depth int) error {
	list := []*yaml.Node{from}
	if from.Kind == yaml.SequenceNode {
		list = from.Content
	}
	for _, y := range list {
		other := &Node{}
		if err := b.fromYAML(other, y, depth+1); err != nil {
			return err
		}
		for _, k := range other.Kids {
			if !slices.ContainsFunc(into.Kids, func(h *Node) bool { return h.Name == k.Name }) {
				into.Kids = append(into.Kids, k)
			}
		}
	}
	return nil
}

// override replaces a merged key; keys that differ in case stay side by side.
func (n *Node) override(kid *Node) {
	for i, k := range n.Kids {
		if k.Name == kid.Name {
			n.Kids[i] = kid
			return
		}
	}
	n.Kids = append(n.Kids, kid)
}

func (n *Node) addItem(kid *Node) {
	if len(kid.Kids) == 0 && len(kid.Items) == 0 {
		n.Items = append(n.Items, kid.Value)
		return
	}
	n.Kids = append(n.Kids, kid)
}

// FromMap adds the settings of a decoded document below into.
func (b *Builder) FromMap(into *Node, doc map[string]any, depth int) error {
	names := make([]string, 0, len(doc))
	for k := range doc {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		kid := &Node{Name: k, Line: LineOf(b.text, k)}
		if err := b.fromAny(kid, doc[k], depth+1); err != nil {
			return err
		}
		into.Kids = append(into.Kids, kid)
	}
	return nil
}

func (b *Builder) fromAny(into *Node, value any, depth int) error {
	if err := b.spend(depth); err != nil {
		return err
	}
	switch v := value.(type) {
	case map[string]any:
		return b.FromMap(into, v, depth)
	case []any:
		for i, item := range v {
			kid := &Node{Name: "[" + strconv.Itoa(i) + "]", Line: into.Line}
			if err := b.fromAny(kid, item, depth+1); err != nil {
				return err
			}
			into.addItem(kid)
		}
	case nil:
		into.null = true
	default:
		into.Value = fmt.Sprint(v)
	}
	return nil
}

// LineOf is the line where a word first stands; 0 where it does not.
func LineOf(text, word string) int {
	i := strings.Index(text, word)
	if i < 0 || word == "" {
		return 0
	}
	return 1 + strings.Count(text[:i], "\n")
}
