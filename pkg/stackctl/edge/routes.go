package edge

import (
	"net/url"
	"regexp"
	"sort"
	"strconv"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// document is the part of a dynamic file that routes are read from.
type document struct {
	HTTP struct {
		Routers map[string]struct {
			Rule        string   `yaml:"rule"`
			EntryPoints []string `yaml:"entryPoints"`
			Middlewares []string `yaml:"middlewares"`
			Service     string   `yaml:"service"`
			TLS         struct {
				CertResolver string `yaml:"certResolver"`
			} `yaml:"tls"`
		} `yaml:"routers"`
		Services map[string]struct {
			LoadBalancer struct {
				Servers []struct {
					URL string `yaml:"url"`
				} `yaml:"servers"`
			} `yaml:"loadBalancer"`
		} `yaml:"services"`
	} `yaml:"http"`
}

var (
	hostMatcher = regexp.MustCompile("\\bHost\\(([^)]*)\\)")
	hostName    = regexp.MustCompile("[`\"]([^`\"]+)[`\"]")
)

// Routes reads the routers of rendered dynamic files, sorted by name.
func Routes(files []stack.File) ([]stack.Route, error) {
	var out []stack.Route
	docs := make([]document, len(files))
	upstreams := map[string]*url.URL{}
	for i, f := range files {
		if err := yaml.Unmarshal(f.Content, &docs[i]); err != nil {
			line, text := errorLine(err)
			return nil, stack.Usage(f.Path, line, text, "correct the file")
		}
		for name, s := range docs[i].HTTP.Services {
			for _, server := range s.LoadBalancer.Servers {
				if u, err := url.Parse(server.URL); err == nil {
					upstreams[name] = u
				}
			}
		}
	}
	for i, f := range files {
		for name, r := range docs[i].HTTP.Routers {
			route := stack.Route{Name: name, Rule: r.Rule, EntryPoints: r.EntryPoints, Middlewares: r.Middlewares, File: f.Path, Hosts: hosts(r.Rule)}
			if u := upstreams[r.Service]; u != nil {
				route.Service = stack.ReplicaService(u.Hostname())
				route.Port, _ = strconv.Atoi(u.Port())
			}
			route.Resolver = r.TLS.CertResolver
			out = append(out, route)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// hosts are the names in a rule's Host matchers.
func hosts(rule string) []string {
	var out []string
	for _, m := range hostMatcher.FindAllStringSubmatch(rule, -1) {
		for _, h := range hostName.FindAllStringSubmatch(m[1], -1) {
			out = append(out, h[1])
		}
	}
	return out
}
