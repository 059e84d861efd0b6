package infer

import (
	"slices"
	"strings"
)

// keptHosts are proxies whose hosts lie in a database or in files that they made
// themselves. They get certificates, and send plain HTTP to HTTPS, so that nothing
// of them works behind the edge.
var keptHosts = []string{"nginx-proxy-manager", "nginxproxymanager", "swag", "linuxserver/letsencrypt", "https-portal", "zoraxy"}

// keepsHosts reports whether a service is one of those, before services of the
// project that visitors may be meant to reach.
func keepsHosts(s Service, services []Service) bool {
	if !names(keptHosts, Repository(s.Image)) {
		return false
	}
	for _, other := range services {
		if other.Name != s.Name && other.Deployed && !names(keptHosts, Repository(other.Image)) && keeps(other, services) == "" {
			return true
		}
	}
	return false
}

// portalRoutes are the routes that https-portal has in its variable DOMAINS:
// `example.org -> http://web:8080, …`.
func portalRoutes(s Service, services []Service) []labelled {
	var out []labelled
	if !names([]string{"https-portal"}, Repository(s.Image)) {
		return nil
	}
	for one := range strings.SplitSeq(s.Environment["DOMAINS"], ",") {
		host, to, _ := strings.Cut(one, "->")
		to, _, _ = strings.Cut(strings.TrimSpace(to), " ")
		r := labelled{host: strings.TrimSpace(host)}
		if at := strings.LastIndex(r.host, "@"); at >= 0 { // user:password@host
			r.host, r.guarded = r.host[at+1:], true
		}
		if r.leadTo(to, services) {
			out = append(out, r)
		}
	}
	return out
}

// fromProxies are the routes that are kept at a proxy which is left out, not at the
// services.
func fromProxies(services []Service, left map[string]string) []labelled {
	var out []labelled
	for _, s := range services {
		if left[s.Name] == "" {
			continue
		}
		for _, l := range slices.Concat(caddyfileRoutes(s, services), portalRoutes(s, services)) {
			if l.told = "the settings of " + s.Name + " say so"; left[l.service] == "" {
				out = append(out, l)
			}
		}
	}
	return out
}

// dropped tells what of a proxy that is left out is not carried.
func (r *Routing) dropped(s Service, services []Service) {
	_, serves := proxyOf(s, services)
	switch files := uncarriedFiles(s); {
	case serves && s.Build && s.Image == "":
		r.tell(s.Name, "what is built into its image beside the labels is not carried: write its routes, and what they ask of visitors, under routes")
	case s.LeadsByFiles && s.OtherRouters > 0:
		r.tell(s.Name, "of its routes those to services of the project at a site's own ports are carried; %d more are not: compare its files, and write what is missing under routes", s.OtherRouters)
	case s.LeadsByFiles:
		r.tell(s.Name, "of what its files say, routes to services of the project are carried, and nothing else: compare, and write what is missing under routes")
	case serves && len(files) > 0:
		r.tell(s.Name, "of what its files say beside the labels, routes to services of the project are carried, and nothing else (%s): compare, and write what is missing under routes", strings.Join(files, ", "))
	case keepsHosts(s, services) && len(portalRoutes(s, services)) == 0:
		r.tell(s.Name, "its hosts are in settings of its own, and are not carried: give each a route, such as --route NAME=SERVICE:PORT")
	}
}
