package edge

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// Several edges of one site: each orders certificates of its own, so that no private
// key leaves its node and no edge waits for another. The authority asks whichever edge
// the name leads to. So an edge answers it inside, at the entry point of its own API, and
// passes on what it is asked outside: to one edge after the other, until one has ordered
// what it is about.

// ChallengeName begins the names of what the challenge's dynamic file holds.
const ChallengeName = "stackctl-challenge"

const (
	// challengeDial is how long an edge that is gone is waited for: the others are as near.
	challengeDial = "500ms"
	// challengeDelay is how long an edge of stackctl's own waits before it lets the authority
	// ask: one that has just started is known to the others only when it is healthy.
	challengeDelay = "8s"
	// mostAttempts is what Traefik's buffering tries at most.
	mostAttempts = 10
)

// share adds to an edge's files what several edges of one site need; with one edge
// it adds nothing.
func share(c stack.Config, t stack.Target, out stack.EdgeConfig) (stack.EdgeConfig, error) {
	edges := t.Labelled(stack.NodeEdge)
	if len(edges) < 2 || len(out.Static) == 0 {
		return out, nil
	}
	out.Edges = len(edges)
	doc, root, err := parse(c.Traefik.Static, out.Static)
	if err != nil {
		return out, err
	}
	if out.Asked, err = answerInside(c, root); err != nil || out.Asked == "" {
		return out, err
	}
	out.Static, err = encode(doc)
	return out, err
}

// answerInside moves the entry point at which an edge answers the authority to that of
// its own API, and returns the one that it was; empty: nothing is ordered.
func answerInside(c stack.Config, root *yaml.Node) (asked string, err error) {
	var all map[string]yaml.Node
	if resolvers := lookup(root, "certificatesResolvers"); resolvers != nil {
		if err := resolvers.Decode(&all); err != nil {
			return "", stack.Usage(c.Traefik.Static, resolvers.Line, "certificatesResolvers is no mapping", "correct the file")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		acme := lookup(root, "certificatesResolvers", name, "acme")
		if acme == nil || lookup(acme, "dnsChallenge") != nil { // no edge is asked then
			continue
		}
		point := lookup(acme, "httpChallenge", "entryPoint")
		if point == nil {
			return "", stack.Usage(c.Traefik.Static, acme.Line, "resolver "+name+" has no httpChallenge, and of several edges any may be asked", "use the HTTP challenge (certificatesResolvers."+name+".acme.httpChallenge), or dnsChallenge")
		}
		asked = point.Value
		point.SetString(inner(c, root))
		if at := lookup(acme, "httpChallenge"); c.Traefik.Own && at.Kind == yaml.MappingNode {
			at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "delay"}, &yaml.Node{Kind: yaml.ScalarNode, Value: challengeDelay})
		}
	}
	return asked, nil
}

// inner is the entry point of an edge's own API, which no authority reaches.
func inner(c stack.Config, root *yaml.Node) string {
	var points map[string]struct {
		Address string `yaml:"address"`
	}
	if at := lookup(root, "entryPoints"); at != nil {
		_ = at.Decode(&points) // what cannot be read is Traefik's to tell
	}
	for _, name := range slices.Sorted(maps.Keys(points)) {
		if points[name].Address == fmt.Sprintf(":%d", c.Traefik.APIPort) {
			return name
		}
	}
	return "traefik"
}

// Challenge is the dynamic file by which so many edges ask each other; false: they
// order nothing. A question that an edge knows no answer to gets 404 from it, so it is
// asked again. Who is asked in turn may be asked by others meanwhile: the attempts of
// both buffers multiply, so that a question meets each edge all the same. A path that no
// authority asks for (RFC 8555, section 8.3) is nobody's.
func Challenge(c stack.Config, e stack.EdgeConfig, edges int) (stack.File, bool, error) {
	var hosts []string
	for _, h := range e.Certified() {
		hosts = append(hosts, fmt.Sprintf("Host(`%s`)", h))
	}
	if e.Asked == "" || len(hosts) == 0 || edges < 2 {
		return stack.File{}, false, nil
	}
	var servers []object
	for n := range edges {
		servers = append(servers, object{"url": fmt.Sprintf("http://%s:%d", stack.ReplicaContainer(c.Project, c.Traefik.Service, n+1), c.Traefik.APIPort)})
	}
	rule := fmt.Sprintf("PathRegexp(`^%s[A-Za-z0-9_-]{22,}$`) && (%s)", regexp.QuoteMeta(challengePath), strings.Join(hosts, " || "))
	again := object{"buffering": object{"retryExpression": fmt.Sprintf("ResponseCode() > 399 && Attempts() < %d", min(2*edges, mostAttempts))}}
	raw, err := yaml.Marshal(object{"http": object{
		"routers": object{ChallengeName: object{"rule": rule, "entryPoints": []string{e.Asked}, "priority": 1 << 20, "service": ChallengeName,
			"middlewares": []string{ChallengeName + "-rate", ChallengeName + "-again", ChallengeName + "-each"}}},
		"middlewares": object{
			ChallengeName + "-rate":  object{"rateLimit": object{"average": 50, "burst": 1000}},
			ChallengeName + "-again": again, ChallengeName + "-each": again},
		"services":          object{ChallengeName: object{"loadBalancer": object{"servers": servers, "serversTransport": ChallengeName}}},
		"serversTransports": object{ChallengeName: object{"forwardingTimeouts": object{"dialTimeout": challengeDial, "responseHeaderTimeout": "2s"}}},
	}})
	return stack.File{Path: stack.ChallengeFile, Mode: 0o644, Content: raw}, true, err
}

// IsChallenge reports whether a file is as Challenge makes it, for some number of edges.
func IsChallenge(c stack.Config, e stack.EdgeConfig, content []byte) bool {
	var doc struct {
		HTTP struct {
			Services map[string]struct {
				LoadBalancer struct {
					Servers []any `yaml:"servers"`
				} `yaml:"loadBalancer"`
			} `yaml:"services"`
		} `yaml:"http"`
	}
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return false
	}
	want, some, err := Challenge(c, e, len(doc.HTTP.Services[ChallengeName].LoadBalancer.Servers))
	return err == nil && some && bytes.Equal(want.Content, content)
}
