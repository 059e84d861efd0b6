package gate

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"gopkg.in/yaml.v3"
)

// Bounds of what is read of one Traefik source.
const (
	edgeMaxBytes = 4 << 20
	edgeMaxNodes = 200_000
	edgeMaxDepth = 64
)

// edgeNode is one setting of a Traefik configuration, whatever source it came
// from. Traefik's keys are case-insensitive; names keep their case because
// routers, resolvers and the like are named by map keys.
type edgeNode struct {
	name  string
	value string   // a scalar
	items []string // a list of scalars
	kids  []*edgeNode
	line  int
	null  bool
}

// find gives all settings at a path; there can be several where keys differ
// in case only.
func (n *edgeNode) find(keys ...string) []*edgeNode {
	if n == nil {
		return nil
	}
	if len(keys) == 0 {
		return []*edgeNode{n}
	}
	var out []*edgeNode
	key, rest := keys[0], keys[1:]
	for _, k := range n.kids {
		if strings.EqualFold(k.name, key) {
			out = append(out, k.find(rest...)...)
		}
	}
	return out
}

// first gives the first setting at a path, or nil.
func (n *edgeNode) first(keys ...string) *edgeNode {
	if found := n.find(keys...); len(found) > 0 {
		return found[0]
	}
	return nil
}

// text gives the scalar at a path.
func (n *edgeNode) text(keys ...string) string {
	if f := n.first(keys...); f != nil {
		return f.value
	}
	return ""
}

// truth gives the boolean at a path. The last word of several wins for true:
// a switch that is on anywhere counts as on.
func (n *edgeNode) truth(keys ...string) bool {
	return slices.ContainsFunc(n.find(keys...), func(f *edgeNode) bool {
		on, _ := strconv.ParseBool(strings.ToLower(f.value))
		return on || strings.EqualFold(f.value, "yes") || strings.EqualFold(f.value, "on")
	})
}

// list gives the list at a path; flags and variables write lists with commas.
func (n *edgeNode) list(keys ...string) []string {
	var out []string
	for _, f := range n.find(keys...) {
		out = append(out, f.items...)
		for _, k := range f.kids { // name[0]=value
			if k.value != "" && (strings.HasPrefix(k.name, "[") || isNumber(k.name)) {
				out = append(out, k.value)
			}
		}
		if f.value != "" {
			for v := range strings.SplitSeq(f.value, ",") {
				out = append(out, strings.TrimSpace(v))
			}
		}
	}
	return out
}

// walk visits every setting below n with its path.
func (n *edgeNode) walk(visit func(at []string, n *edgeNode)) { n.descend(nil, visit) }

func (n *edgeNode) descend(at []string, visit func([]string, *edgeNode)) {
	for _, k := range n.kids {
		below := append(slices.Clone(at), k.name)
		visit(below, k)
		k.descend(below, visit)
	}
}

// put adds a value at a path given as flags and variables write it.
func (n *edgeNode) put(keys []string, value string) {
	for _, k := range keys {
		next := n.first(k)
		if next == nil {
			next = &edgeNode{name: k}
			n.kids = append(n.kids, next)
		}
		n = next
	}
	n.value = value
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// edgeSource is one place that Traefik could take its static configuration from.
type edgeSource struct {
	kind  string // "file", "flags", "environment"
	where string // the file, or the service
	root  *edgeNode
}

// parseEdgeFile reads a Traefik file as Traefik does: by its extension, TOML,
// or YAML (which holds JSON).
func parseEdgeFile(name string, content []byte) (*edgeNode, error) {
	if len(content) > edgeMaxBytes {
		return nil, fmt.Errorf("%d bytes are more than the %d that are read", len(content), edgeMaxBytes)
	}
	if strings.EqualFold(path.Ext(name), ".toml") {
		return parseEdgeTOML(content)
	}
	return parseEdgeYAML(content)
}

func parseEdgeTOML(content []byte) (*edgeNode, error) {
	var doc map[string]any
	if err := toml.Unmarshal(content, &doc); err != nil {
		return nil, err
	}
	b := edgeBuilder{left: edgeMaxNodes, text: string(content)}
	root := &edgeNode{}
	return root, b.fromMap(root, doc, 0)
}

func parseEdgeYAML(content []byte) (*edgeNode, error) {
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
	root := &edgeNode{line: 1}
	if len(tree.Content) == 0 {
		return root, nil
	}
	b := edgeBuilder{left: edgeMaxNodes}
	return root, b.fromYAML(root, tree.Content[0], 0)
}

// edgeBuilder makes a tree of bounded size.
type edgeBuilder struct {
	left int
	text string
}

func (b *edgeBuilder) spend(depth int) error {
	b.left--
	if b.left < 0 || depth > edgeMaxDepth {
		return fmt.Errorf("more than %d settings or %d levels", edgeMaxNodes, edgeMaxDepth)
	}
	return nil
}

func (b *edgeBuilder) fromYAML(into *edgeNode, y *yaml.Node, depth int) error {
	if err := b.spend(depth); err != nil {
		return err
	}
	switch y.Kind {
	case yaml.AliasNode:
		return b.fromYAML(into, y.Alias, depth+1)
	case yaml.ScalarNode:
		into.value, into.null = y.Value, y.Tag == "!!null"
		if into.null {
			into.value = ""
		}
	case yaml.SequenceNode:
		for i, item := range y.Content {
			kid := &edgeNode{name: "[" + strconv.Itoa(i) + "]", line: item.Line}
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
			kid := &edgeNode{name: key.Value, line: key.Line}
			if err := b.fromYAML(kid, value, depth+1); err != nil {
				return err
			}
			into.override(kid)
		}
	}
	return nil
}

// merge adds the keys of a `<<` that the mapping itself does not have.
func (b *edgeBuilder) merge(into *edgeNode, from *yaml.Node, depth int) error {
	list := []*yaml.Node{from}
	if from.Kind == yaml.SequenceNode {
		list = from.Content
	}
	for _, y := range list {
		other := &edgeNode{}
		if err := b.fromYAML(other, y, depth+1); err != nil {
			return err
		}
		for _, k := range other.kids {
			if !slices.ContainsFunc(into.kids, func(h *edgeNode) bool { return h.name == k.name }) {
				into.kids = append(into.kids, k)
			}
		}
	}
	return nil
}

// override replaces a merged key; keys that differ in case stay side by side.
func (n *edgeNode) override(kid *edgeNode) {
	for i, k := range n.kids {
		if k.name == kid.name {
			n.kids[i] = kid
			return
		}
	}
	n.kids = append(n.kids, kid)
}

func (n *edgeNode) addItem(kid *edgeNode) {
	if len(kid.kids) == 0 && len(kid.items) == 0 {
		n.items = append(n.items, kid.value)
		return
	}
	n.kids = append(n.kids, kid)
}

func (b *edgeBuilder) fromMap(into *edgeNode, doc map[string]any, depth int) error {
	names := make([]string, 0, len(doc))
	for k := range doc {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		kid := &edgeNode{name: k, line: lineOfWord(b.text, k)}
		if err := b.fromAny(kid, doc[k], depth+1); err != nil {
			return err
		}
		into.kids = append(into.kids, kid)
	}
	return nil
}

func (b *edgeBuilder) fromAny(into *edgeNode, value any, depth int) error {
	if err := b.spend(depth); err != nil {
		return err
	}
	switch v := value.(type) {
	case map[string]any:
		return b.fromMap(into, v, depth)
	case []any:
		for i, item := range v {
			kid := &edgeNode{name: "[" + strconv.Itoa(i) + "]", line: into.line}
			if err := b.fromAny(kid, item, depth+1); err != nil {
				return err
			}
			into.addItem(kid)
		}
	case nil:
		into.null = true
	default:
		into.value = fmt.Sprint(v)
	}
	return nil
}

// lineOfWord is the line where a word first stands; 0 where it does not.
func lineOfWord(text, word string) int {
	i := strings.Index(text, word)
	if i < 0 || word == "" {
		return 0
	}
	return 1 + strings.Count(text[:i], "\n")
}

// parseEdgeFlags reads Traefik's flags out of a command line. A shell's
// `-c "traefik --flag"` is taken apart as well. What is no flag is passed
// over: a setting counts wherever it stands.
func parseEdgeFlags(argv []string) *edgeNode {
	root := &edgeNode{}
	words := shellWords(argv)
	for i := 0; i < len(words); i++ {
		name := strings.TrimLeft(words[i], "-")
		if name == words[i] || name == "" {
			continue
		}
		name, value, given := strings.Cut(name, "=")
		switch {
		case given:
		case edgeSwitch(name) || i+1 >= len(words) || strings.HasPrefix(words[i+1], "-"):
			value = "true"
		default:
			i++
			value = words[i]
		}
		root.put(edgeKeys(name), value)
	}
	return root
}

// edgeKeys splits a.b[0].c into its keys.
func edgeKeys(name string) []string {
	name = strings.ReplaceAll(name, "[", ".[")
	return slices.DeleteFunc(strings.Split(name, "."), func(k string) bool { return k == "" })
}

// edgeSwitches are the last keys of flags that take no separate value.
var edgeSwitches = []string{
	"acme", "api", "insecure", "dashboard", "debug", "ping", "accesslog", "docker", "swarm", "watch",
	"exposedbydefault", "http3", "tls", "tlschallenge", "httpchallenge", "dnschallenge", "disablecommonname",
	"casystemcertpool", "allowacmebypass", "asdefault", "permanent", "tailscale", "insecureskipverify",
	"checknewversion", "sendanonymoususage", "prometheus", "proxyprotocol",
}

func edgeSwitch(name string) bool {
	keys := edgeKeys(strings.ToLower(name))
	return len(keys) > 0 && slices.Contains(edgeSwitches, keys[len(keys)-1])
}

// shellWords takes arguments that hold a whole command apart.
func shellWords(argv []string) []string {
	var out []string
	for _, a := range argv {
		if !strings.ContainsAny(a, " \t\n") || strings.HasPrefix(a, "-") && strings.Contains(strings.SplitN(a, " ", 2)[0], "=") {
			out = append(out, a)
			continue
		}
		for _, w := range strings.FieldsFunc(a, func(r rune) bool { return strings.ContainsRune(" \t\n;&|", r) }) {
			out = append(out, strings.ReplaceAll(strings.ReplaceAll(w, `"`, ""), `'`, ""))
		}
	}
	return out
}

// parseEdgeEnv reads TRAEFIK_ variables; each underscore separates two keys.
func parseEdgeEnv(env map[string]string) *edgeNode {
	root := &edgeNode{}
	names := make([]string, 0, len(env))
	for k := range env {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if len(k) < 9 || !strings.EqualFold(k[:8], "TRAEFIK_") {
			continue
		}
		keys := slices.DeleteFunc(strings.Split(strings.ToLower(k[8:]), "_"), func(k string) bool { return k == "" })
		if len(keys) > 0 {
			root.put(keys, env[k])
		}
	}
	return root
}
