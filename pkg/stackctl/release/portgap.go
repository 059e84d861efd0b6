package release

import (
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"
)

// noPort stands for a port of a container that a variable without a value names.
const noPort = 65535

// portGaps returns what stands for variables without a value in published ports:
// 0 for a port of the host, noPort for one of a container.
func portGaps(from []source) map[string]string {
	out := map[string]string{}
	for _, s := range from {
		stand := func(text, value string) {
			for _, g := range gaps(text, s.of) {
				if out[g.name] != strconv.Itoa(noPort) {
					out[g.name] = value
				}
			}
		}
		for _, service := range s.services() {
			_, ports := lookupNode(service, "ports")
			if ports = resolved(ports); ports == nil {
				continue
			}
			for _, item := range ports.Content {
				published, target := portTexts(resolved(item))
				stand(published, "0")
				stand(target, strconv.Itoa(noPort))
			}
		}
	}
	return out
}

// portTexts are the port of the host and that of the container as an item of
// ports has them.
func portTexts(item *yaml.Node) (published, target string) {
	if item.Kind == yaml.MappingNode {
		_, host := lookupNode(item, "published")
		_, container := lookupNode(item, "target")
		return valueOf(host), valueOf(container)
	}
	parts := portParts(item.Value)
	if len(parts) > 1 {
		published = parts[len(parts)-2]
	}
	return published, parts[len(parts)-1]
}

func valueOf(node *yaml.Node) string {
	if node = resolved(node); node == nil {
		return ""
	}
	return node.Value
}

// portParts splits a published port at the colons that no variable holds:
// ${HOST:-0.0.0.0}:80 has two parts.
func portParts(text string) []string {
	parts, depth, from := []string{}, 0, 0
	for i, r := range text {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == ':' && depth == 0:
			parts, from = append(parts, text[from:i]), i+1
		}
	}
	return append(parts, text[from:])
}

// dropUnknownPorts takes away ports of containers, and labels with one, that only
// a variable without a value names, and returns the services that have any.
func dropUnknownPorts(p *types.Project) []string {
	var out []string
	for _, name := range sortedKeys(p.Services) {
		s := p.Services[name]
		var known []types.ServicePortConfig
		for _, port := range s.Ports {
			if port.Target != noPort {
				known = append(known, port)
			}
		}
		if len(known) < len(s.Ports) {
			out = append(out, name)
		}
		s.Ports = known
		maps.DeleteFunc(s.Labels, func(_, value string) bool { return value == strconv.Itoa(noPort) })
		p.Services[name] = s
	}
	return out
}

// portless means that routes need what a variable does not say.
const portless = "a port of its container is a variable without a value: set it in .env and run init again, or it has no route"

var portRange = regexp.MustCompile(`^\d+-\d+$`)

// portRanges are the ranges of containers' ports that the files write.
func portRanges(from []source) []string {
	var out []string
	for _, s := range from {
		var walk func(node *yaml.Node, ports bool)
		walk = func(node *yaml.Node, ports bool) {
			for i, child := range node.Content {
				below := ports
				if node.Kind == yaml.MappingNode {
					below = i%2 == 1 && node.Content[i-1].Value == "ports"
				}
				if ports && child.Kind == yaml.ScalarNode {
					_, target := portTexts(&yaml.Node{Kind: yaml.ScalarNode, Value: expand(child.Value, s.of)})
					if target, _, _ = strings.Cut(target, "/"); portRange.MatchString(target) {
						out = append(out, target)
					}
				}
				walk(child, below)
			}
		}
		walk(s.root, false)
	}
	return out
}
