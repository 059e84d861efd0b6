package gate

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// claims are the request headers by which the edge tells services who asks.
var claims = []string{"x-forwarded-for", "x-real-ip", "forwarded", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-user", "remote-user"}

// errorPages finds answers of guards that are replaced by a service's page: it
// is fetched without any guard.
func (j *headerJudge) errorPages(r edgeRouter, finding func(problem, expected, observed, fix string)) {
	for _, name := range r.middlewares {
		mw := j.model.middlewares[name]
		if mw.kind != "errors" {
			continue
		}
		pages := j.upstreams(mw.node.text("service"), 0)
		for _, other := range j.model.routers {
			if _, staff := j.staff(other); !staff || other.tcp {
				continue
			}
			if up := j.upstreams(other.service, 0); slices.ContainsFunc(up, func(s string) bool { return slices.Contains(pages, s) }) {
				finding("a refusal is answered with a page of the staff", "error pages of a public service", name+" from "+strings.Join(pages, ", "), "take the pages from another service, or remove "+name)
				return
			}
		}
	}
}

func (j *headerJudge) middleware(mw edgeMiddleware) {
	finding := func(problem, expected, observed, fix string) {
		j.add(stack.Finding{Subject: "middleware " + mw.name, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: mw.file, Line: mw.line})
	}
	switch mw.kind {
	case "ipallowlist", "ipwhitelist":
		list := mw.node.list("sourceRange")
		empty := !slices.ContainsFunc(list, func(v string) bool { return strings.TrimSpace(v) != "" })
		switch wide := tooWide(list); {
		case empty:
			finding("the allowlist is empty", "networks of the staff", "none", "name them in sourceRange")
		case wide != "":
			finding("the allowlist lets everybody in", "networks of the staff", wide, "name single addresses or small networks")
		case dockersOwn(list) != "":
			finding("the allowlist lets in whoever comes through Docker's proxy", "networks of the staff", dockersOwn(list)+", which holds Docker's networks", "name single addresses or small networks")
		}
		if bad := slices.IndexFunc(list, func(v string) bool { return strings.TrimSpace(v) != "" && !isNetwork(strings.TrimSpace(v)) }); bad >= 0 {
			finding("the allowlist holds what is no address", "addresses and networks", shorten(list[bad]), "correct it; the edge would switch the routes off")
		}
		if code, err := strconv.Atoi(mw.node.text("rejectStatusCode")); err == nil && code/100 != 4 {
			finding("who is refused is not told so", "a rejectStatusCode of 4xx, such as 403", strconv.Itoa(code), "remove rejectStatusCode")
		}
		if claimed(mw.node.first("ipStrategy")) {
			finding("the allowlist believes what clients say of their address", "the address of the connection", "ipStrategy", "remove ipStrategy")
		}
	case "basicauth", "digestauth":
		if len(mw.node.list("users")) > 0 {
			finding("passwords of the guard stand in the routes' file", "a usersFile among the secrets", "users", "move them to a secret, and name it in usersFile")
		}
		if mw.node.text("usersFile") == "" && len(mw.node.list("users")) == 0 {
			finding("the password guard has no users", "users, or a usersFile", "none", "name a usersFile")
		}
		j.usersFile(mw, finding)
	case "forwardauth":
		j.forwarded(mw, finding)
	case "ratelimit", "inflightreq":
		j.limit(mw, finding)
	case "redirectscheme":
		if scheme := mw.node.text("scheme"); !strings.EqualFold(scheme, "https") {
			finding("the redirect leads to plain HTTP", "scheme: https", cmp.Or(scheme, "none"), "write scheme: https")
		}
		if strings.EqualFold(mw.node.text("scheme"), "https") && !mw.node.truth("permanent") {
			finding("the redirect to https is not permanent", "permanent: true", "a redirect for once", "write permanent: true")
		}
	case "headers":
		j.told(mw, finding)
		j.origins(mw, finding)
	}
}

// told judges what services are told in the client's place.
func (j *headerJudge) told(mw edgeMiddleware, finding func(problem, expected, observed, fix string)) {
	for _, claimed := range mw.node.find("customRequestHeaders") {
		for _, k := range claimed.kids {
			switch name := strings.ToLower(k.name); {
			case slices.Contains(claims, name):
				finding("services are told another client than the one that asks", "the address of the connection", k.name+": "+shorten(k.value), "remove it from customRequestHeaders")
			case slices.Contains(origins, name):
				finding("services cannot see from which site a request comes", "the client's own "+k.name, k.name+": "+cmp.Or(shorten(k.value), "taken away"), "remove it from customRequestHeaders")
			case k.value != "" && secretHeader(name):
				finding("every visitor gets a login", "no "+k.name+" in the routes' file", k.name+" with a value", "remove it from customRequestHeaders, and replace the credential")
			}
		}
	}
}

// origins are the request headers on which a service's check of the origin
// rests.
var origins = []string{"origin", "referer", "sec-fetch-site", "sec-fetch-mode"}

// origins judges which other sites may read answers with the user's cookies.
func (j *headerJudge) origins(mw edgeMiddleware, finding func(problem, expected, observed, fix string)) {
	sent := declaredHeaders(mw.node)
	if strings.EqualFold(sent["access-control-allow-credentials"], "true") || mw.node.truth("accessControlAllowCredentials") {
		list := mw.node.list("accessControlAllowOriginList")
		if v := sent["access-control-allow-origin"]; v != "" {
			list = append(list, v)
		}
		for _, origin := range list {
			switch origin = strings.ToLower(strings.TrimSpace(origin)); {
			case origin == "*" || origin == "null":
				finding("every site may read answers with the user's cookies", "named origins", "origin "+origin, "name the origins: any page can be of the origin null")
			case strings.HasPrefix(origin, "http://"):
				finding("whoever is on the way may read answers with the user's cookies", "origins with https", "origin "+shorten(origin), "write https://")
			}
		}
		if len(mw.node.list("accessControlAllowOriginListRegex")) > 0 {
			finding("origins are allowed by pattern together with cookies", "named origins", "accessControlAllowOriginListRegex", "name the origins")
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
