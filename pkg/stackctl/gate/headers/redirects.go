package headers

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// redirects reports whether a router only leads elsewhere: every request gets the
// redirect, and none gets to the service behind it.
func (j *judge) redirects(r traefik.Router) bool {
	return slices.ContainsFunc(r.Middlewares, func(name string) bool {
		mw := j.model.Middlewares[name]
		switch mw.Kind {
		case "redirectscheme":
			// The edge redirects where the scheme differs, and passes on otherwise.
			return strings.EqualFold(mw.Node.Text("scheme"), "https") != r.TLS
		case "redirectregex":
			return redirectsAll(mw.Node, r)
		}
		return false
	})
}

// redirectsAll tries a redirectRegex on what a visitor may ask of the router.
func redirectsAll(n *traefik.Node, r traefik.Router) bool {
	re, err := regexp.Compile(n.Text("regex"))
	if err != nil || len(r.Hosts) == 0 {
		return false
	}
	for _, at := range asked(r) {
		if !re.MatchString(at) {
			return false
		}
	}
	return true
}

// asked are URLs that a visitor may ask of a router.
func asked(r traefik.Router) []string {
	scheme := "http://"
	if r.TLS {
		scheme = "https://"
	}
	var out []string
	for _, h := range r.Hosts {
		for _, at := range []string{"/", "/zz", "/zz/yy?x=1", "//elsewhere.invalid/", "/elsewhere.invalid/zz", "/zz?x=https://elsewhere.invalid/"} {
			out = append(out, scheme+h+at)
		}
	}
	return out
}

// openRedirects finds redirects to plain HTTP, and those whose aim the visitor
// chooses (ASVS 3.7.2).
func (j *judge) openRedirects(r traefik.Router, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	for _, name := range r.Middlewares {
		mw := j.model.Middlewares[name]
		re, err := regexp.Compile(mw.Node.Text("regex"))
		if mw.Kind != "redirectregex" || err != nil {
			continue
		}
		for _, at := range asked(r) {
			if !re.MatchString(at) {
				continue
			}
			to, err := url.Parse(re.ReplaceAllString(at, mw.Node.Text("replacement")))
			if err != nil {
				continue
			}
			switch {
			case strings.HasSuffix(to.Hostname(), "elsewhere.invalid"):
				finding(openRedirectRule, "a redirect leads where the visitor says", "a host that the file names", name+": "+probe.Shown(mw.Node.Text("replacement")), "take the host from the request's host, or write it out")
			case to.Scheme == "http":
				finding(plainHTTPRule, "a redirect leads to plain HTTP", "https", name+": "+probe.Shown(mw.Node.Text("replacement")), "write https:// in replacement")
			default:
				continue
			}
			break
		}
	}
}

// shadowed finds unguarded routers that get a staff host's requests before
// the guarded one does. A staff router's own missing guard is another rule's.
func (j *judge) shadowed() {
	told := map[string]bool{}
	for _, r := range j.model.Routers {
		if _, staff := j.staff(r); r.TCP || !staff || !r.Public() {
			continue
		}
		if password, address := j.guards(r); !password && !address {
			continue
		}
		for _, ask := range met(r) {
			taker, first := j.taker(ask)
			if taker != nil {
				first = append(first, *taker)
			}
			for _, other := range first {
				if _, own := j.staff(other); own || !j.leads(other) || told[other.Name] {
					continue
				}
				told[other.Name] = true
				j.onRouter(staffBypassRule, other, "it takes requests for a staff host past its guards", "the guards of router "+r.Name, other.Rule+" meets "+ask.Host+ask.Path, "narrow its rule, or guard it")
			}
		}
	}
}

// met are requests that a router answers, if it gets them: on each of its hosts one
// for any path, or where its rule names paths one at each and one below it.
func met(r traefik.Router) []traefik.Request {
	paths := []string{"/zz"}
	for _, m := range ruledPath.FindAllStringSubmatch(r.Rule, 16) {
		at := strings.TrimSuffix(m[1]+m[2], "/")
		paths = append(paths, cmp.Or(at, "/"), at+"/zz")
	}
	var out []traefik.Request
	for _, host := range r.Hosts {
		for _, path := range paths {
			if ask := (traefik.Request{Host: host, Path: path, Method: "GET"}); traefik.Meets(r.Rule, ask) != traefik.No {
				out = append(out, ask)
			}
		}
	}
	return out
}

// ruledPath finds what a rule says of the path.
var ruledPath = regexp.MustCompile("(?i)path(?:prefix)?\\((?:`([^`]*)`|\"([^\"]*)\")")
