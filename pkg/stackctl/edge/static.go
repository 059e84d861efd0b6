package edge

import (
	"bytes"
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
func Static(file string, raw []byte, resolver string, acme stack.ACME, staging string) ([]byte, error) {
	doc, root, err := parse(file, raw)
	if err != nil {
		return nil, err
	}
	at := lookup(root, "certificatesResolvers", resolver, "acme")
	if at == nil || at.Kind != yaml.MappingNode {
		return raw, nil
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
	if !changed {
		return raw, nil
	}
	return encode(doc)
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
