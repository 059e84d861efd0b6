package release

import (
	"math"

	"gopkg.in/yaml.v3"
)

// maxNodes bounds what a file is once its aliases are unfolded: some lines can
// unfold to more than any machine holds.
const maxNodes = 200_000

// maxDepth bounds how deep a file's values lie in each other: what Compose does with
// them takes the square of it.
const maxDepth = 100

// tooDeep returns the first node that lies deeper than maxDepth; nil: there is none.
func tooDeep(node *yaml.Node, depth int) *yaml.Node {
	if depth > maxDepth {
		return node
	}
	for _, child := range node.Content {
		if deep := tooDeep(child, depth+1); deep != nil {
			return deep
		}
	}
	return nil
}

// unfolded is how many nodes a node is with its aliases unfolded, at most
// math.MaxInt32; circular says that one holds itself. Sizes are kept in seen,
// where one that is not yet known is 0.
func unfolded(node *yaml.Node, seen map[*yaml.Node]int) (size int, circular *yaml.Node) {
	if node == nil {
		return 0, nil
	}
	if known, is := seen[node]; is {
		if known == 0 {
			return 0, node
		}
		return known, nil
	}
	seen[node] = 0
	size = 1
	for _, child := range append(node.Content[:len(node.Content):len(node.Content)], node.Alias) {
		n, circular := unfolded(child, seen)
		if circular != nil {
			return 0, circular
		}
		size = min(size+n, math.MaxInt32)
	}
	seen[node] = size
	return size, nil
}
