package release

import (
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// circleOf is a row of files or services that ends where it begins, in a few words.
func circleOf(row []string) string {
	short := make([]string, len(row))
	for i, one := range row {
		short[i] = filepath.Base(one)
	}
	return strings.Join(short, " -> ")
}

// extendsCircle refuses a service that is made of itself, at the extends that closes
// the circle; nil: there is none.
func extendsCircle(from []source) error {
	for _, s := range from {
		services := s.services()
		for _, name := range sortedKeys(services) {
			if refused := followExtends(from, s, name); refused != nil {
				return refused
			}
		}
	}
	return nil
}

func followExtends(from []source, s source, name string) error {
	var row []string
	for {
		node, file, next := extended(s, name)
		step := name + " of " + filepath.Base(s.file)
		if at := slices.Index(row, step); at >= 0 {
			return stack.Usage(s.file, node.Line, "services extend each other in a circle: "+strings.Join(append(row[at:], step), " -> "), "remove one of these extends")
		}
		if row = append(row, step); node == nil {
			return nil
		}
		i := slices.IndexFunc(from, func(o source) bool { return o.file == file && o.services()[next] != nil })
		if i < 0 {
			return nil
		}
		s, name = from[i], next
	}
}

// extended is what a service of a file extends, and the node that says so; nil:
// nothing.
func extended(s source, name string) (node *yaml.Node, file, service string) {
	at, extends := lookupNode(s.services()[name], "extends")
	if extends = resolved(extends); extends == nil {
		return nil, "", ""
	}
	if extends.Kind != yaml.MappingNode {
		return at, s.file, expand(extends.Value, s.of)
	}
	_, of := lookupNode(extends, "service")
	_, path := lookupNode(extends, "file")
	file = s.file
	if written := strings.Join(scalars(resolved(path), s.of), ""); written != "" {
		file = below(s.dir, written)
	}
	return at, file, strings.Join(scalars(resolved(of), s.of), "")
}
