package release

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// extension is what x-stackctl says of a service.
type extension struct {
	// layer is empty where nothing says it.
	layer stack.Layer
	once  bool
	// shared are volumes and folders that two runs of the service may write to
	// at the same time.
	shared []string
	// strategy is empty where nothing says it.
	strategy stack.Strategy
}

// extensionKeys are the keys of x-stackctl, each with the values that it takes;
// none: a list of names.
var extensionKeys = map[string][]string{
	"layer":    {string(stack.LayerEdge), string(stack.LayerData), string(stack.LayerApp)},
	"run":      {"once"},
	"strategy": {string(stack.StrategyOverlap), string(stack.StrategyRecreate)},
	"shared":   nil,
}

// extension is what x-stackctl says of a service. Its layer and whether it runs
// once are inferred where nothing says so.
func (d Draft) extension(s types.ServiceConfig) extension {
	e := extension{layer: stack.LayerApp}
	if decided, ok := d.layers[s.Name]; ok {
		e.layer, e.once = decided.Layer, decided.OneShot
	}
	x, _ := s.Extensions["x-stackctl"].(map[string]any)
	strategy, _ := x["strategy"].(string)
	e.strategy = stack.Strategy(strategy)
	e.shared = names(x["shared"])
	return e
}

// names are the texts of a list, or of a single text.
func names(of any) []string {
	if one, is := of.(string); is {
		return []string{one}
	}
	var out []string
	list, _ := of.([]any)
	for _, item := range list {
		if name, is := item.(string); is {
			out = append(out, name)
		}
	}
	return out
}

// extended refuses keys and values of x-stackctl that mean nothing: a mistyped
// layer would start a second database on the first one's data.
func (d Draft) extended() error {
	for _, s := range d.sources {
		if at, _ := lookupNode(s.root, "x-stackctl"); at != nil && s.only == "" {
			return stack.Usage(s.file, at.Line, "x-stackctl stands beside services", "write it inside a service")
		}
	}
	for _, name := range sortedKeys(d.project.Services) {
		x, has := d.project.Services[name].Extensions["x-stackctl"]
		if !has || x == nil {
			continue
		}
		fields, is := x.(map[string]any)
		if !is {
			return d.refuseExtension(name, "", "x-stackctl of service "+name+" is no mapping", "write x-stackctl: {layer: data}")
		}
		for _, key := range sortedKeys(fields) {
			if problem, fix := extensionFault(key, fields[key]); problem != "" {
				return d.refuseExtension(name, key, "service "+name+": "+problem, fix)
			}
		}
	}
	return nil
}

func extensionFault(key string, value any) (problem, fix string) {
	values, known := extensionKeys[key]
	switch text, isText := value.(string); {
	case !known:
		return "x-stackctl has no key " + key, "its keys are " + strings.Join(sortedKeys(extensionKeys), ", ")
	case values == nil:
		if list, isList := value.([]any); !isText && (!isList || len(names(value)) != len(list)) {
			return "x-stackctl." + key + " is no list of names", "write " + key + ": [volume]"
		}
	case !isText || !slices.Contains(values, text):
		return fmt.Sprintf("x-stackctl.%s is %v", key, value), "its values are " + strings.Join(values, ", ")
	}
	return "", ""
}

// refuseExtension is a usage error at a key of a service's x-stackctl, in the
// file that has it.
func (d Draft) refuseExtension(service, key, problem, fix string) error {
	at := d.places[service]
	for _, s := range d.sources {
		_, x := lookupNode(s.services()[service], "x-stackctl")
		if s.only != "" && x == nil { // the service that it extends has another name
			_, x = lookupNode(s.services()[s.only], "x-stackctl")
		}
		if k, _ := lookupNode(x, key); k != nil {
			at = place{s.file, k.Line}
		} else if x = resolved(x); x != nil && key == "" && x.Kind != yaml.MappingNode {
			at = place{s.file, x.Line}
		}
	}
	return stack.Usage(at.file, at.line, problem, fix)
}
