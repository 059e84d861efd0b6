package headers

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// claims are the request headers by which the edge tells services who asks.
var claims = []string{"x-forwarded-for", "x-real-ip", "forwarded", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-user", "remote-user"}

// errorPages finds answers of guards that are replaced by a service's page: it
// is fetched without any guard.
func (j *judge) errorPages(r traefik.Router, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	for _, name := range r.Middlewares {
		mw := j.model.Middlewares[name]
		if mw.Kind != "errors" {
			continue
		}
		pages := j.upstreams(mw.Node.Text("service"), 0)
		for _, other := range j.model.Routers {
			if _, staff := j.staff(other); !staff || other.TCP {
				continue
			}
			if up := j.upstreams(other.Service, 0); slices.ContainsFunc(up, func(s string) bool { return slices.Contains(pages, s) }) {
				finding(staffBypassRule, "a refusal is answered with a page of the staff", "error pages of a public service", name+" from "+strings.Join(pages, ", "), "take the pages from another service, or remove "+name)
				return
			}
		}
	}
}

func (j *judge) middleware(mw traefik.Middleware) {
	finding := func(rule stack.Rule, problem, expected, observed, fix string) {
		j.add(stack.Finding{Subject: "middleware " + mw.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: mw.File, Line: mw.Line})
	}
	switch mw.Kind {
	case "ipallowlist", "ipwhitelist":
		list := mw.Node.List("sourceRange")
		empty := !slices.ContainsFunc(list, func(v string) bool { return strings.TrimSpace(v) != "" })
		switch wide := probe.TooWide(list); {
		case empty:
			finding(staffAllowlistRule, "the allowlist is empty", "networks of the staff", "none", "name them in sourceRange")
		case wide != "":
			finding(staffAllowlistRule, "the allowlist lets everybody in", "networks of the staff", wide, "name single addresses or small networks")
		case dockersOwn(list) != "":
			finding(staffAllowlistRule, "the allowlist lets in whoever comes through Docker's proxy", "networks of the staff", dockersOwn(list)+", which holds Docker's networks", "name single addresses or small networks")
		}
		if bad := slices.IndexFunc(list, func(v string) bool { return strings.TrimSpace(v) != "" && !isNetwork(strings.TrimSpace(v)) }); bad >= 0 {
			finding(staffAllowlistRule, "the allowlist holds what is no address", "addresses and networks", probe.Shown(list[bad]), "correct it; the edge would switch the routes off")
		}
		if code, err := strconv.Atoi(mw.Node.Text("rejectStatusCode")); err == nil && code/100 != 4 {
			finding(staffWorksRule, "who is refused is not told so", "a rejectStatusCode of 4xx, such as 403", strconv.Itoa(code), "remove rejectStatusCode")
		}
		if claimed(mw.Node.First("ipStrategy")) {
			finding(clientAddressRule, "the allowlist believes what clients say of their address", "the address of the connection", "ipStrategy", "remove ipStrategy")
		}
	case "basicauth", "digestauth":
		if len(mw.Node.List("users")) > 0 {
			finding(usersFileRule, "passwords of the guard stand in the routes' file", "a usersFile among the secrets", "users", "move them to a secret, and name it in usersFile")
		}
		if mw.Node.Text("usersFile") == "" && len(mw.Node.List("users")) == 0 {
			finding(usersFileRule, "the password guard has no users", "users, or a usersFile", "none", "name a usersFile")
		}
		j.usersFile(mw, finding)
	case "forwardauth":
		j.forwarded(mw, finding)
	case "ratelimit", "inflightreq":
		j.limit(mw, finding)
	case "redirectscheme":
		if scheme := mw.Node.Text("scheme"); !strings.EqualFold(scheme, "https") {
			finding(plainHTTPRule, "the redirect leads to plain HTTP", "scheme: https", cmp.Or(scheme, "none"), "write scheme: https")
		}
		if strings.EqualFold(mw.Node.Text("scheme"), "https") && !mw.Node.Truth("permanent") {
			finding(redirectPermanentRule, "the redirect to https is not permanent", "permanent: true", "a redirect for once", "write permanent: true")
		}
	case "headers":
		j.told(mw, finding)
		j.origins(mw, finding)
	}
}

// told judges what services are told in the client's place.
func (j *judge) told(mw traefik.Middleware, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	for _, claimed := range mw.Node.Find("customRequestHeaders") {
		for _, k := range claimed.Kids {
			switch name := strings.ToLower(k.Name); {
			case slices.Contains(claims, name):
				finding(requestHeadersRule, "services are told another client than the one that asks", "the address of the connection", k.Name+": "+probe.Shown(k.Value), "remove it from customRequestHeaders")
			case slices.Contains(origins, name):
				finding(requestHeadersRule, "services cannot see from which site a request comes", "the client's own "+k.Name, k.Name+": "+cmp.Or(probe.Shown(k.Value), "taken away"), "remove it from customRequestHeaders")
			case k.Value != "" && secretHeader(name):
				finding(requestHeadersRule, "every visitor gets a login", "no "+k.Name+" in the routes' file", k.Name+" with a value", "remove it from customRequestHeaders, and replace the credential")
			}
		}
	}
}

// origins are the request headers on which a service's check of the origin
// rests.
var origins = []string{"origin", "referer", "sec-fetch-site", "sec-fetch-mode"}

// origins judges which other sites may read answers with the user's cookies.
func (j *judge) origins(mw traefik.Middleware, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	sent := declaredHeaders(mw.Node)
	if strings.EqualFold(sent["access-control-allow-credentials"], "true") || mw.Node.Truth("accessControlAllowCredentials") {
		list := mw.Node.List("accessControlAllowOriginList")
		if v := sent["access-control-allow-origin"]; v != "" {
			list = append(list, v)
		}
		for _, origin := range list {
			switch origin = strings.ToLower(strings.TrimSpace(origin)); {
			case origin == "*" || origin == "null":
				finding(corsRule, "every site may read answers with the user's cookies", "named origins", "origin "+origin, "name the origins: any page can be of the origin null")
			case strings.HasPrefix(origin, "http://"):
				finding(corsRule, "whoever is on the way may read answers with the user's cookies", "origins with https", "origin "+probe.Shown(origin), "write https://")
			}
		}
		if len(mw.Node.List("accessControlAllowOriginListRegex")) > 0 {
			finding(corsRule, "origins are allowed by pattern together with cookies", "named origins", "accessControlAllowOriginListRegex", "name the origins")
		}
	}
}

func isNetwork(v string) bool {
	if _, err := netip.ParsePrefix(v); err == nil {
		return true
	}
	_, err := netip.ParseAddr(v)
	return err == nil
}
