package release

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/infer"
)

// dynamic is what a file of a Traefik says of routes.
type dynamic struct {
	EntryPoints map[string]struct{ Address string } `yaml:"entryPoints"`
	HTTP        struct {
		Routers  map[string]router
		Services map[string]struct {
			LoadBalancer struct {
				Servers []struct{ URL string }
				Sticky  map[string]any
			} `yaml:"loadBalancer"`
		}
		Middlewares map[string]any
	}
}

// router is one route of such a file.
type router struct {
	Rule, Service string
	Middlewares   []string
	EntryPoints   []string `yaml:"entryPoints"`
}

// elsewhere reports whether a router is for ports alone that are not a site's, by what
// the file says of them.
func (d dynamic) elsewhere(r router) bool {
	other := 0
	for _, name := range r.EntryPoints {
		if address := d.EntryPoints[name].Address; address != "" && !strings.HasSuffix(address, ":80") && !strings.HasSuffix(address, ":443") {
			other++
		}
	}
	return other > 0 && other == len(r.EntryPoints)
}

// routedByFiles gives services the routes that files of a Traefik have for them, as
// labels would: they are decided on in the same way, and nothing of it is deployed. One
// that is built with files which only lead to services is marked.
func (d Draft) routedByFiles(services []infer.Service) {
	for i, s := range services {
		built := d.builtTraefik(s.Name)
		if !infer.ServedByTraefik(s) && len(built) == 0 {
			continue
		}
		led, others := 0, 0
		for _, file := range append(d.mountedFiles(s.Name), built...) {
			var has dynamic
			if !slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(file)) {
				continue
			}
			if raw, err := readBounded(file); err != nil || yaml.Unmarshal(raw, &has) != nil {
				continue // what is no such file, or one with templates
			}
			services[i].Labels = labelsOf(services[i].Labels, "traefik.http.middlewares", has.HTTP.Middlewares)
			for _, name := range sortedKeys(has.HTTP.Routers) {
				switch {
				case strings.HasSuffix(has.HTTP.Routers[name].Service, "@internal"):
				case !has.elsewhere(has.HTTP.Routers[name]) && has.lead(services, name):
					led++
				default:
					others++
				}
			}
		}
		services[i].LeadsByFiles = len(built) > 0 && led > 0
		services[i].OtherRouters = others
	}
}

// lead adds the labels of a router to the service that it leads to, and reports whether there
// is one.
func (d dynamic) lead(services []infer.Service, name string) bool {
	router := d.HTTP.Routers[name]
	to, _, _ := strings.Cut(router.Service, "@")
	balancer := d.HTTP.Services[to].LoadBalancer
	name, _, _ = strings.Cut(name, "@")
	for _, server := range balancer.Servers[:min(1, len(balancer.Servers))] {
		return leadByLabels(services, server.URL, name, map[string]any{"rule": router.Rule, "middlewares": strings.Join(router.Middlewares, ",")}, balancer.Sticky)
	}
	return false
}

// leadByLabels adds to the service at an address the labels of a router, and of how
// visitors are kept at one replica. It reports whether there is one.
func leadByLabels(services []infer.Service, address, name string, router, sticky map[string]any) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	i := slices.IndexFunc(services, func(s infer.Service) bool { return s.Name == u.Hostname() || s.ContainerName == u.Hostname() })
	if i < 0 || strings.EqualFold(services[i].Labels["traefik.enable"], "false") && router["rule"] == "" {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	name += infer.OfFiles
	router["service"] = name
	balancer := map[string]any{"server": map[string]any{"port": port, "scheme": u.Scheme}}
	if sticky != nil {
		balancer["sticky"] = sticky
	}
	services[i].Labels = labelsOf(services[i].Labels, "traefik.http.routers."+name, router)
	services[i].Labels = labelsOf(services[i].Labels, "traefik.http.services."+name+".loadbalancer", balancer)
	return true
}

// labelsOf adds to a copy of labels what a mapping says, with its keys in a row.
func labelsOf(labels map[string]string, below string, of map[string]any) map[string]string {
	out := map[string]string{}
	for key, value := range labels {
		out[key] = value
	}
	for key, value := range of {
		switch value := value.(type) {
		case map[string]any:
			out = labelsOf(out, below+"."+strings.ToLower(key), value)
			if len(value) == 0 {
				out[below+"."+strings.ToLower(key)] = ""
			}
		case []any:
			texts := make([]string, len(value))
			for i, one := range value {
				texts[i] = fmt.Sprint(one)
			}
			out[below+"."+strings.ToLower(key)] = strings.Join(texts, ",")
		default:
			out[below+"."+strings.ToLower(key)] = fmt.Sprint(value)
		}
	}
	return out
}

// mostMounted bounds the files of one folder that are looked at.
const mostMounted = 100

// mountedFiles are the files of the project that a service mounts, alone or with
// their folder.
func (d Draft) mountedFiles(service string) []string {
	var out []string
	for _, use := range d.bindUses() {
		if use.service != service || filepath.IsAbs(use.source) || strings.HasPrefix(use.source, "~") {
			continue
		}
		at := d.path(use.source)
		entries, err := os.ReadDir(at)
		if err != nil {
			out = append(out, at)
			continue
		}
		for _, e := range entries[:min(mostMounted, len(entries))] {
			out = append(out, filepath.Join(at, e.Name()))
		}
	}
	return out
}
