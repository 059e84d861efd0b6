package release

import (
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// defined refuses variables that have neither a value nor a default. Compose
// itself would put an empty text there and go on. It returns the names of all
// variables that the files use.
func defined(from []source) (map[string]bool, error) {
	used := map[string]bool{}
	for _, s := range from {
		if err := s.defined(s.part(), used); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// part is what Compose takes of the file.
func (s source) part() *yaml.Node {
	if s.only == "" {
		return s.root
	}
	return s.services()[s.only]
}

func (s source) defined(node *yaml.Node, used map[string]bool) error {
	return s.walk(node, func(node *yaml.Node) error {
		for _, name := range uses(node.Value) {
			used[name] = true
		}
		for _, g := range gaps(node.Value, s.of) {
			return s.undefined(node, g)
		}
		return nil
	})
}

// walk visits the values below a node in which variables stand.
func (s source) walk(node *yaml.Node, visit func(*yaml.Node) error) error {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode && strings.Contains(node.Value, "$") {
		if err := visit(node); err != nil {
			return err
		}
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			continue // Compose puts no values into keys
		}
		if err := s.walk(child, visit); err != nil {
			return err
		}
	}
	return nil
}

func (s source) undefined(node *yaml.Node, g gap) error {
	line := s.lineOf(node, g.name)
	switch {
	case g.required && g.message != "":
		return stack.Usage(s.file, line, "the variable "+g.name+" is not set: "+expand(g.message, s.of), "set it in the env file, in the environment or with --env "+g.name+"=…")
	case g.required:
		return stack.Usage(s.file, line, "the variable "+g.name+" is not set, and the file demands it", "set it in the env file, in the environment or with --env "+g.name+"=…")
	}
	return stack.Usage(s.file, line, "the variable "+g.name+" is not defined",
		"set it in the env file, or give it a default: ${"+g.name+":-value}; a dollar sign of its own is written $$")
}

// lineOf is the line of a variable in a value, which may have several.
func (s source) lineOf(node *yaml.Node, name string) int {
	if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		return node.Line
	}
	for i, line := range strings.Split(node.Value, "\n") {
		for _, used := range uses(line) {
			if used == name {
				return node.Line + 1 + i
			}
		}
	}
	return node.Line
}

// taken refuses variables that a service takes from the environment by name
// (`environment: [NAME]`) where there is none: it would run without.
func (d Draft) taken() error {
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		if !d.deployed(s) {
			continue
		}
		for _, variable := range sortedKeys(s.Environment) {
			if s.Environment[variable] != nil {
				continue
			}
			at := d.bare(name, variable)
			return stack.Usage(at.file, at.line, "service "+name+" takes the variable "+variable+" from the environment, where it is not set",
				"set it in the env file, in the environment or with --env "+variable+"=…; or remove it, or write "+variable+": \"\" for an empty one")
		}
	}
	return nil
}

// bare is the place where a variable is named without a value.
func (d Draft) bare(service, variable string) place {
	for i := len(d.sources) - 1; i >= 0; i-- {
		s := d.sources[i]
		_, environment := lookupNode(s.services()[service], "environment")
		if environment = resolved(environment); environment == nil {
			continue
		}
		for _, item := range environment.Content {
			if item = resolved(item); item.Value == variable {
				return place{s.file, item.Line}
			}
		}
	}
	return d.places[service]
}
