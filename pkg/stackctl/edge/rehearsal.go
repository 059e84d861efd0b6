package edge

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// rehearsal is the name of all that a rehearsal of certificates brings: resolver,
// routers and services.
const rehearsal = "stackctl-rehearsal"

// RehearsalStore is the folder in which the throwaway edge keeps what it is given.
const RehearsalStore = "/" + rehearsal

// challengePath begins the paths that an authority asks for (RFC 8555, section 8.3).
const challengePath = "/.well-known/acme-challenge/"

// Rehearsal is how an edge's certificates are rehearsed: a throwaway copy of the
// edge has a resolver at a staging directory, and whatever comes to port 80 is led
// to it meanwhile. It redirects visitors as the edge does.
type Rehearsal struct {
	// Static is the copy's static file.
	Static []byte
	// Point is the entry point of port 80, and Port its port in the container.
	Point string
	Port  string
	// Inside is the entry point of Traefik's API.
	Inside string
}

// Rehearse returns how certificates of an edge with this static file are rehearsed;
// ok is false where it has no entry point for an authority's questions, or for
// those of stackctl at apiPort.
func Rehearse(static []byte, resolver string, apiPort int, acme stack.ACME) (r Rehearsal, ok bool, err error) {
	_, root, err := parse("the static file", static)
	if err != nil {
		return Rehearsal{}, false, err
	}
	var doc object
	if err := root.Decode(&doc); err != nil {
		return Rehearsal{}, false, err
	}
	points, _ := doc["entryPoints"].(object)
	challenge := part(part(part(doc, "certificatesResolvers"), resolver), "acme")
	if http, is := challenge["httpChallenge"].(object); is {
		r.Point, _ = http["entryPoint"].(string)
	} else {
		r.Point = pointAt(points, ":80")
	}
	r.Inside = pointAt(points, ":"+strconv.Itoa(apiPort))
	point, _ := points[r.Point].(object)
	address, _ := point["address"].(string)
	_, r.Port, err = net.SplitHostPort(strings.TrimSuffix(address, "/tcp"))
	if point == nil || r.Inside == "" || err != nil {
		return Rehearsal{}, false, nil //nolint:nilerr // such an edge has no rehearsal
	}
	// Nobody stays on a connection to what goes soon.
	part(point, "transport")["keepAliveMaxRequests"] = 1
	doc["certificatesResolvers"] = object{rehearsal: object{"acme": object{"caServer": acme.Rehearsal.Directory, "email": acme.Email, "keyType": "EC256",
		"storage": RehearsalStore + "/acme.json", "httpChallenge": object{"entryPoint": r.Point}}}}
	doc["log"] = object{"level": "ERROR", "format": "json"}
	for _, key := range []string{"accessLog", "metrics", "tracing"} {
		delete(doc, key)
	}
	r.Static, err = yaml.Marshal(doc)
	return r, true, err
}

// Detour is the dynamic file that has the edge lead port 80 to the copy, whatever
// is asked for: the edge itself answers an authority's questions before any route
// that leads elsewhere, but not before connections that pass.
func (r Rehearsal) Detour(alias string) (f stack.File, rules map[string]string, err error) {
	const rule = "HostSNI(`*`)"
	doc := object{"tcp": object{
		"routers":  object{rehearsal: object{"rule": rule, "entryPoints": []string{r.Point}, "service": rehearsal}},
		"services": object{rehearsal: object{"loadBalancer": object{"servers": []object{{"address": net.JoinHostPort(alias, r.Port)}}}}},
	}}
	raw, err := yaml.Marshal(doc)
	return stack.File{Path: stack.DetourFile, Mode: 0o644, Content: raw}, DetourRules(), err
}

// DetourRules are the rules of the routers of a detour, by their names.
func DetourRules() map[string]string { return map[string]string{rehearsal: "HostSNI(`*`)"} }

// Orders is the dynamic file that has the copy ask for a certificate of each host.
// Their routers are on the inside entry point: nobody is led there.
func (r Rehearsal) Orders(hosts []string) (stack.File, error) {
	routers := object{}
	for i, host := range hosts {
		routers[fmt.Sprintf("%s-%d", rehearsal, i)] = object{"rule": fmt.Sprintf("Host(`%s`)", host), "entryPoints": []string{r.Inside},
			"service": "noop@internal", "tls": object{"certResolver": rehearsal, "domains": []object{{"main": host}}}}
	}
	raw, err := yaml.Marshal(object{"http": object{"routers": routers}})
	return stack.File{Path: stack.DetourFile, Mode: 0o644, Content: raw}, err
}

// Refusals reads from the copy's log what a directory has against certificates, by
// host. asked is false where it could not be asked at all.
func Refusals(log []byte, hosts []string) (refused map[string]string, asked bool) {
	refused, asked = map[string]string{}, true
	for line := range strings.Lines(string(log)) {
		var said struct {
			Error   string   `json:"error"`
			Message string   `json:"message"`
			Domains []string `json:"domains"`
		}
		if json.Unmarshal([]byte(line), &said) != nil || !strings.Contains(said.Message, "ACME certificate") || said.Error == "" {
			continue
		}
		for _, host := range hosts {
			if strings.Contains(said.Error, "["+host+"]") || len(hosts) == 1 || strings.Contains(strings.Join(said.Domains, " "), host) {
				refused[host] = reason(said.Error, host)
				asked = asked && !strings.Contains(said.Error, "cannot get ACME client")
			}
		}
	}
	return refused, asked
}

// reason is an error of Traefik's ACME client without the names of its own steps.
func reason(text, host string) string {
	if _, after, found := strings.Cut(text, "\n["+host+"] "); found {
		text = after
	}
	return strings.Join(strings.Fields(text), " ")
}
