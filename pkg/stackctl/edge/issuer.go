package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// Several edges of one site: Traefik's store of certificates has one writer, and the
// authority asks whichever edge the name resolves to. So one edge, the issuer, orders
// all certificates; the others pass the authority's questions on to it, and get the
// certificates as files.

const (
	// IssuerName is the name of the router and the service in that file.
	IssuerName = "stackctl-issuer"
	// servedDir is the folder of the other edges' certificates, beside an edge's own store.
	servedDir = "served"
)

// share adds to an edge's files what several edges of one site need; with one edge
// it adds nothing.
func share(c stack.Config, t stack.Target, out stack.EdgeConfig) (stack.EdgeConfig, error) {
	if len(t.Labelled(stack.NodeEdge)) < 2 || len(out.Static) == 0 {
		return out, nil
	}
	_, root, err := parse(c.Traefik.Static, out.Static)
	if err != nil {
		return out, err
	}
	var doc object
	if err := root.Decode(&doc); err != nil {
		return out, err
	}
	asked, err := silence(c, doc)
	if err != nil || asked == "" {
		return out, err
	}
	if out.Others, err = yaml.Marshal(doc); err != nil {
		return out, err
	}
	var hosts []string
	for _, h := range out.Certified() {
		hosts = append(hosts, fmt.Sprintf("Host(`%s`)", h))
	}
	if len(hosts) == 0 {
		return out, nil
	}
	issuer := stack.ReplicaContainer(c.Project, c.Traefik.Service, 1)
	out.Issuer, err = yaml.Marshal(object{"http": object{
		"routers":  object{IssuerName: object{"rule": "PathPrefix(`/.well-known/acme-challenge/`) && (" + strings.Join(hosts, " || ") + ")", "entryPoints": []string{asked}, "priority": 1 << 20, "service": IssuerName}},
		"services": object{IssuerName: object{"loadBalancer": object{"servers": []object{{"url": "http://" + issuer + ":80"}}}}},
	}})
	return out, err
}

// silence makes a static file that of an edge which orders nothing, and returns the
// entry point that the authority asks at; empty: nothing is ordered.
func silence(c stack.Config, doc object) (asked string, err error) {
	resolvers, _ := doc["certificatesResolvers"].(object)
	for name, r := range resolvers {
		resolver, _ := r.(object)
		acme, ordered := resolver["acme"].(object)
		if !ordered {
			continue
		}
		challenge, byHTTP := acme["httpChallenge"].(object)
		if !byHTTP {
			return "", stack.Usage(c.Traefik.Static, 0, "resolver "+name+" has no httpChallenge, and of several edges any may be asked", "use the HTTP challenge (certificatesResolvers."+name+".acme.httpChallenge)")
		}
		asked, _ = challenge["entryPoint"].(string)
		acme["caServer"] = nowhere
		challenge["entryPoint"] = inner(c, doc)
	}
	return asked, nil
}

// inner is the entry point of an edge's own API, which no authority reaches.
func inner(c stack.Config, doc object) string {
	points, _ := doc["entryPoints"].(object)
	for _, name := range slices.Sorted(maps.Keys(points)) {
		if p, ok := points[name].(object); ok && p["address"] == fmt.Sprintf(":%d", c.Traefik.APIPort) {
			return name
		}
	}
	return "traefik"
}

// Store is where an edge keeps a resolver's certificates in its container.
func Store(static []byte) (string, error) {
	var doc struct {
		Resolvers map[string]struct {
			ACME struct {
				Storage string `yaml:"storage"`
			} `yaml:"acme"`
		} `yaml:"certificatesResolvers"`
	}
	if err := yaml.Unmarshal(static, &doc); err != nil {
		return "", err
	}
	for _, r := range doc.Resolvers {
		if r.ACME.Storage != "" {
			return r.ACME.Storage, nil
		}
	}
	return "", errors.New("the edge's static file names no store of certificates")
}

// Served are the certificates of an issuer's store as files of another edge: the
// files for the folder of its store, the dynamic file that names them, and the hosts
// that they are for, sorted.
func Served(storage string, store []byte) (files []stack.File, dynamic stack.File, hosts []string, err error) {
	var resolvers map[string]struct {
		Certificates []struct {
			Domain struct {
				Main string
				SANs []string
			} `json:"domain"`
			Certificate []byte `json:"certificate"`
			Key         []byte `json:"key"`
		}
	}
	if err := json.Unmarshal(store, &resolvers); err != nil {
		return nil, dynamic, nil, errors.New("the issuer's store of certificates is no JSON")
	}
	var list []object
	for _, name := range slices.Sorted(maps.Keys(resolvers)) {
		for _, one := range resolvers[name].Certificates {
			at := path.Join(servedDir, stack.Sum(one.Certificate)[:16])
			files = append(files, stack.File{Path: at + ".pem", Mode: 0o600, Content: one.Certificate}, stack.File{Path: at + ".key", Mode: 0o600, Content: one.Key, Secret: true})
			list = append(list, object{"certFile": path.Join(path.Dir(storage), at+".pem"), "keyFile": path.Join(path.Dir(storage), at+".key")})
			hosts = append(append(hosts, one.Domain.Main), one.Domain.SANs...)
		}
	}
	raw, err := yaml.Marshal(object{"tls": object{"certificates": list}})
	slices.Sort(hosts)
	return files, stack.File{Path: stack.ServedFile, Mode: 0o644, Content: raw}, slices.Compact(hosts), err
}

// ReadServed returns an error where a file is no ServedFile as Served makes it: it
// names certificates beside the store, and does nothing else.
func ReadServed(content []byte) error {
	var doc struct {
		TLS struct {
			Certificates []struct {
				CertFile string `yaml:"certFile"`
				KeyFile  string `yaml:"keyFile"`
			} `yaml:"certificates"`
		} `yaml:"tls"`
	}
	d := yaml.NewDecoder(bytes.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("read %s: %w", stack.ServedFile, err)
	}
	for _, c := range doc.TLS.Certificates {
		if path.Base(path.Dir(c.CertFile)) != servedDir || path.Dir(c.KeyFile) != path.Dir(c.CertFile) {
			return fmt.Errorf("%s names %s, which is none of the first edge's certificates", stack.ServedFile, c.CertFile)
		}
	}
	return nil
}
