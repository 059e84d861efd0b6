package release

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// place is where something is defined.
type place struct {
	file string
	line int
}

// places finds where each service is defined; a later file overrides.
func places(files []string) map[string]place {
	out := map[string]place{}
	for _, file := range files {
		root := mapping(file)
		_, services := lookup(root, "services")
		if services == nil {
			continue
		}
		for i := 0; i+1 < len(services.Content); i += 2 {
			out[services.Content[i].Value] = place{file, services.Content[i].Line}
		}
	}
	return out
}

// lineOf walks a compose file as far down keys as they exist.
func lineOf(file string, keys []string) int {
	node, line := mapping(file), 0
	for _, k := range keys {
		at, value := lookup(node, k)
		if value == nil {
			break
		}
		node, line = value, at.Line
	}
	if len(keys) > 1 && line == 0 {
		return 0
	}
	return line
}

func mapping(file string) *yaml.Node {
	raw, err := readBounded(file)
	if err != nil {
		return nil
	}
	var doc yaml.Node
	if yaml.Unmarshal(raw, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

func lookup(node *yaml.Node, key string) (at, value *yaml.Node) {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if strings.EqualFold(node.Content[i].Value, key) {
			return node.Content[i], node.Content[i+1]
		}
	}
	return nil, nil
}
