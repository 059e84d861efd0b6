package edge

import (
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// Static puts a target's ACME directory and e-mail into a static file. It
// replaces nothing but the staging directory: any other directory that the file
// names stays, for the gate to see. Public certificates get a file of their own:
// Traefik serves what is stored, whatever directory it came from.
//
// It adds where traces go to a file that does not say so itself.
func Static(file string, raw []byte, resolver string, t stack.Target, staging string) ([]byte, error) {
	doc, root, err := parse(file, raw)
	if err != nil {
		return nil, err
	}
	traced, err := addTracing(root, t.Edge)
	if err != nil {
		return nil, err
	}
	if !putACME(lookup(root, "certificatesResolvers", resolver, "acme"), t.ACME, staging) && !traced {
		return raw, nil
	}
	return encode(doc)
}

// addTracing writes where the edge sends its traces, and reports whether it has
// changed the file. Traefik itself leaves out the values in a request's query.
func addTracing(root *yaml.Node, e stack.Edge) (bool, error) {
	if e.Traces == "" || root == nil || root.Kind != yaml.MappingNode || lookup(root, "tracing") != nil {
		return false, nil
	}
	var value yaml.Node
	err := value.Encode(object{
		"serviceName": "edge", "sampleRate": cmp.Or(e.TraceShare, 1),
		"otlp": object{"http": object{"endpoint": strings.TrimSuffix(e.Traces, "/") + "/v1/traces"}},
	})
	if err != nil {
		return false, fmt.Errorf("write where traces go: %w", err)
	}
	root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "tracing"}, &value)
	return true, nil
}

// putACME changes the settings of a resolver, and reports whether it did.
func putACME(at *yaml.Node, acme stack.ACME, staging string) bool {
	if at == nil || at.Kind != yaml.MappingNode {
		return false
	}
	changed := false
	for i := 0; i+1 < len(at.Content); i += 2 {
		key, value := at.Content[i], at.Content[i+1]
		switch {
		case strings.EqualFold(key.Value, "caServer") && sameURL(value.Value, staging) && !sameURL(acme.Directory, staging):
			value.SetString(acme.Directory)
			changed = true
		case strings.EqualFold(key.Value, "email") && value.Value == "" && acme.Email != "":
			value.SetString(acme.Email)
			changed = true
		case strings.EqualFold(key.Value, "storage") && acme.Public():
			value.SetString(path.Join(path.Dir(value.Value), stack.PublicStore))
			changed = true
		}
	}
	return changed
}

func encode(doc *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// sameURL compares scheme, host and path.
func sameURL(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && strings.EqualFold(x.Scheme, y.Scheme) && strings.EqualFold(x.Host, y.Host) &&
		strings.TrimSuffix(x.Path, "/") == strings.TrimSuffix(y.Path, "/")
}
