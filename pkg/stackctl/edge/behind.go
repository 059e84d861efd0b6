package edge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// behindIngress makes a static file that of an edge which believes the ingress, and
// nobody else beside those that the file names, who the client is, and which ends
// its connections by itself. It gives the entry points that the ingress leads to.
func behindIngress(file string, static []byte, t stack.Target) ([]byte, []string, error) {
	var doc object
	if err := yaml.Unmarshal(static, &doc); err != nil {
		line, text := errorLine(err)
		return nil, nil, stack.Usage(file, line, text, "correct the YAML")
	}
	points, _ := doc["entryPoints"].(object)
	var public []string
	for _, led := range []struct{ port, believe string }{{":80", "forwardedHeaders"}, {":443", "proxyProtocol"}} {
		port := led.port
		name := pointAt(points, port)
		if name == "" {
			return nil, nil, stack.Usage(file, 0, fmt.Sprintf("the edge has no entry point with the address %q, and the server's ingress leads there", port), "give it one, or remove shared from the target")
		}
		public = append(public, name)
		point, _ := points[name].(object)
		believed := part(point, led.believe)
		believed["trustedIPs"] = append(texts(believed["trustedIPs"]), ingressSource(t))
		if port == ":443" {
			part(point, "transport")["keepAliveMaxTime"] = KeepAlive.String()
		}
	}
	out, err := yaml.Marshal(doc)
	return out, public, err
}

// ingressSource are the addresses that the ingress may have: one, or on a cluster any
// of its network.
func ingressSource(t stack.Target) string {
	if t.Clustered() {
		return stack.IngressClusterSubnet
	}
	return stack.IngressAddress + "/32"
}

// pointAt returns the name of the entry point with an address; empty: there is none.
func pointAt(points object, address string) string {
	for _, name := range slices.Sorted(maps.Keys(points)) {
		point, _ := points[name].(object)
		if at, _ := point["address"].(string); strings.TrimSuffix(at, "/tcp") == address {
			return name
		}
	}
	return ""
}

// part is a mapping in another one, made where it is not there.
func part(of object, key string) object {
	if in, ok := of[key].(object); ok {
		return in
	}
	in := object{}
	of[key] = in
	return in
}

// texts are the strings of a list in YAML.
func texts(list any) []string {
	var out []string
	all, _ := list.([]any)
	for _, one := range all {
		out = append(out, fmt.Sprint(one))
	}
	return out
}

// namesHosts returns an error where a router of the public entry points answers for
// every host: the ingress leads by hosts alone.
func namesHosts(routes []stack.Route, public []string, dir string) error {
	for _, r := range routes {
		open := len(r.EntryPoints) == 0 || slices.ContainsFunc(r.EntryPoints, func(name string) bool { return slices.Contains(public, name) })
		if open && len(r.Hosts) == 0 {
			return stack.Usage(dir, 0, "router "+r.Name+" names no host, and the server's ingress leads by hosts", "add Host(`…`) to its rule, or remove shared from the target")
		}
	}
	return nil
}
