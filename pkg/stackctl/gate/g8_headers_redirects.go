package gate

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// redirects says that a router only leads elsewhere: every request gets the
// redirect, and none gets to the service behind it.
func (j *headerJudge) redirects(r edgeRouter) bool {
	return slices.ContainsFunc(r.middlewares, func(name string) bool {
		mw := j.model.middlewares[name]
		switch mw.kind {
		case "redirectscheme":
			// The edge redirects where the scheme differs, and passes on otherwise.
			return strings.EqualFold(mw.node.text("scheme"), "https") != r.tls
		case "redirectregex":
			return redirectsAll(mw.node, r)
		}
		return false
	})
}

// redirectsAll tries a redirectRegex on what a visitor may ask of the router.
func redirectsAll(n *edgeNode, r edgeRouter) bool {
	re, err := regexp.Compile(n.text("regex"))
	if err != nil || len(r.hosts) == 0 {
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
func asked(r edgeRouter) []string {
	scheme := "http://"
	if r.tls {
		scheme = "https://"
	}
	var out []string
	for _, h := range r.hosts {
		for _, at := range []string{"/", "/zz", "/zz/yy?x=1", "//elsewhere.invalid/", "/elsewhere.invalid/zz", "/zz?x=https://elsewhere.invalid/"} {
			out = append(out, scheme+h+at)
		}
	}
	return out
}

// openRedirects finds redirects to plain HTTP, and those whose aim the visitor
// chooses (ASVS 3.7.2).
func (j *headerJudge) openRedirects(r edgeRouter, finding func(problem, expected, observed, fix string)) {
	for _, name := range r.middlewares {
		mw := j.model.middlewares[name]
		re, err := regexp.Compile(mw.node.text("regex"))
		if mw.kind != "redirectregex" || err != nil {
			continue
		}
		for _, at := range asked(r) {
			if !re.MatchString(at) {
				continue
			}
			to, err := url.Parse(re.ReplaceAllString(at, mw.node.text("replacement")))
			if err != nil {
				continue
			}
			switch {
			case strings.HasSuffix(to.Hostname(), "elsewhere.invalid"):
				finding("a redirect leads where the visitor says", "a host that the file names", name+": "+shorten(mw.node.text("replacement")), "take the host from the request's host, or write it out")
			case to.Scheme == "http":
				finding("a redirect leads to plain HTTP", "https", name+": "+shorten(mw.node.text("replacement")), "write https:// in replacement")
			default:
				continue
			}
			break
		}
	}
}

// shadowed finds unguarded routers that get a staff host's requests before
// the guarded one does.
func (j *headerJudge) shadowed() {
	told := map[string]bool{}
	for _, r := range j.model.routers {
		if _, staff := j.staff(r); r.tcp || !staff || !r.public() {
			continue
		}
		for _, h := range r.hosts {
			taker, first := j.taker(ruleAsk{host: h, path: "/zz", method: "GET"})
			if taker != nil {
				first = append(first, *taker)
			}
			for _, other := range first {
				password, address := j.guards(other)
				if password && address || !j.leads(other) || told[other.name] {
					continue
				}
				told[other.name] = true
				j.onRouter(other, "it takes requests for a staff host past its guards", "the guards of router "+r.name, other.rule+" meets "+h, "narrow its rule, or guard it")
			}
		}
	}
}
