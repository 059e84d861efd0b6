package edge

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

var mark = regexp.MustCompile(`(?m)^# stackctl: release ([0-9a-f]{12})$`)

// Point rewrites dynamic files so that the upstreams of the app services are
// those of one release: upstreams are their host names, by service. The first
// line of each file names the release.
func Point(files []stack.File, id string, upstreams map[string]string) ([]stack.File, error) {
	out := make([]stack.File, 0, len(files))
	for _, f := range files {
		doc, root, err := parse(f.Path, f.Content)
		if err != nil {
			return nil, err
		}
		for _, at := range addresses(root) {
			at.Value = upstream(at.Value, upstreams)
		}
		doc.HeadComment = ""
		raw, err := encode(doc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		f.Content = append([]byte("# stackctl: release "+id+"\n"), raw...)
		out = append(out, f)
	}
	return out, nil
}

// addresses are the places of a dynamic file that name a container: servers of
// HTTP, TCP and UDP services, and what middlewares ask whether a visitor may in.
func addresses(root *yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	add := func(at *yaml.Node) {
		if at != nil && at.Kind == yaml.ScalarNode {
			out = append(out, at)
		}
	}
	for _, protocol := range []struct{ name, key string }{{"http", "url"}, {"tcp", "address"}, {"udp", "address"}} {
		for _, service := range values(lookup(root, protocol.name, "services")) {
			servers := lookup(service, "loadBalancer", "servers")
			if servers != nil && servers.Kind == yaml.AliasNode {
				servers = servers.Alias
			}
			if servers == nil || servers.Kind != yaml.SequenceNode {
				continue
			}
			for _, server := range servers.Content {
				add(lookup(server, protocol.key))
			}
		}
	}
	for _, middleware := range values(lookup(root, "http", "middlewares")) {
		add(lookup(middleware, "forwardAuth", "address"))
	}
	return out
}

// values are those of a mapping.
func values(node *yaml.Node) []*yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	var out []*yaml.Node
	if node != nil && node.Kind == yaml.MappingNode {
		for i := 1; i < len(node.Content); i += 2 {
			out = append(out, node.Content[i])
		}
	}
	return out
}

// upstream is an address with the alias of a release in the place of an app
// service's name: a URL, or a host and its port.
func upstream(at string, upstreams map[string]string) string {
	bare := !strings.Contains(at, "://")
	text := at
	if bare {
		text = "tcp://" + at
	}
	u, err := url.Parse(text)
	if err != nil {
		return at
	}
	for name, host := range upstreams {
		if strings.EqualFold(u.Hostname(), name) {
			u.Host = host + strings.TrimPrefix(u.Host, u.Hostname())
			if text = u.String(); bare {
				return strings.TrimPrefix(text, "tcp://")
			}
			return text
		}
	}
	return at
}

// Release reads which release a dynamic file on a host points at; empty: none.
func Release(content []byte) string {
	if m := mark.FindSubmatch(content); m != nil {
		return string(m[1])
	}
	return ""
}

// Live returns the release that the dynamic files of a host lead to; empty: none.
func Live(files []stack.File) string {
	live := ""
	for _, f := range files {
		live = cmp.Or(Release(f.Content), live)
	}
	return live
}

// Routed are the services of a release that dynamic files on a host lead to,
// sorted: whatever names one by its alias of that release counts, or by one
// that lasts.
func Routed(files []stack.File, id string) []string {
	var out []string
	alias := regexp.MustCompile(`([A-Za-z0-9][A-Za-z0-9_.-]*)-(?:live-[0-9a-f]{12}|` + regexp.QuoteMeta(id) + `)(?:-([A-Za-z0-9][A-Za-z0-9_.-]*)-[0-9]+)?\b`)
	for _, f := range files {
		for _, m := range alias.FindAllStringSubmatch(string(f.Content), -1) {
			out = append(out, cmp.Or(m[2], m[1])) // a replica by its container's name, or all by their alias
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Upstreams are the server URLs of the services in dynamic files, by service.
func Upstreams(files []stack.File) (map[string][]string, error) {
	out := map[string][]string{}
	for _, f := range files {
		var d document
		if err := yaml.Unmarshal(f.Content, &d); err != nil {
			line, text := errorLine(err)
			return nil, stack.Usage(f.Path, line, text, "correct the file")
		}
		for name, s := range d.HTTP.Services {
			out[strings.ToLower(name)] = nil
			for _, server := range s.LoadBalancer.Servers {
				out[strings.ToLower(name)] = append(out[strings.ToLower(name)], server.URL)
			}
		}
	}
	return out, nil
}
