package release

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// place is where something is defined.
type place struct {
	file string
	line int
}

func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// places finds where each service is defined; a later file overrides.
func places(from []source) map[string]place {
	out := map[string]place{}
	for _, s := range from {
		if s.only != "" {
			continue
		}
		_, services := lookupNode(s.root, "services")
		for key := range pairs(services) {
			out[key.Value] = place{s.file, key.Line}
		}
	}
	return out
}

// find is the place of a key's value in the last file that has it; a prefix of
// the keys of two at least is enough where no file has all.
func find(from []source, keys ...string) place {
	var best place
	depth := 0
	for _, s := range from {
		if line, n := walk(s.root, keys); n >= depth && n > 1 {
			best, depth = place{s.file, line}, n
		}
	}
	return best
}

// walk goes as far down keys as they exist, and returns the line and how many
// were found.
func walk(node *yaml.Node, keys []string) (line, depth int) {
	for _, k := range keys {
		at, value := lookupNode(node, k)
		if value == nil {
			break
		}
		node, line, depth = resolved(value), at.Line, depth+1
	}
	return line, depth
}

// refuse is a usage error at the place of some keys.
func refuse(from []source, fallback place, problem, fix string, keys ...string) error {
	at := find(from, keys...)
	if at.file == "" {
		at = fallback
	}
	return stack.Usage(at.file, at.line, problem, fix)
}

// pairs are a mapping's keys and values, also those that it merges (<<).
func pairs(node *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		w := walker{left: visits, yield: yield}
		w.walk(node)
	}
}

// visits bounds how many mappings are merged into one: a file may be made to
// merge for ever.
const visits = 1000

type walker struct {
	left  int
	yield func(key, value *yaml.Node) bool
}

// walk yields what is merged before a mapping's own keys: the later one wins.
func (w *walker) walk(node *yaml.Node) bool {
	node = resolved(node)
	if w.left--; node == nil || w.left < 0 {
		return true
	}
	if node.Kind == yaml.SequenceNode { // <<: [*a, *b]: the first one wins
		for _, item := range slices.Backward(node.Content) {
			if !w.walk(item) {
				return false
			}
		}
		return true
	}
	if node.Kind != yaml.MappingNode {
		return true
	}
	for _, merging := range []bool{true, false} {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			switch is := key.Tag == "!!merge"; {
			case is != merging:
			case merging && !w.walk(value), !merging && !w.yield(key, value):
				return false
			}
		}
	}
	return true
}

// lookupNode finds a key in a mapping, in any case of letters; nil where it is
// not there.
func lookupNode(node *yaml.Node, key string) (at, value *yaml.Node) {
	for k, v := range pairs(node) {
		if strings.EqualFold(k.Value, key) {
			at, value = k, v
		}
	}
	return at, value
}

// resolved is a node, or what it is an alias of.
func resolved(node *yaml.Node) *yaml.Node {
	for n := 0; node != nil && node.Kind == yaml.AliasNode && n < visits; n++ {
		node = node.Alias
	}
	return node
}
